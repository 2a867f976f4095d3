"""The data folder: for its owner only, whoever made it and whatever was in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from console.process.data_folder import keep_to_owner
from directory.status import keys_https_and_data_folder
from tests.tree import ROOT


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder as an older release left it."""
    folder = tmp_path / "var"
    (folder / "log").mkdir(parents=True)
    for name in ("rollcall.sqlite3", "rollcall.sqlite3-wal", "secret_key", "log/web.log"):
        (folder / name).write_text("")
        (folder / name).chmod(0o644)
    (folder / "log").chmod(0o755)
    folder.chmod(0o755)
    return folder


def test_what_lies_open_is_closed(folder: Path) -> None:
    keep_to_owner(folder)

    assert mode(folder) == mode(folder / "log") == 0o700
    assert {mode(path) for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_a_link_leads_to_nothing_that_is_changed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    outside.chmod(0o755)
    (outside / "file").chmod(0o644)
    (folder / "link").symlink_to(outside)
    (folder / "to a file").symlink_to(outside / "file")

    keep_to_owner(folder)

    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "letter").touch()
    folder.chmod(0o755)

    keep_to_owner(folder)

    assert mode(folder) == 0o755


def test_a_folder_for_everybodys_files_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    (folder / "secret_key").touch()
    folder.chmod(0o1777)

    keep_to_owner(folder)

    assert mode(folder) == 0o1777


def test_every_start_makes_files_for_their_owner_only(folder: Path) -> None:
    (folder / "secret_key").write_text("of a test, and long enough for anybody 0123456789")
    (folder / "rollcall.sqlite3").unlink()
    environment = {**os.environ, "ROLLCALL_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "console.settings"}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "manage.py", "check", "--database", "default"]

    subprocess.run(command, cwd=ROOT, env=environment, umask=0o022, check=True, capture_output=True)

    assert mode(folder) == 0o700
    assert (folder / "rollcall.sqlite3").exists()
    assert {mode(path) for path in folder.rglob("*") if path.is_file()} == {0o600}


class TestTheStatus:
    def line(self) -> str:
        return next(
            f"{line.state.value}: {line.fact}"
            for line in keys_https_and_data_folder.look()
            if line.title == "Data folder"
        )

    def test_says_who_may_look_into_the_folder(self, folder: Path, settings: Settings) -> None:
        settings.VAR = folder
        assert self.line() == f"problem: Others than its owner may look into {folder} (mode 0755)."
        folder.chmod(0o700)
        assert "Modes of log, rollcall.sqlite3, rollcall.sqlite3-wal, secret_key in" in self.line()
        keep_to_owner(folder)
        assert self.line() == f"ok: Only its owner may look into {folder} (mode 0700)."

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_says_that_the_folder_is_anothers(self, folder: Path, settings: Settings) -> None:
        settings.VAR = folder
        os.chown(folder, 12345, -1)

        assert "belongs to another user" in self.line()
