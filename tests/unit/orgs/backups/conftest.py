"""Two storage roots for tests of archives: on the same file system, or on two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from tests.archive_folders import OTHER_DISK, contents, make_repository, other_disk


@dataclass(frozen=True, slots=True)
class Roots:
    """The root of live archives, and that of cold storage."""

    live: StorageRoot
    cold: StorageRoot

    def ordered(self, target: str) -> tuple[StorageRoot, StorageRoot]:
        """Return source and target of a move to ``live`` or ``cold``."""
        return (self.live, self.cold) if target == "cold" else (self.cold, self.live)


def _roots(live: Path, cold: Path) -> Roots:
    found = Roots(StorageRoot(live), StorageRoot(cold))
    for root in (found.live, found.cold):
        root_marks.mark(root)
    return found


@pytest.fixture
def two_disks(tmp_path: Path) -> Iterator[Roots]:
    if OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER_DISK} is no other file system here")
    with other_disk() as folder:
        yield _roots(tmp_path / "live", folder / "cold")


@pytest.fixture(params=["one file system", "two file systems"])
def roots(request: pytest.FixtureRequest, tmp_path: Path) -> Roots:
    if request.param == "one file system":
        return _roots(tmp_path / "live", tmp_path / "cold")
    found: Roots = request.getfixturevalue("two_disks")
    return found


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The files of each repository that tests make, with their SHA-256."""
    make_repository(tmp_path / "pattern")
    return contents(tmp_path / "pattern")
