"""Servers around backups and moves die or have no room: one device backs up, the archive of another moves, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from directory import invariants
from orgs.actions.users import deactivation
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import ArchiveMove
from orgs.rules.actors import SYSTEM
from tests.archive_folders import other_disk
from tests.brokers import messages_go_to
from tests.catalogue import noted
from tests.faults import stages
from tests.faults.backup_scene import (
    BackupScene,
    backup_scene,
    begin_moves,
    enlarge,
    go_on,
    small_disk,
)
from tests.faults.processes import Broker, PostgresServer, Process, wait_for
from tests.faults.stages import Database
from tests.restic_client import MISSING, RESTIC
from tests.stored_archives import StoredArchive, make_roots, move_all, stored_archive
from tests.worlds import user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.whole,
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Iterator[StorageRoots]:
    """Live archives, and cold storage on another file system."""
    with other_disk() as folder:
        settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", folder / "cold"
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
        yield storage_roots()


@contextmanager
def at_work(roots: StorageRoots, folder: Path) -> Iterator[tuple[BackupScene, StoredArchive]]:
    """Give a device that backs up to these roots, and the archive of somebody else."""
    (folder / "client").mkdir()
    archive = stored_archive(user("mia"), files=20, largest=300_000)
    with backup_scene(folder / "client", ARCHIVES=str(roots.live.path), COLD_STORAGE=str(roots.cold.path)) as scene:
        yield scene, archive


def leaves(archive: StoredArchive) -> None:
    """Have its user deactivated, whereupon the archive has to move to cold storage."""
    deactivation.deactivate(user_ids=[archive.archive.device.user_id], by=SYSTEM, at=timezone.now())


def ends_well(scene: BackupScene, backup: Process) -> None:
    """Wait for the end of a backup, which has to be a good one."""
    assert backup.wait(300) == 0, backup.log
    assert scene.snapshots() == 2


def all_lost(scene: BackupScene, archive: StoredArchive, roots: StorageRoots) -> int:
    """Return how many files of the backup and of the archive in cold storage are lost; rows have to fit the folders."""
    # The store counts nothing; the worker does so after a snapshot.
    broken = [each for each in invariants.broken(at=timezone.now()) if "size" not in each.what]
    assert [str(each) for each in broken] == []
    assert archive.state() == ("cold storage", "cold", None)
    return scene.lost() + archive.lost_in(roots.cold)


def test_store_and_mover_killed_while_one_backs_up_and_another_moves(roots: StorageRoots, tmp_path: Path) -> None:
    with (
        at_work(roots, tmp_path) as (scene, archive),
        noted(
            "faults",
            "kill -9 of the store and of the worker while one device backs up and the archive of another moves",
            how="the worker killed after 5 of 21 files, the store with all its processes at that moment",
            expected="restic tries again and ends with status 0, the next worker ends the move",
            where=connection.vendor,
        ) as row,
    ):
        backup = scene.begin_backup()
        leaves(archive)
        with begin_moves(roots, "5", "kill") as mover:
            mover.wait(60)
            scene.store.kill()
        assert archive.state() == ("cold storage", "moving", "cold")
        scene.store.start()
        move_all()
        ends_well(scene, backup)

        seen = "status 0, the move ended with the next worker"
        row.saw(seen, wrongly_changed=0, lost=all_lost(scene, archive, roots))


def test_redis_killed_before_an_archive_has_to_move(roots: StorageRoots, tmp_path: Path) -> None:
    broker = Broker(tmp_path).start()
    with (
        at_work(roots, tmp_path) as (scene, archive),
        messages_go_to(broker.url),
        noted(
            "faults",
            "kill -9 of Redis while a device backs up, and before another one is deactivated",
            how="Redis killed in mid-backup, a user deactivated, Redis back, the clock's next bell",
            expected="the backup ends with status 0; the move waits in the database and is carried out at the bell",
            where=connection.vendor,
        ) as row,
    ):
        backup = scene.begin_backup()
        broker.kill()
        leaves(archive)
        assert archive.state() == ("cold storage", "moving", "cold")
        broker.start()
        try:
            move_all()
            ends_well(scene, backup)
        finally:
            broker.kill()

        row.saw("status 0, moved at the bell", wrongly_changed=0, lost=all_lost(scene, archive, roots))


def test_cold_storage_that_is_full_in_mid_move(tmp_path: Path, settings: Settings) -> None:
    with small_disk(tmp_path / "disk", kilobytes=1024) as disk:
        settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", disk / "cold"
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
        roots = storage_roots()
        with (
            at_work(roots, tmp_path) as (scene, archive),
            noted(
                "faults",
                "the disk of cold storage is full in mid-move, while another device backs up",
                how="an archive of 3 MB to a file system of 1 MB, which has 20 MB later",
                expected="the move stops and says so, its files stay; with room it ends; the backup notices nothing",
                where=connection.vendor,
            ) as row,
        ):
            backup = scene.begin_backup()
            leaves(archive)
            move_all()
            reason = ArchiveMove.objects.get().error
            assert "No space left on device" in reason
            enlarge(disk, kilobytes=20 * 1024)
            move_all(stopped=True)
            ends_well(scene, backup)

            row.saw(f"stopped: {reason}", wrongly_changed=0, lost=all_lost(scene, archive, roots))


def test_postgresql_crashes_while_one_backs_up_and_another_moves(roots: StorageRoots, tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("about a PostgreSQL server")
    with PostgresServer(tmp_path) as server:
        database = Database(server.settings, "rollcall")
        with database.beside() as beside:
            beside.execute("CREATE DATABASE rollcall")
        with stages.connected_to(database):
            call_command("migrate", verbosity=0)
            with (
                at_work(roots, tmp_path) as (scene, archive),
                noted(
                    "faults",
                    "PostgreSQL crashes while one device backs up and the archive of another moves",
                    how="pg_ctl restart -m immediate in mid-backup, the worker after 5 of 21 files",
                    expected="restic tries again and ends with status 0; this worker or the next ends the move",
                    where="postgresql",
                ) as row,
            ):
                backup = scene.begin_backup()
                leaves(archive)
                with begin_moves(roots, "5", "wait") as mover:
                    assert mover.stdout is not None
                    assert mover.stdout.readline() == "waits\n"
                    connection.close()
                    server.restart()
                    go_on(mover)
                    mover.wait(60)
                wait_for(lambda: scene.packs() or not backup.runs, "the backup goes on")
                move_all()
                ends_well(scene, backup)

                seen = "status 0, the move ended"
                row.saw(seen, wrongly_changed=0, lost=all_lost(scene, archive, roots))
