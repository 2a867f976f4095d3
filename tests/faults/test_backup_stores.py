"""Stores that are killed, full or locked while devices back up: clients go on, and archives stay whole."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from orgs.backups import root_marks
from orgs.backups.folders import StorageRoot
from tests.catalogue import noted
from tests.faults.backup_scene import BackupScene, backup_scene, small_disk
from tests.faults.processes import Process, wait_for
from tests.makers import make_matter
from tests.restic_client import MISSING, RESTIC, differing

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.whole,
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]
SMALL_DISK = 100 * 1024**2


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[BackupScene]:
    with backup_scene(tmp_path) as made:
        yield made


def ended_well(process: Process) -> str:
    """Wait for the end of restic, which has to be a good one; return its last line."""
    assert process.wait(300) == 0, process.log
    return process.log.rstrip().splitlines()[-1]


def goes_on(scene: BackupScene, backup: Process) -> None:
    """Wait until a backup has stored more packs, or has ended."""
    packs = scene.packs()
    wait_for(lambda: scene.packs() > packs or not backup.runs, "the backup goes on", seconds=180)


def has_lock(scene: BackupScene, restic: Process) -> None:
    """Wait until restic has locked the archive, or has ended."""
    wait_for(lambda: scene.locks() or not restic.runs, "restic has locked the archive", pause=0.002)


@pytest.mark.parametrize("on_hold", [False, True], ids=["as ever", "on legal hold"])
def test_a_store_that_is_killed_in_mid_backup(scene: BackupScene, on_hold: bool) -> None:
    with noted(
        "faults",
        "kill -9 of the store in mid-backup" + (", the user is on legal hold" if on_hold else ""),
        how="all processes of the store killed and started again, twice, then one of them killed",
        expected="restic tries again, and ends with status 0; the archive is whole",
        where=connection.vendor,
    ) as row:
        if on_hold:
            make_matter("Inquiry", scene.laptop.device.user)
        backup = scene.begin_backup()
        for _ in range(2):
            scene.store.kill()
            scene.store.start()
            goes_on(scene, backup)
        scene.store.kill_a_worker()
        ended_well(backup)

        assert scene.snapshots() == 2
        left = scene.count(".tmp")
        row.saw(f"status 0, {left} uploads left for the housekeeping", wrongly_changed=0, lost=scene.lost())


def test_a_store_that_is_killed_in_mid_restore(scene: BackupScene, tmp_path: Path) -> None:
    with noted(
        "faults",
        "kill -9 of the store in mid-restore",
        how="all processes of the store killed and started again once files are restored",
        expected="restic tries again, and ends with status 0; all files are the same",
        where=connection.vendor,
    ) as row:
        scene.restic.does("backup", str(scene.files))
        target = tmp_path / "restored"
        restore = scene.restic.begin("--limit-download", "6000", "restore", "latest", "--target", str(target))
        wait_for(lambda: any(path.is_file() for path in target.rglob("*")), "files are restored", seconds=180)
        assert restore.runs
        scene.store.kill()
        scene.store.start()
        ended_well(restore)

        lost = differing(scene.files, target / scene.files.relative_to("/"))
        row.saw("status 0", wrongly_changed=0, lost=lost + scene.lost())


def test_a_prune_that_is_killed(scene: BackupScene) -> None:
    with noted(
        "faults",
        "kill -9 of the worker's restic while it prunes",
        how="forget --prune on the folder of the archive, killed at once, after 0.5 s and after 1 s; then unlock and again",
        expected="the snapshots that were to be kept are whole, the next prune ends",
        where=connection.vendor,
    ) as row:
        scene.restic.does("backup", str(scene.files))
        scene.change_files()
        scene.restic.does("backup", str(scene.files))
        prune = ("forget", "--keep-last", "1", "--prune", "--max-unused", "0")
        kills = 0
        for seconds in (0.0, 0.5, 1.0):
            begun = scene.local.begin(*prune)
            has_lock(scene, begun)
            with suppress(subprocess.TimeoutExpired):
                begun.wait(seconds or 0.01)
            kills += begun.runs
            begun.kill()
            scene.local.does("unlock")
        scene.local.does(*prune)

        assert scene.snapshots() == 1
        row.saw(f"{kills} killed at work, the next one ended", wrongly_changed=0, lost=scene.lost())


def test_the_lock_of_a_client_that_was_killed(scene: BackupScene) -> None:
    with noted(
        "faults",
        "the worker prunes an archive in which a killed client has left its lock",
        how="kill -9 of the client in mid-backup; prune, unlock, prune",
        expected="prune ends with status 1 and deletes nothing; after unlock it ends well",
        where=connection.vendor,
    ) as row:
        scene.begin_backup().kill()
        packs = scene.packs()
        first = scene.local.run("prune")
        assert (first.returncode, scene.packs()) == (1, packs)
        assert "already locked" in first.stderr
        scene.local.does("unlock")
        scene.local.does("prune")
        scene.restic.does("backup", str(scene.files))
        row.saw("status 1, after unlock 0", wrongly_changed=0, lost=scene.lost())


def test_a_backup_while_the_worker_prunes(scene: BackupScene) -> None:
    with noted(
        "faults",
        "a backup while the worker has the archive locked",
        how="restic of the worker stopped once it has its exclusive lock, a backup, then it goes on",
        expected="the backup ends at once with status 1 and its reason; afterwards both end well",
        where=connection.vendor,
    ) as row:
        prune = scene.local.begin("prune")
        has_lock(scene, prune)
        prune.send_all(signal.SIGSTOP)
        assert scene.locks(), "restic ended too soon"
        refused = scene.restic.run("backup", str(scene.files))
        prune.send_all(signal.SIGCONT)
        ended_well(prune)

        assert refused.returncode == 1
        assert "already locked exclusively" in refused.stderr
        scene.restic.does("backup", str(scene.files))
        row.saw("status 1: already locked exclusively; then 0", wrongly_changed=0, lost=scene.lost())


def test_a_disk_that_is_full(tmp_path: Path, settings: Settings) -> None:
    with (
        small_disk(tmp_path / "disk", kilobytes=SMALL_DISK // 1024) as disk,
        noted(
            "faults",
            "the disk of the store is full in mid-backup",
            how="a file system of 100 MB, of which all but 8 MB above the reserve are taken, and a backup of 40 MB",
            expected="507; the old snapshot is restored meanwhile; once there is room, the next backup ends and the archive is whole",
            where=connection.vendor,
        ) as row,
    ):
        settings.ARCHIVES = disk
        root_marks.mark(StorageRoot(disk))
        (tmp_path / "client").mkdir()
        with backup_scene(tmp_path / "client", ARCHIVES=str(disk)) as scene:
            filler = disk / "filler"
            filler.write_bytes(bytes(SMALL_DISK - SMALL_DISK // 20 - 10 * 1024**2))
            backup = scene.restic.begin("backup", str(scene.files))
            wait_for(lambda: "507" in backup.log or not backup.runs, "restic is refused", seconds=120)
            assert "507" in backup.log, backup.log
            backup.kill()
            wait_for(lambda: scene.count(".tmp") == 0, "uploads that broke off are gone")
            assert scene.snapshots() == 1
            # Needs a lock of its own.
            scene.restic.does("restore", "latest", "--target", str(tmp_path / "restored"))
            assert sum(path.is_file() for path in (tmp_path / "restored").rglob("*")) == 2

            filler.unlink()
            scene.restic.does("unlock")
            scene.restic.does("backup", str(scene.files))
            assert scene.snapshots() == 2
            row.saw("507, then room and status 0", wrongly_changed=0, lost=scene.lost())
