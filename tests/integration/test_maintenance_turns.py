"""The worker for archives checks them by real restic and forgets old snapshots, and leaves alone what it must not touch."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from directory.actions import damaged_archives
from directory.models import Alert, AlertKind, Mail, MailKind, SyncSettings
from directory.status import storage
from orgs.actions import devices, legal_holds, orgs
from orgs.actions.backups import maintenance_turns
from orgs.actions.users import blocking
from orgs.backups.folder_locks import locked
from orgs.backups.restic import forgotten_snapshots, local_restic
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, ArchiveMaintenance, AuditEntry, MaintenanceResult, Repository, User
from orgs.rules.actors import SYSTEM
from tests.makers import make_org, make_user
from tests.stored_archives import make_roots
from tests.worlds import device

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed"),
]
PASSWORD = "p" * 43
NIGHT = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
DAYTIME = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@dataclass
class Stored:
    owner: User
    archive: Archive
    folder: Path

    @property
    def snapshots(self) -> int:
        return forgotten_snapshots.count(self.folder)

    def row(self) -> ArchiveMaintenance | None:
        return ArchiveMaintenance.objects.filter(archive=self.archive).first()


def restic(folder: Path, *arguments: str) -> None:
    done = local_restic.run(folder, PASSWORD, *arguments, go_on=lambda: None)
    assert done.went_well, done.words


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with four snapshots, made once."""
    base = tmp_path_factory.mktemp("template")
    folder, files = base / "repository", base / "files"
    files.mkdir()
    restic(folder, "init")
    chance = random.Random(1)
    for day in range(1, 5):
        (files / "file").write_bytes(chance.randbytes(300_000))
        restic(folder, "backup", "--host", "computer", "--time", f"2026-01-0{day} 12:00:00", str(files))
    return folder


@pytest.fixture
def stored(template: Path, tmp_path: Path, settings: Settings) -> Stored:
    settings.TIME_ZONE = "UTC"
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    owner = make_user("wendy", org=make_org("Company"))
    made = device(owner)
    folder = storage_roots().live.repository(made.guid)
    shutil.copytree(template, folder)
    archive = made.archives.get()
    Archive.objects.filter(pk=archive.pk).update(size_bytes=1_500_000, created_at=NIGHT - timedelta(days=30))
    Repository.objects.create(archive=archive, password=PASSWORD, counted_at=NIGHT)
    return Stored(owner, archive, folder)


def keep(stored: Stored, **counts: int) -> None:
    orgs.change(org=stored.owner.org, snapshot_retention=counts, by=SYSTEM, at=NIGHT)


def turn(at: datetime = NIGHT) -> int:
    return maintenance_turns.carry_out_due(clock=lambda: at, stay=lambda: None)


def hold(stored: Stored) -> None:
    matter = legal_holds.open_matter(name="Case", by=SYSTEM, at=NIGHT)
    legal_holds.add_custodians(matter=matter, user_ids=[stored.owner.pk], by=SYSTEM, at=NIGHT)


def test_by_default_every_snapshot_is_kept_and_the_archive_is_checked(stored: Stored) -> None:
    assert turn() == 1

    row = stored.row()
    assert row is not None
    assert (row.result, row.checked_at, row.forgotten_at, row.damaged_since) == ("done", NIGHT, None, None)
    assert stored.snapshots == 4
    # Nothing is due again for a week.
    assert turn(NIGHT + timedelta(days=5)) == 0
    assert turn(NIGHT + timedelta(days=7)) == 1


def test_an_org_decides_what_is_kept_and_the_audit_says_what_is_gone(stored: Stored) -> None:
    keep(stored, last=1, daily=2)

    assert turn() == 1

    row = stored.row()
    assert row is not None
    assert row.forgotten_at == NIGHT
    assert stored.snapshots == 2
    entry = AuditEntry.objects.get(action="snapshots forgotten")
    assert (entry.before, entry.after) == ({"snapshots": 4}, {"snapshots": 2})
    # Its size is counted again.
    assert Repository.objects.get(archive=stored.archive).counted_at is None
    restic(stored.folder, "check", "--read-data")


def test_it_is_done_at_night_unless_it_has_waited_for_long(stored: Stored) -> None:
    Archive.objects.filter(pk=stored.archive.pk).update(created_at=DAYTIME - timedelta(days=7))

    assert turn(DAYTIME) == 0
    assert turn(DAYTIME + timedelta(days=3)) == 1


def test_nothing_is_forgotten_under_a_legal_hold_and_it_is_after_the_release(stored: Stored) -> None:
    keep(stored, last=1)
    hold(stored)

    assert turn() == 1
    row = stored.row()
    assert row is not None
    assert (stored.snapshots, row.checked_at, row.forgotten_at) == (4, NIGHT, None)

    matter = stored.owner.custodianships.get().matter
    legal_holds.close_matter(matter=matter, by=SYSTEM, at=NIGHT)
    assert turn(NIGHT + timedelta(days=1)) == 1
    assert stored.snapshots == 1


