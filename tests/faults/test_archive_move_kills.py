"""Workers that move archives are killed outright: the next one goes on, no file is lost, rows and folders fit each other."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from directory import invariants
from orgs.actions import archives
from orgs.actions.users import deactivation
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Archive, ArchiveMove, AuditEntry, User
from orgs.rules.actors import SYSTEM
from tests.archive_folders import OTHER_DISK, folders_in, kill_moves, other_disk
from tests.catalogue import noted
from tests.faults.backup_scene import begin_moves
from tests.stored_archives import StoredArchive, make_roots, move_all, stored_archive
from tests.worlds import user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SEED = 20261130
ARCHIVES = 4
KILLS = 100


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Iterator[StorageRoots]:
    if OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER_DISK} is no other file system here")
    with other_disk() as folder:
        settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", folder / "cold"
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
        yield storage_roots()


@pytest.fixture
def sean() -> User:
    return user("sean")


@pytest.fixture
def stored(sean: User, roots: StorageRoots) -> list[StoredArchive]:
    return [stored_archive(sean, f"laptop {number}", files=20, largest=300_000) for number in range(ARCHIVES)]


def killed_at_any_moment(roots: StorageRoots, dice: random.Random) -> None:
    """Carry out moves in a process that is killed soon, if it is still at work then."""
    with begin_moves(roots) as process:
        time.sleep(dice.uniform(0, 0.4))
        process.kill()
        process.wait(20)


def killed_at_work(roots: StorageRoots, dice: random.Random) -> None:
    """Carry out moves in a process that is killed after some of the files, of which each move has 21."""
    with begin_moves(roots, str(dice.randrange(1, 15))) as process:
        assert process.wait(60) == -signal.SIGKILL


def all_fits() -> None:
    assert [str(each) for each in invariants.broken(at=timezone.now() + timedelta(seconds=2))] == []


def test_on_the_way_to_cold_storage_and_back(sean: User, stored: list[StoredArchive], roots: StorageRoots) -> None:
    dice = random.Random(SEED)  # for a test
    with noted(
        "faults",
        "kill -9 of the worker while it moves archives to cold storage on another file system, and back",
        how="five kills after some of the files, five at random moments; twice the user comes back in the middle",
        expected="the next worker goes on or back; all files the same, rows and folders fit each other at all times",
        where=connection.vendor,
    ) as row:
        lost = 0
        for kill in (killed_at_work, killed_at_any_moment):
            deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            for _ in range(2):
                kill(roots, dice)
                all_fits()
            move_all()
            assert [each.state() for each in stored] == [("cold storage", "cold", None)] * ARCHIVES
            lost += sum(each.lost_in(roots.cold) for each in stored)
            deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            for _ in range(2):
                kill(roots, dice)
                all_fits()
            # Turned round twice, in the middle of a copy.
            deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            kill(roots, dice)
            all_fits()
            deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            move_all()
            lost += sum(each.lost_in(roots.live) for each in stored)
            assert [each.state() for each in stored] == [("live", "live", None)] * ARCHIVES
            assert folders_in(roots.cold) == set()
            all_fits()
        seen = f"5 killed at work, 5 at any moment, {ARCHIVES} archives whole"
        row.saw(seen, wrongly_changed=0, lost=lost)


def test_while_it_purges(sean: User, stored: list[StoredArchive], roots: StorageRoots) -> None:
    dice = random.Random(SEED + 1)  # for a test
    with noted(
        "faults",
        "kill -9 of the worker while it purges archives",
        how="three kills after some of the files, one at a random moment",
        expected="the next worker goes on; each purge once in the audit trail, no folder and no row is left",
        where=connection.vendor,
    ) as row:
        now = timezone.now()
        deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=now)
        move_all()
        archives.age(by=SYSTEM, at=now + timedelta(days=400))
        archives.age(by=SYSTEM, at=now + timedelta(days=500))
        for _ in range(3):
            killed_at_work(roots, dice)
            all_fits()
            # At least the one at which it was is not whole any more, and no row went before its files.
            assert not all(each.whole_in(roots.cold) for each in stored)
            rows = set(Archive.objects.values_list("device__guid", flat=True))
            assert {each.guid for each in stored if roots.cold.repository(each.guid).exists()} <= rows
        killed_at_any_moment(roots, dice)

        move_all()

        assert not Archive.objects.exists()
        assert not ArchiveMove.objects.exists()
        assert (folders_in(roots.live), folders_in(roots.cold)) == (set(), set())
        purged = AuditEntry.objects.filter(action="archive purged").values_list("object_id", flat=True)
        assert sorted(purged) == sorted(each.archive.pk for each in stored)
        row.saw(f"3 killed at work, {len(purged)} archives purged once each", wrongly_changed=0)


@pytest.mark.whole
@pytest.mark.once
@pytest.mark.parametrize("disks", ["one file system", "two file systems"])
def test_a_hundred_times_each_way(disks: str, tmp_path: Path) -> None:
    with (
        noted(
            "faults",
            f"kill -9 of a move of an archive a hundred times each way, {disks}",
            how="at random moments of the copy and of the deletion; one in five is turned round",
            expected="what stands under its own name is whole, after each kill; nothing is lost",
        ) as row,
        other_disk() as other,
    ):
        found = kill_moves(tmp_path / "live", (tmp_path if disks.startswith("one") else other) / "cold", KILLS)
        assert min(found["killed"]) >= KILLS
        assert found["turned"] > 0
        states = len(found["states"])
        if disks.startswith("two"):
            # Kills came while files were copied and while they were deleted.
            assert states >= 3
        there, back = found["killed"]
        seen = f"{there} and {back} killed, {found['turned']} turned round, {states} states of the folders"
        row.saw(seen, wrongly_changed=0, lost=found["lost"])
