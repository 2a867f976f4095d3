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

from console.store import restic_protocol, uploads
from console.store.addresses import RequestedFile
from orgs.backups import folders, gate
from tests.backups import BackingUp, signed_in_device
from tests.store_server import basic
from tests.worlds import user

pytestmark = pytest.mark.django_db
CONTENT = b"pack"
NAME = sha256(CONTENT).hexdigest()


@pytest.fixture
def laptop(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackingUp:
    settings.ARCHIVES = tmp_path
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
