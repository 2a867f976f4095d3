"""What the tests of directories share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import active_directory

pytest.register_assert_rewrite("tests.servers.rollcall", "tests.servers.histories")


@pytest.fixture(scope="session", autouse=True)
def _a_controller_is_stopped() -> Iterator[None]:
    """The domain controller that companies share ends with the tests."""
    yield
    active_directory.stop()