def test_a_hold_that_begins_while_snapshots_are_forgotten_gets_all_of_them(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(stored, last=1)
    run = local_restic.run

    def with_hold(*arguments: object, **options: object) -> local_restic.ResticAnswer:
        answer = run(*arguments, **options)  # type: ignore[arg-type]
        if "forget" in arguments:
            assert stored.snapshots == 1
            hold(stored)
        return answer

    monkeypatch.setattr(local_restic, "run", with_hold)

    turn()

    assert stored.snapshots == 4
    restic(stored.folder, "check", "--read-data")


@pytest.mark.parametrize("during", ["check", "forget"])
def test_a_setting_that_is_changed_during_a_maintenance_counts_at_once(
    stored: Stored, monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    keep(stored, last=1)
    run = local_restic.run

    def with_change(*arguments: object, **options: object) -> local_restic.ResticAnswer:
        answer = run(*arguments, **options)  # type: ignore[arg-type]
        if during in arguments:
            keep(stored, last=4)
        return answer

    monkeypatch.setattr(local_restic, "run", with_change)

    turn()

    assert stored.snapshots == 4
    restic(stored.folder, "check", "--read-data")


def test_snapshots_of_a_worker_that_was_killed_while_it_forgot_come_back(stored: Stored) -> None:
    forgotten_snapshots.put_aside(stored.folder)
    restic(stored.folder, "forget", "--keep-last", "1")
    hold(stored)

    turn()

    assert stored.snapshots == 4
    restic(stored.folder, "check", "--read-data")


def test_they_come_back_under_a_hold_though_nothing_is_due(stored: Stored) -> None:
    turn()
    forgotten_snapshots.put_aside(stored.folder)
    restic(stored.folder, "forget", "--keep-last", "1")
    hold(stored)

    assert turn(NIGHT + timedelta(hours=2)) == 0

    assert stored.snapshots == 4
    assert forgotten_snapshots.interrupted(storage_roots().live.path) == []


def test_archives_of_blocked_users_stay_as_they_are(stored: Stored) -> None:
    keep(stored, last=1)
    blocking.block(user_ids=[stored.owner.pk], by=SYSTEM, at=NIGHT)

    turn()

    assert stored.snapshots == 4


def test_an_archive_in_cold_storage_or_on_its_way_is_left_alone(stored: Stored) -> None:
    devices.deactivate(device_ids=[stored.archive.device_id], by=SYSTEM, at=NIGHT)

    assert turn() == 0


def test_a_move_that_begins_ends_the_maintenance(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(stored, last=1)
    monkeypatch.setattr(local_restic, "CALLED_EVERY", 0.01)
    monkeypatch.setattr(maintenance_turns, "LOOKED_EVERY", 0.0)
    moved = False

    def deactivate() -> None:
        nonlocal moved
        if not moved:
            moved = True
            devices.deactivate(device_ids=[stored.archive.device_id], by=SYSTEM, at=NIGHT)

    assert maintenance_turns.carry_out_due(clock=lambda: NIGHT, stay=deactivate) == 0

    assert stored.row() is None
    with locked(storage_roots().live, stored.archive.device.guid):
        pass
    assert not list((stored.folder / "locks").iterdir())


def test_an_archive_whose_folder_is_locked_waits(stored: Stored) -> None:
    with locked(storage_roots().live, stored.archive.device.guid):
        assert turn() == 0


def test_an_archive_whose_user_holds_the_key_is_left_alone(stored: Stored) -> None:
    Repository.objects.filter(archive=stored.archive).update(key_holder="user", password="")

    assert turn() == 0


class TestDamage:
    @pytest.fixture
    def pack(self, stored: Stored) -> Path:
        return next(path for path in (stored.folder / "data").rglob("*") if path.is_file())

    def test_is_an_alert_a_mail_and_an_audit_row_until_it_is_mended(
        self, stored: Stored, pack: Path, settings: Settings
    ) -> None:
        settings.EMAIL_HOST = "mail.example.com"
        SyncSettings.objects.update_or_create(pk=1, defaults={"notification_addresses": ["it@example.com"]})
        keep(stored, last=1)
        content = pack.read_bytes()
        pack.unlink()

        turn()
        damaged_archives.look(at=NIGHT)
        damaged_archives.look(at=NIGHT + timedelta(hours=1))

        row = stored.row()
        assert row is not None
        assert (row.result, row.damaged_since) == (MaintenanceResult.DAMAGED, NIGHT)
        assert pack.name in row.message
        assert stored.snapshots == 4
        [alert] = Alert.objects.open().filter(kind=AlertKind.DAMAGED_ARCHIVE)
        assert stored.archive.device.guid in alert.message
        [mail] = Mail.objects.filter(kind=MailKind.DAMAGED_ARCHIVE)
        assert f"/devices/{stored.archive.device_id}/" in mail.body
        assert "1 archive is damaged." in [line.fact for line in storage.look(at=NIGHT)]

        pack.write_bytes(content)
        turn(NIGHT + timedelta(days=7))
        damaged_archives.look(at=NIGHT + timedelta(days=7))

        assert not Alert.objects.open().filter(kind=AlertKind.DAMAGED_ARCHIVE).exists()
        found = AuditEntry.objects.filter(object_type="archive", action__startswith="archive found")
        assert list(found.order_by("pk").values_list("action", flat=True)) == [
            "archive found damaged",
            "archive found sound",
        ]

    def test_a_wrong_password_is_a_failure_in_words_and_no_damage(self, stored: Stored) -> None:
        Repository.objects.filter(archive=stored.archive).update(password="q" * 43)

        turn()

        row = stored.row()
        assert row is not None
        assert (row.result, row.damaged_since, row.checked_at) == (MaintenanceResult.FAILED, None, None)
        assert "wrong password" in row.message
        assert "q" * 43 not in row.message
        assert turn(NIGHT + timedelta(hours=2)) == 0
