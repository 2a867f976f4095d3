"""One program is what computers load, what its SHA-256 belongs to, and what the commands of deployment compare."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from console.presenters import agent_program
from console.presenters.deployment import install_scripts


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """Where the program is, which is not there yet."""
    settings.BASE_DIR = tmp_path
    path = tmp_path / "static" / "agent" / "rollcall-agent"
    path.parent.mkdir(parents=True)
    return path


def what_the_console_gives() -> tuple[bytes, str, str]:
    """Return the program that it serves, the SHA-256 that it serves, and the one in the commands of deployment."""
    browser = Client()
    content = browser.get("/agent/rollcall-agent").content
    digest, _, name = browser.get("/agent/rollcall-agent.sha256").content.decode().strip().partition("  ")
    assert name == "rollcall-agent"
    return content, digest, install_scripts.page().sha256


@pytest.mark.parametrize("later", [b"print(2)\n", b"print('more')\n"])
def test_a_changed_program_is_served_with_its_own_sum(file: Path, later: bytes) -> None:
    for content in (b"print(1)\n", later):
        new = file.with_suffix(".new")
        new.write_bytes(content)
        new.replace(file)
        digest = sha256(content).hexdigest()

        assert what_the_console_gives() == (content, digest, digest)


def test_an_installation_without_the_program_says_so(file: Path) -> None:
    assert agent_program.served() is None
    assert install_scripts.page().sha256 == ""
    for address in ("/agent/rollcall-agent", "/agent/rollcall-agent.sha256"):
        answer = Client().get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "no-program")


def test_an_installation_has_the_program_of_this_repository() -> None:
    found = agent_program.served()

    assert found is not None
    assert found.content.startswith(b"#!/usr/bin/env python3\n")
    assert found.sha256 == sha256(found.content).hexdigest()
