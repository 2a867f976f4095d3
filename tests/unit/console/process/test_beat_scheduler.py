"""The clock: it rings for everything as it starts, then at intervals, and keeps nothing on the disk."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from console.celery import TICKS, app
from console.process.beat_scheduler import Clock


def test_everything_is_rung_for_once_as_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clock, rung = Clock(app=app), []
    with (
        mock.patch.object(Clock, "producer", None),
        mock.patch.object(Clock, "apply_entry", lambda self, entry, **_: rung.append(entry.task)),
    ):
        for _ in range(5 * len(TICKS)):
            if clock.tick() > 0:
                break

    assert sorted(rung) == sorted(f"directory.tasks.{name}" for name in TICKS)
    assert list(tmp_path.iterdir()) == []


def test_is_what_beat_uses_whoever_starts_it() -> None:
    assert app.conf.beat_scheduler == "console.process.beat_scheduler:Clock"
