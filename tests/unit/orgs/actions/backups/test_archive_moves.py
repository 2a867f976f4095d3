"""Archives that are stored for real are moved in the transaction that decides it, and purged at the end of a move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions import key_rotation
from directory.invariants import broken
from orgs.actions import archives, devices, legal_holds
from orgs.actions.users import blocking, deactivation
from orgs.backups import gate
from orgs.models import (
    Archive,
    ArchiveMove,
    ArchiveState,
    AuditEntry,
    MoveTarget,
    Repository,
    RepositoryLocation,
    User,
)
from orgs.rules.actors import SYSTEM
from tests.makers import make_matter
from tests.worlds import NOON, device, user

pytestmark = pytest.mark.django_db
PASSWORD = "b" * 64


def stored(owner: User) -> Archive:
    """Return the archive of a new device, with its repository."""
    archive = device(owner, size=0).archives.get()
    Repository.objects.create(archive=archive, password=PASSWORD)
    return archive


def where(archive: Archive) -> tuple[str, str | None]:
    repository = Repository.objects.get(archive=archive)
    move = ArchiveMove.objects.filter(archive=archive).first()
    return repository.location, move.to if move is not None else None


class TestARepository:
    def test_begins_its_move_to_cold_storage_with_the_deactivation(self) -> None:
        archive = stored(user("sean"))

        devices.deactivate(device_ids=[archive.device_id], by=SYSTEM, at=NOON)

        assert where(archive) == (RepositoryLocation.MOVING, MoveTarget.COLD)
        assert broken(at=NOON) == []

    def test_turns_round_when_its_device_comes_back(self) -> None:
        archive = stored(user("sean"))
        devices.deactivate(device_ids=[archive.device_id], by=SYSTEM, at=NOON)
        ArchiveMove.objects.update(tries=3, error="disk full")

        devices.reactivate(device_ids=[archive.device_id], by=SYSTEM, at=NOON)

        assert where(archive) == (RepositoryLocation.MOVING, MoveTarget.LIVE)
        move = ArchiveMove.objects.get()
        assert (move.tries, move.error) == (0, "")
        assert broken(at=NOON) == []

    def test_stays_when_its_user_is_blocked(self) -> None:
        archive = stored(user("sean"))

        blocking.block(user_ids=[archive.device.user_id], by=SYSTEM, at=NOON)

        assert where(archive) == (RepositoryLocation.LIVE, None)

    def test_of_a_user_who_was_deactivated_in_a_set_moves_and_archives_without_one_do_not(self) -> None:
        sean, mia = user("sean"), user("mia")
        archive, row_alone = stored(sean), device(mia).archives.get()

        deactivation.deactivate(user_ids=[sean.pk, mia.pk], by=SYSTEM, at=NOON)

        assert where(archive) == (RepositoryLocation.MOVING, MoveTarget.COLD)
        assert list(ArchiveMove.objects.values_list("archive", flat=True)) == [archive.pk]
        row_alone.refresh_from_db()
        assert row_alone.state == ArchiveState.COLD_STORAGE


class TestAnArchiveThatIsPastItsDate:
    def test_is_lost_at_once_when_its_device_comes_back_also_if_a_hold_comes_then(self) -> None:
        archive = stored(user("sean"))
        devices.deactivate(device_ids=[archive.device_id], by=SYSTEM, at=NOON)
        late = NOON + timedelta(days=400)

        restored = devices.reactivate(device_ids=[archive.device_id], by=SYSTEM, at=late)
        legal_holds.add_custodians(matter=make_matter(), user_ids=[archive.device.user_id], by=SYSTEM, at=late)

        assert (restored.archives, restored.lost) == (0, 1)
        archive.refresh_from_db()
        assert (archive.state, archive.purge_at) == (ArchiveState.EXPIRED, late + archives.EXPIRED_FOR)
        state = gate.of_device(archive.device_id)
        assert state is not None
        assert gate.of_the_archive(state) is gate.ARCHIVE_EXPIRED
        assert AuditEntry.objects.filter(action="archive expired").count() == 1
        assert broken(at=late) == []


def test_the_archives_of_a_user_who_comes_back_without_devices_are_live_and_break_no_rule() -> None:
    sean = user("sean")
    stored(sean)
    deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)
    deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON, with_devices=False)
    ArchiveMove.objects.all().delete()
    Repository.objects.update(location=RepositoryLocation.LIVE)
    assert broken(at=NOON) == []


class TestThePurge:
    def test_of_a_stored_archive_is_a_move_and_its_row_stays_until_the_end(self) -> None:
        archive = stored(user("sean"))
        devices.deactivate(device_ids=[archive.device_id], by=SYSTEM, at=NOON)
        archives.age(by=SYSTEM, at=NOON + timedelta(days=400))

        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=500)) == (0, 1)
        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=501)) == (0, 0)

        assert where(archive) == (RepositoryLocation.MOVING, MoveTarget.GONE)
        assert not AuditEntry.objects.filter(action="archive purged").exists()
        assert broken(at=NOON + timedelta(days=501)) == []


def test_rotating_keys_encrypts_repository_passwords_anew() -> None:
    archive = stored(user("sean"))

    done = key_rotation.rotate(by=SYSTEM, at=NOON)

    assert (done.count, done.unreadable) == (1, [])
    assert Repository.objects.get(archive=archive).password == PASSWORD
