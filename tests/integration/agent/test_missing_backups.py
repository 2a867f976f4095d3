"""Devices that have made no backup for some days: the filter, the alert, the mail."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from directory.actions import missing_backups
from directory.models import Alert, AlertKind, Mail, MailKind
from directory.sync import alerts_and_mails
from orgs.actions.users import blocking
from orgs.models import BackupReport, Device, User
from orgs.rules.actors import SYSTEM
from tests.backups import BackingUp, signed_in_device
from tests.makers import PASSWORD, make_device, make_org, make_sysadmin, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"
    settings.NO_BACKUP_DAYS = 7


def late(name: str = "laptop", *, owner: User | None = None, days: int = 8) -> BackingUp:
    """Return a device whose last backup was so many days ago."""
    made = signed_in_device(owner or make_user(f"owner.{name}"), name)
    Device.objects.filter(pk=made.device.pk).update(last_backup_at=now() - timedelta(days=days))
    return made


def now() -> datetime:
    return timezone.now()


class TestTheFilter:
    def test_finds_active_devices_that_have_made_no_backup(self) -> None:
        ada = make_sysadmin()
        late("late")
        late("fresh", days=1)
        never = signed_in_device(make_user("nina"), "never")
        Device.objects.filter(pk=never.device.pk).update(created_at=now() - timedelta(days=9))
        blocked = late("blocked")
        blocking.block(user_ids=[blocked.device.user_id], by=SYSTEM, at=now())
        rows_only = make_device(make_user("rosa"), "rows")
        Device.objects.filter(pk=rows_only.pk).update(created_at=now() - timedelta(days=9))

        shown = signed_in(ada).get("/devices/?backup=7").content.decode()

        assert [name in shown for name in (">late<", ">never<", ">fresh<", ">blocked<", ">rows<")] == [
            True,
            True,
            False,
            False,
            False,
        ]


class TestTheAlert:
    def test_is_one_with_the_present_number_and_ends_by_itself(self) -> None:
        first = late("one")
        assert missing_backups.look(at=now()) == 1
        second = late("two")
        missing_backups.look(at=now())

        [alert] = Alert.objects.open().filter(kind=AlertKind.NO_BACKUP)
        assert alert.message.startswith("2 devices have made no backup for 7 days")

        Device.objects.filter(pk__in=[first.device.pk, second.device.pk]).update(last_backup_at=now())
        assert missing_backups.look(at=now()) == 0
        assert not Alert.objects.open().exists()

    def test_does_not_come_back_within_a_day_after_it_was_dismissed(self) -> None:
        ada = make_sysadmin()
        late()
        missing_backups.look(at=now())
        Alert.objects.update(dismissed_at=now(), dismissed_by=ada)

        missing_backups.look(at=now() + timedelta(hours=1))
        assert not Alert.objects.open().exists()

        missing_backups.look(at=now() + timedelta(days=2))
        assert Alert.objects.open().count() == 1

    def test_never_comes_with_0_days(self, settings: Settings) -> None:
        settings.NO_BACKUP_DAYS = 0
        late()

        assert missing_backups.look(at=now()) == 0
        assert not Alert.objects.exists()


class TestTheMail:
    def test_has_the_numbers_of_the_orgs_that_its_reader_administers(self) -> None:
        left, right = make_org("Left"), make_org("Right")
        make_user("olga", org=left, roles=["Org Admin"], email="olga@example.com")
        make_sysadmin()
        late("one", owner=make_user("one", org=left))
        late("two", owner=make_user("two", org=right))

        missing_backups.look(at=now())

        bodies = dict(Mail.objects.values_list("recipient", "body"))
        assert "Left: 1 device\n" in bodies["olga@example.com"]
        assert "Right" not in bodies["olga@example.com"]
        assert "Right: 1 device\n" in bodies["ada@example.com"]
        assert "one" not in Mail.objects.get(recipient="olga@example.com").subject

        alerts_and_mails.send_waiting(at=now())
        assert len(mail.outbox) == 2

    def test_comes_again_only_about_new_devices_and_once_a_day(self) -> None:
        make_sysadmin()
        late("one")
        missing_backups.look(at=now())
        late("two")
        missing_backups.look(at=now())
        assert Mail.objects.filter(kind=MailKind.NO_BACKUP).count() == 1

        tomorrow = now() + timedelta(days=1, minutes=1)
        missing_backups.look(at=tomorrow)
        missing_backups.look(at=tomorrow)
        assert Mail.objects.filter(kind=MailKind.NO_BACKUP).count() == 1

        late("three", days=6)
        missing_backups.look(at=tomorrow)
        assert Mail.objects.filter(kind=MailKind.NO_BACKUP).count() == 2


def test_a_devices_page_shows_its_last_backups() -> None:
    ada = make_sysadmin()
    laptop = signed_in_device(make_user("ann"))
    for code, message in ((0, ""), (1, "<b>no space left</b>"), (77, "Your account is blocked.")):
        BackupReport.objects.create(
            device=laptop.device, at=now(), exit_code=code, message=message, files=4711, read_bytes=10**9, seconds=65
        )

    shown = signed_in(ada).get(f"/devices/{laptop.device.pk}/").content.decode()

    assert "4,711" in shown
    assert "0:01:05" in shown
    assert "refused" in shown
    assert "&lt;b&gt;no space left" in shown
    assert PASSWORD not in shown
