"""A new retention moves the dates of archives that are in cold storage by the former one, and no others."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from directory import invariants
from orgs.actions import devices, orgs
from orgs.models import Archive, AuditEntry, Org
from orgs.rules.actors import SYSTEM
from tests.makers import NOW, make_device, make_org, make_user

pytestmark = pytest.mark.django_db
# With a part of a second: dates are compared as the database stores them.
COLD = NOW.replace(microsecond=123456)


def cold_archive(username: str, org: Org, *, at: datetime = COLD) -> Archive:
    device = make_device(make_user(username, org=org), f"laptop-{username}")
    devices.deactivate(device_ids=[device.pk], by=SYSTEM, at=at)
    return device.archives.get()


def expiry(archive: Archive) -> datetime:
    expires = Archive.objects.get(pk=archive.pk).expires_at
    assert expires is not None
    return expires


def keep_for(org: Org, days: int | None) -> None:
    orgs.change(org=org, archive_retention_days=days, by=SYSTEM, at=NOW)


@pytest.mark.parametrize("days", [30, 730])
def test_archives_of_the_org_and_of_those_that_inherit_get_another_date(days: int) -> None:
    upper = make_org("Upper")
    own, lower = make_org("Own", parent=upper), make_org("Lower", parent=upper)
    keep_for(own, 90)
    here, below, apart = (cold_archive(name, org) for name, org in (("a", upper), ("b", lower), ("c", own)))

    keep_for(upper, days)

    assert expiry(here) == expiry(below) == COLD + timedelta(days=days)
    assert expiry(apart) == COLD + timedelta(days=90)


def test_an_archive_without_a_whole_second_follows_too() -> None:
    org = make_org("Upper")
    archive = cold_archive("a", org, at=NOW)

    keep_for(org, 30)

    assert expiry(archive) == NOW + timedelta(days=30)


def test_a_date_of_its_own_stays() -> None:
    org = make_org("Upper")
    archive = cold_archive("a", org)
    Archive.objects.filter(pk=archive.pk).update(expires_at=COLD + timedelta(days=500))

    keep_for(org, 30)

    assert expiry(archive) == COLD + timedelta(days=500)


def test_a_live_archive_has_no_date() -> None:
    org = make_org("Upper")
    archive = make_device(make_user("a", org=org)).archives.get()

    keep_for(org, 30)

    assert Archive.objects.get(pk=archive.pk).expires_at is None


def test_inheriting_again_puts_the_dates_back() -> None:
    org = make_org("Upper")
    archive = cold_archive("a", org)
    keep_for(org, 30)

    keep_for(org, None)

    assert expiry(archive) == COLD + timedelta(days=365)


def test_the_audit_trail_says_how_many_follow() -> None:
    org = make_org("Upper")
    for name in ("a", "b"):
        cold_archive(name, org)

    keep_for(org, 30)

    entry = AuditEntry.objects.get(action="archives follow retention")
    assert (entry.object_label, entry.before, entry.after) == (
        "Upper",
        {"days_in_cold_storage": 365},
        {"days_in_cold_storage": 30, "archives": 2},
    )
    assert invariants.broken(at=NOW) == []


def test_no_archive_means_no_entry() -> None:
    keep_for(make_org("Upper"), 30)

    assert not AuditEntry.objects.filter(action="archives follow retention").exists()
