"""Old snapshots are forgotten by real restic, never under a hold; a restic that is killed leaves a sound archive."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.folders import StorageRoot
from orgs.backups.restic import local_restic, maintenance
from orgs.models import MaintenanceResult
from orgs.rules.snapshot_retention import SnapshotRetention

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed"),
]
PASSWORD = "p" * 43


def restic(repository: Path, *arguments: str) -> str:
    done = local_restic.run(repository, PASSWORD, *arguments, go_on=lambda: None)
    assert done.went_well, done.words
    return done.words


def snapshots(repository: Path) -> list[Any]:
    found: list[Any] = json.loads(restic(repository, "snapshots", "--json", "--no-lock"))
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with five snapshots of random files, each of another day."""
    folder, files = tmp_path / "repository", tmp_path / "files"
    files.mkdir()
    restic(folder, "init")
    chance = random.Random(1)
    for day in range(1, 6):
        (files / "file").write_bytes(chance.randbytes(2_000_000))
        restic(folder, "backup", "--host", "computer", "--time", f"2026-01-0{day} 12:00:00", str(files))
    return folder


def maintain(folder: Path, *, may_forget: bool = True) -> maintenance.Maintained:
    return maintenance.maintain(
        folder,
        PASSWORD,
        SnapshotRetention(last=1, daily=2),
        check=True,
        may_forget=lambda: may_forget,
        go_on=lambda: None,
    )


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_is_not_kept_goes_and_the_rest_is_sound(repository: Path) -> None:
    before = size(repository)
    done = maintain(repository)
    assert (done.result, done.pruned) == (MaintenanceResult.DONE, True), done.words
    assert [each["time"][:10] for each in snapshots(repository)] == ["2026-01-04", "2026-01-05"]
    assert size(repository) < before * 0.6


def test_nothing_goes_under_a_hold(repository: Path) -> None:
    done = maintain(repository, may_forget=False)
    assert (done.result, done.pruned) == (MaintenanceResult.DONE, False)
    assert len(snapshots(repository)) == 5


def test_a_hold_between_forgetting_and_deleting_keeps_the_files(repository: Path) -> None:
    before, answers = size(repository / "data"), iter([True, False])
    done = maintenance.maintain(
        repository,
        PASSWORD,
        SnapshotRetention(last=1),
        check=False,
        may_forget=lambda: next(answers),
        go_on=lambda: None,
    )
    assert not done.pruned
    assert size(repository / "data") == before


