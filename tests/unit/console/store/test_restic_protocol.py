"""What the store answers when its disk or its database fails: words, and nothing left of the upload."""

from __future__ import annotations

import errno
import io
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from console.security import security_log
from console.store import restic_protocol, uploads
from console.store.addresses import RequestedFile
from orgs.actions.devices_by_hand import states
from orgs.backups import folders, gate, root_marks
from orgs.backups.folders import StorageRoot
from orgs.rules.actors import SYSTEM
from tests.backups import BackingUp, signed_in_device
from tests.store_server import basic
from tests.worlds import NOON, user

pytestmark = pytest.mark.django_db
CONTENT = b"pack"
NAME = sha256(CONTENT).hexdigest()


@pytest.fixture
def laptop(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackingUp:
    settings.ARCHIVES = tmp_path
    root_marks.mark(StorageRoot(tmp_path))
    # The connection belongs to the test.
    monkeypatch.setattr(restic_protocol, "close_old_connections", lambda: None)
    made = signed_in_device(user("sean"))
    assert ask(made, "POST", "?create=true") == "200 OK"
    return made


def ask(device: BackingUp, method: str, path: str, body: bytes = b"") -> str:
    lines: list[str] = []
    environ: Any = {
        "RAW_URI": f"/backup/{device.guid}/{path}",
        "REQUEST_METHOD": method,
        "HTTP_AUTHORIZATION": basic(device),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "REMOTE_ADDR": "127.0.0.1",
    }
    restic_protocol.application(environ, lambda status, _headers: lines.append(status))  # type: ignore[arg-type]
    return lines[0]


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (errno.ENOSPC, "507 The backup server has no space left."),
        (errno.EDQUOT, "507 The backup server has no space left."),
        (errno.EIO, "500 The backup server can not read or write its disk."),
    ],
)
def test_a_disk_that_takes_no_more_is_named_and_nothing_is_left(
    laptop: BackingUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, answer: str
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        assert ask(laptop, "POST", f"data/{NAME}", CONTENT) == answer

    repository = tmp_path / laptop.guid
    assert list(folders.uploads(repository).iterdir()) == []
    assert list((repository / "data").rglob(NAME)) == []
    assert ask(laptop, "POST", f"data/{NAME}", CONTENT) == "200 OK"


def test_a_disk_whose_reserve_is_reached_takes_locks_only(
    laptop: BackingUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who restores needs a lock, too."""
    monkeypatch.setattr(uploads, "free_bytes", lambda _folder: 3)

    assert ask(laptop, "POST", f"data/{NAME}", CONTENT) == "507 The backup server has no space left."
    assert list(folders.uploads(tmp_path / laptop.guid).iterdir()) == []
    assert ask(laptop, "POST", f"locks/{NAME}", CONTENT) == "200 OK"
    assert ask(laptop, "DELETE", f"locks/{NAME}") == "200 OK"


def test_a_disk_that_fills_up_during_an_upload_ends_it(
    laptop: BackingUp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free = [1024**3, 1024**3, -1]
    monkeypatch.setattr(uploads, "free_bytes", lambda _folder: free.pop(0))

    answer = uploads.store(
        io.BytesIO(bytes(64 * 1024**2)),
        None,
        repository=tmp_path / laptop.guid,
        file=RequestedFile(laptop.guid, kind="data", name=NAME),
        refused=lambda: None,
    )

    assert (answer.status, free) == (507, [])
    assert list(folders.uploads(tmp_path / laptop.guid).iterdir()) == []


def test_a_lock_whose_folder_moves_away_while_it_is_deleted_is_no_error(
    laptop: BackingUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(laptop, "POST", f"locks/{NAME}", CONTENT) == "200 OK"

    def moved(folder: Path) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))

    monkeypatch.setattr(restic_protocol, "sync_folder", moved)
    assert ask(laptop, "DELETE", f"locks/{NAME}") == "404 Not Found"


def test_a_refusal_is_logged_although_its_mark_can_not_be_kept(
    laptop: BackingUp, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = list[str]()
    monkeypatch.setattr(security_log, "note_from", lambda *_given, **facts: lines.append(facts["code"]))
    settings.VAR = tmp_path / "a file"
    settings.VAR.write_text("no folder")
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)

    assert ask(laptop, "GET", "config").startswith("403")
    assert lines == ["device-blocked"]


def test_a_database_that_is_away_is_named(laptop: BackingUp, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_token: str) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(gate, "of_token", away)

    assert ask(laptop, "GET", "config").startswith("503 The backup server does not reach its database.")


def test_what_was_announced_as_too_large_or_is_too_large_is_refused(
    laptop: BackingUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 3)

    assert ask(laptop, "POST", f"data/{NAME}", CONTENT).startswith("413")
    answer = uploads.store(
        io.BytesIO(CONTENT),
        None,
        repository=tmp_path / laptop.guid,
        file=RequestedFile(laptop.guid, kind="data", name=NAME),
        refused=lambda: None,
    )
    assert answer.status == 413
    assert list(folders.uploads(tmp_path / laptop.guid).iterdir()) == []
