"""The folder of a computer of the demo."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.process import demo_computers
from console.process.demo_computers import ComputerFolder
from directory.demo.computers import computers, files


@pytest.fixture
def folder(tmp_path: Path) -> ComputerFolder:
    return ComputerFolder(tmp_path, computers()[0])


def registered(folder: ComputerFolder) -> Path:
    folder.settings.mkdir(parents=True)
    file = folder.settings / "settings.json"
    file.write_text(json.dumps({"server": "http://127.0.0.1:1", "store": "http://127.0.0.1:2", "guid": "12"}))
    return file


def test_files_of_a_start_that_was_killed_are_written_anew(folder: ComputerFolder) -> None:
    part = folder.files.with_name("files.part")
    part.mkdir(parents=True)
    (part / "rubbish").touch()

    folder.make_files()
    folder.make_files()

    found = {str(path.relative_to(folder.files)): path.read_bytes() for path in folder.files.rglob("*.*")}
    assert found == dict(files(folder.computer))
    assert not part.exists()


def test_the_agent_follows_rollcall_to_other_ports(folder: ComputerFolder) -> None:
    folder.point_to(console="http://127.0.0.1:8", store="http://127.0.0.1:9")
    assert folder.guid() == ""
    assert not folder.settings.exists()
    file = registered(folder)

    folder.point_to(console="http://127.0.0.1:8", store="http://127.0.0.1:9")

    assert json.loads(file.read_text()) == {"server": "http://127.0.0.1:8", "store": "http://127.0.0.1:9", "guid": "12"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.guid() == "12"


def test_settings_that_are_damaged_are_none(folder: ComputerFolder) -> None:
    registered(folder).write_text("{")

    assert folder.guid() == ""


def test_a_recording_is_new_once_the_last_one_is_backed_up(
    folder: ComputerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_computers, "_RECORDING_BYTES", 2_000_000)
    folder.make_files()

    assert folder.record(last_backup_at=datetime.now(UTC))
    first = folder.recording.read_bytes()
    assert len(first) == 2_000_000
    assert not folder.record(last_backup_at=None)
    assert not folder.record(last_backup_at=datetime.now(UTC) - timedelta(hours=1))
    assert folder.record(last_backup_at=datetime.now(UTC) + timedelta(seconds=1))
    assert folder.recording.read_bytes() != first