@pytest.fixture
def backup(repository: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A backup that waits for its input, and holds a lock."""
    environment = os.environ | {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": PASSWORD}
    backup = subprocess.Popen(["restic", "backup", "--stdin"], env=environment, stdin=subprocess.PIPE)
    while not any((repository / "locks").iterdir()):
        time.sleep(0.1)
    yield backup
    backup.kill()
    backup.communicate()


def test_nothing_is_done_while_a_device_is_at_work(repository: Path, backup: subprocess.Popen[bytes]) -> None:
    done = maintain(repository)
    assert (done.result, done.pruned) == (MaintenanceResult.BUSY, False)
    assert "locked" in done.words


def test_a_lock_of_a_device_counts_by_the_clock_of_the_server_whatever_the_device_has_written_into_it(
    repository: Path, backup: subprocess.Popen[bytes]
) -> None:
    (lock,) = (repository / "locks").iterdir()
    # To restic this lock is stale: its host is this one, and the process is gone. That of a slow clock is, too.
    backup.kill()
    backup.communicate()
    assert maintain(repository).result == MaintenanceResult.BUSY
    assert lock.exists()

    day_ago = time.time() - 25 * 3600
    os.utime(lock, (day_ago, day_ago))
    assert maintain(repository).pruned
    assert not lock.exists()


def test_damage_that_a_prune_meets_is_damage(repository: Path) -> None:
    packs = [path for path in (repository / "data").rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    # Of the newest snapshot, which is kept.
    max(packs, key=lambda path: path.stat().st_mtime).unlink()
    done = maintenance.maintain(
        repository,
        PASSWORD,
        SnapshotRetention(last=1),
        check=False,
        may_forget=lambda: True,
        go_on=lambda: None,
    )
    assert (done.result, done.pruned) == (MaintenanceResult.DAMAGED, False), done.words


def test_a_snapshot_of_a_wrong_clock_pushes_out_no_other(repository: Path, tmp_path: Path) -> None:
    for year in range(2090, 2096):
        restic(repository, "backup", "--host", "computer", "--time", f"{year}-01-01 12:00:00", str(tmp_path / "files"))

    assert maintain(repository).pruned

    kept = [each["time"][:10] for each in snapshots(repository)]
    assert kept[:2] == ["2026-01-04", "2026-01-05"]


def test_a_snapshot_that_was_dated_back_pushes_out_no_other(repository: Path, tmp_path: Path) -> None:
    for each in snapshots(repository):
        came = datetime.fromisoformat(each["time"]).timestamp() + 60
        os.utime(repository / "snapshots" / each["id"], (came, came))
    true_ones = [each["id"] for each in snapshots(repository)][-2:]
    for day in range(1, 6):
        restic(
            repository, "backup", "--host", "computer", "--time", f"2026-01-0{day} 23:00:00", str(tmp_path / "files")
        )

    for _ in range(2):
        assert maintain(repository).pruned
        assert set(true_ones) < {each["id"] for each in snapshots(repository)}
    restic(repository, "check", "--read-data")


@pytest.mark.parametrize("after", [0.2, 0.6, 1.0])
def test_a_restic_that_is_killed_in_a_prune_leaves_a_sound_archive(repository: Path, after: float) -> None:
    restic(repository, "forget", "--keep-last", "1")
    environment = os.environ | {"RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": PASSWORD}
    prune = subprocess.Popen(["restic", "prune", "--no-cache"], env=environment)
    threading.Timer(after, prune.kill).start()
    prune.wait()
    done = maintain(repository)
    assert (done.result, done.pruned) == (MaintenanceResult.DONE, True), done.words
    restic(repository, "check", "--read-data")


def test_a_check_finds_damage_and_says_where(repository: Path) -> None:
    pack = next(path for path in (repository / "data").rglob("*") if path.is_file())
    pack.unlink()
    done = maintain(repository, may_forget=False)
    assert (done.result, done.checked) == (MaintenanceResult.DAMAGED, True)
    assert pack.name in done.words


def test_a_wrong_password_is_no_damage(repository: Path) -> None:
    done = maintenance.maintain(repository, "q" * 43, None, check=True, may_forget=lambda: True, go_on=lambda: None)
    assert (done.result, done.checked) == (MaintenanceResult.FAILED, False)


def test_a_hold_that_comes_during_a_prune_stops_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_restic, "CALLED_EVERY", 0.02)
    asked = iter([True, True, False])
    done = maintenance.maintain(
        repository,
        PASSWORD,
        SnapshotRetention(last=1),
        check=True,
        may_forget=lambda: next(asked, False),
        go_on=lambda: None,
    )
    assert (done.result, done.pruned) == (MaintenanceResult.DONE, False), done.words


def test_the_lock_of_a_folder_lasts_as_long_as_its_restic(repository: Path) -> None:
    root = StorageRoot(repository.parent)
    guid = "123456789012345678"
    with locked(root, guid) as descriptor:
        inherited = os.dup(descriptor)
        waiting = subprocess.Popen(["sleep", "30"], pass_fds=[inherited])
        os.close(inherited)
        # The process that has taken the lock is killed: its descriptor is closed, and the file stays.
        kept = root.lock(guid).rename(root.lock(guid).with_name("kept"))
    kept.rename(root.lock(guid))
    try:
        with pytest.raises(FolderLocked), locked(root, guid):
            pass
    finally:
        waiting.kill()
        waiting.wait()
    with locked(root, guid):
        pass


def test_output_goes_to_its_file_and_messages_do_not(repository: Path, tmp_path: Path) -> None:
    with (tmp_path / "dump").open("w+b") as output:
        source = str(tmp_path / "files" / "file")
        done = local_restic.run(
            repository, PASSWORD, "dump", "latest", source, "--no-lock", go_on=lambda: None, output=output
        )
        output.seek(0)
        assert output.read() == Path(source).read_bytes()
    assert done.went_well


def test_the_password_is_in_no_word_of_restic(repository: Path) -> None:
    done = local_restic.run(repository, "not the password", "snapshots", go_on=lambda: None)
    assert not done.went_well
    assert "not the password" not in done.words
