"""The status page names storage that is away, and moves of archives that something has stopped."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from directory.status import storage
from directory.status.lines import Line, LineState
from orgs.models import ArchiveMove, MoveTarget
from tests.stored_archives import StoredArchive, make_roots, stored_archive
from tests.worlds import NOON, user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roots(settings: Settings, tmp_path: Path) -> None:
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"


@pytest.fixture
def stored(settings: Settings) -> StoredArchive:
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    return stored_archive(user("sean"))


def lines() -> dict[str, Line]:
    return {line.title: line for line in storage.look(at=NOON + timedelta(hours=1))}


def test_nothing_is_wrong_before_a_device_has_backed_up() -> None:
    assert {line.state for line in lines().values()} == {LineState.OK}
    assert lines()["Cold storage"].fact == "No device has backed up yet."


def test_a_storage_root_says_how_much_is_free(stored: StoredArchive, tmp_path: Path) -> None:
    assert lines()["Live archives"].fact.startswith(f"{tmp_path / 'live'}, ")
    assert lines()["Live archives"].fact.endswith(" free.")


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (10**12, 10**11, LineState.OK),
        (10**12, 10**10, LineState.WARNING),
        (10**12, 0, LineState.PROBLEM),
        # A tenth of a small disk is enough.
        (20 * 1024**3, 3 * 1024**3, LineState.OK),
    ],
)
def test_a_disk_that_is_nearly_full_is_named(
    stored: StoredArchive, monkeypatch: pytest.MonkeyPatch, total: int, free: int, state: LineState
) -> None:
    usage = SimpleNamespace(total=total, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert lines()["Live archives"].state == state


def test_a_storage_root_that_is_away_is_a_problem(stored: StoredArchive, tmp_path: Path) -> None:
    (tmp_path / "cold" / ".rollcall-storage").unlink()
    line = lines()["Cold storage"]
    assert line.state == LineState.PROBLEM
    assert "has no mark of Rollcall" in line.fact
    assert "preparestorage" in line.advice
    (tmp_path / "cold").rmdir()
    line = lines()["Cold storage"]
    assert (line.state, line.fact) == (LineState.PROBLEM, f"The folder {tmp_path / 'cold'} is not there.")
    assert "mounted" in line.advice


def test_moves_are_counted_and_one_that_is_stopped_says_why(stored: StoredArchive) -> None:
    assert lines()["Moves of archives"].fact == "No archive waits to be moved."
    move = ArchiveMove.objects.create(archive=stored.archive, to=MoveTarget.COLD, started_at=NOON)
    line = lines()["Moves of archives"]
    assert (line.state, line.fact, line.at) == (LineState.OK, "1 archive is on its way.", NOON)

    other = stored_archive(user("mia"))
    later = NOON + timedelta(hours=1)
    ArchiveMove.objects.create(archive=other.archive, to=MoveTarget.COLD, started_at=later)
    ArchiveMove.objects.filter(pk=move.pk).update(error="/cold: No space left on device.", tries=2)

    line = lines()["Moves of archives"]
    assert (line.state, line.fact) == (LineState.WARNING, "1 move is stopped: /cold: No space left on device.")
    assert "tried again every ten minutes" in line.advice
    assert line.at == NOON
    ArchiveMove.objects.filter(pk=move.pk).update(error="")
    ArchiveMove.objects.exclude(pk=move.pk).update(error="/cold: No space left on device.")
    assert lines()["Moves of archives"].at == later, "since when the stopped one waits"


def test_a_move_that_waits_for_days_is_a_warning(stored: StoredArchive) -> None:
    ArchiveMove.objects.create(archive=stored.archive, to=MoveTarget.COLD, started_at=NOON - timedelta(days=7))
    line = lines()["Moves of archives"]
    assert (line.state, line.at) == (LineState.WARNING, NOON - timedelta(days=7))
