"""A console and a computer for tests of the agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.computers import Computer
from tests.unit.agent.fake_console import FakeConsole, fake_console


@pytest.fixture
def console() -> Iterator[FakeConsole]:
    with fake_console() as running:
        yield running


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[Computer]:
    made = Computer(tmp_path / "home")
    yield made
    made.end()


@pytest.fixture
def registered(console: FakeConsole, computer: Computer) -> Computer:
    done = computer.register(console.address)
    assert done.returncode == 0, done.stderr
    return computer
