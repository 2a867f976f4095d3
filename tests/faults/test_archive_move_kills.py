"""Workers that move archives are killed outright: the next one goes on, no file is lost, rows and folders fit each other."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from directory import invariants
from orgs.actions import archives
from orgs.actions.users import deactivation
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Archive, ArchiveMove, AuditEntry, User
from orgs.rules.actors import SYSTEM
from tests.archive_folders import OTHER_DISK, folders_in, other_disk
from tests.browser.conftest import database_url
from tests.catalogue import noted
from tests.stored_archives import StoredArchive, make_roots, move_all, stored_archive
from tests.worlds import user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
SEED = 20261130
ARCHIVES = 4


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


def begin(roots: StorageRoots, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that carries the moves out, and let it go."""
    given = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "ARCHIVES": str(roots.live.path),
        "COLD_STORAGE": str(roots.cold.path),
    }
    command = [sys.executable, "-m", "tests.faults.archive_mover", *arguments]
    process = subprocess.Popen(
        command, env=os.environ | given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    return process


def killed_at_any_moment(roots: StorageRoots, dice: random.Random) -> None:
    """Carry out moves in a process that is killed soon, if it is still at work then."""
    with begin(roots) as process:
        time.sleep(dice.uniform(0, 0.4))
        process.kill()
        process.wait(20)


def killed_at_work(roots: StorageRoots, dice: random.Random) -> None:
    """Carry out moves in a process that is killed after some of the files, of which each move has 21."""
    with begin(roots, str(dice.randrange(1, 15))) as process:
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
        for kill in (killed_at_work, killed_at_any_moment):
            deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            for _ in range(2):
                kill(roots, dice)
                all_fits()
            move_all()
            assert [each.state() for each in stored] == [("cold storage", "cold", None)] * ARCHIVES
            assert all(each.whole_in(roots.cold) for each in stored)
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
            assert all(each.whole_in(roots.live) for each in stored)
            assert [each.state() for each in stored] == [("live", "live", None)] * ARCHIVES
            assert folders_in(roots.cold) == set()
            all_fits()
        row.saw(f"5 killed at work, 5 at any moment, {ARCHIVES} archives whole, no file lost", wrongly_changed=0)


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
