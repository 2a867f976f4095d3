"""Archives of tests that are stored for real: rows with repositories, and their folders in storage roots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from orgs.actions.backups import move_turns
from orgs.backups import folder_sizes, root_marks
from orgs.backups.folders import StorageRoot
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, ArchiveMove, Repository, User
from tests.archive_folders import contents, make_repository
from tests.worlds import device


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """An archive of a test, with the SHA-256 of its files."""

    archive: Archive
    guid: str
    files: dict[str, str]

    def whole_in(self, root: StorageRoot) -> bool:
        """Return whether a root has it under its own name, with all its files as they were."""
        return root.repository(self.guid).is_dir() and contents(root.repository(self.guid)) == self.files

    def lost_in(self, root: StorageRoot) -> int:
        """Return how many of its files a root has not under its own name, or not as they were."""
        found = contents(root.repository(self.guid))
        return sum(found.get(path) != digest for path, digest in self.files.items())

    def state(self) -> tuple[str, str, str | None]:
        """Return its state, where its repository is, and where it moves to."""
        found = Archive.objects.select_related("repository").get(pk=self.archive.pk)
        move = ArchiveMove.objects.filter(archive=found).first()
        return found.state, found.repository.location, move.to if move else None


def stored_archive(owner: User, name: str = "laptop", *, files: int = 12, largest: int = 5000) -> StoredArchive:
    """Return the live archive of a new device of a user, with a folder in the root of live archives."""
    made = device(owner, name)
    folder = storage_roots().live.repository(made.guid)
    if not storage_roots().live.is_there():
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    make_repository(folder, files=files, largest=largest, seed=made.pk)
    archive = made.archives.get()
    archive.size_bytes = folder_sizes.count(folder).size_bytes
    archive.save()
    counted_at = timezone.now() + timedelta(seconds=1)
    Repository.objects.create(archive=archive, password="b" * 43, counted_at=counted_at)
    return StoredArchive(archive, made.guid, contents(folder))


def move_all(*, at: datetime | None = None, stopped: bool = False) -> None:
    """Carry out all moves that wait, as the worker does."""
    move_turns.carry_out_waiting(clock=lambda: at or timezone.now(), stay=lambda: None, turn=600, stopped=stopped)


def make_roots(live: Path, cold: Path) -> None:
    """Make storage roots, with their marks."""
    for folder in (live, cold):
        root_marks.mark(StorageRoot(folder))
