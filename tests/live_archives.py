"""Archives of tests that a real restic has made, in the folder of a device, without the store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from orgs.backups.storage_roots import storage_roots
from tests.backups import BackingUp, signed_in_device
from tests.restic_client import Restic
from tests.stored_archives import make_roots

if TYPE_CHECKING:
    from orgs.models import User


# What names of files may be on Linux: markup, the end of a line, bytes that are no UTF-8, what Windows takes for a path.
HOSTILE = [b"<img src=x onerror=alert(1)>.txt", b"new\nline", b"caf\xe9", b"..\\..\\evil", b"-rf", "ü&\"'.txt".encode()]


class LiveArchive:
    """A device of a user with an archive of restic's, and what was backed up."""

    def __init__(self, owner: User, folder: Path, name: str = "laptop") -> None:
        self.backing_up: BackingUp = signed_in_device(owner, name)
        self.device = self.backing_up.device
        if not storage_roots().live.is_there():
            make_roots(Path(settings.ARCHIVES), Path(settings.COLD_STORAGE))
        self.path = storage_roots().live.repository(self.device.guid)
        self.restic = Restic(str(self.path), self.backing_up.password, folder)
        self.restic.does("init")

    def back_up(self, source: Path) -> str:
        """Back a folder up; return the id of the snapshot."""
        self.restic.does("backup", "--host", self.device.guid, str(source))
        found: list[dict[str, Any]] = json.loads(self.restic.does("snapshots", "--json", "latest"))
        return str(found[-1]["id"])


def make_documents(tmp_path: Path) -> Path:
    """Make a folder with files, a link, and names of every kind; return it."""
    folder = tmp_path / "documents"
    (folder / "letters" / "2026").mkdir(parents=True)
    (folder / "letters" / "to bob.txt").write_text("Dear Bob")
    (folder / "letters" / "2026" / "May.txt").write_text("It is May.")
    (folder / "photo.raw").write_bytes(os.urandom(300_000))
    (folder / "names").mkdir()
    for name in HOSTILE:
        (Path(os.fsdecode(bytes(folder / "names") + b"/" + name))).write_bytes(name)
    (folder / "names" / "a link").symlink_to("/etc/passwd")
    return folder
