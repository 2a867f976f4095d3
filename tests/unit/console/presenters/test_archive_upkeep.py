"""The page of a device says when its archive was checked, what was found, and which snapshots are kept."""

from __future__ import annotations

import pytest

from orgs.actions import orgs
from orgs.actions.users import blocking
from orgs.models import ArchiveMaintenance, Device, Repository, User
from orgs.rules.actors import SYSTEM
from tests.backups import signed_in_device
from tests.makers import make_matter, make_sysadmin, make_user, signed_in
from tests.worlds import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return signed_in_device(make_user("wendy")).device


def shown(device: Device) -> str:
    ada = User.objects.filter(username="ada").first() or make_sysadmin()
    return signed_in(ada).get(f"/devices/{device.pk}/").content.decode()


def checked(device: Device, result: str, **values: object) -> None:
    ArchiveMaintenance.objects.create(archive=device.archives.get(), result=result, tried_at=NOON, **values)


def test_before_the_first_check(device: Device) -> None:
    text = shown(device)

    assert "not checked yet" in text
    assert "Every snapshot is kept, as the org has it." in text


def test_a_sound_archive_and_what_is_kept(device: Device) -> None:
    checked(device, "done", checked_at=NOON)
    orgs.change(org=device.user.org, snapshot_retention={"last": 1, "daily": 7}, by=SYSTEM, at=NOON)

    text = shown(device)

    assert "sound" in text
    assert "all snapshots are forgotten but these: the last one, 7 daily ones." in text


def test_damage_with_the_messages_of_the_check(device: Device) -> None:
    checked(device, "damaged", checked_at=NOON, damaged_since=NOON, message="pack 0123 does not exist")

    text = shown(device)

    assert "damaged" in text
    assert "pack 0123 does not exist" in text


def test_a_check_that_failed(device: Device) -> None:
    checked(device, "failed", message="wrong password")

    assert "check failed" in shown(device)


def test_a_hold_and_a_block_keep_all(device: Device) -> None:
    orgs.change(org=device.user.org, snapshot_retention={"last": 1}, by=SYSTEM, at=NOON)
    blocking.block(user_ids=[device.user_id], by=SYSTEM, at=NOON)
    assert "Nothing is forgotten while the device or its user is blocked." in shown(device)

    make_matter("Inquiry", device.user)
    assert "The user is on legal hold: every snapshot is kept" in shown(device)


def test_a_key_of_the_user_is_named_as_the_reason(device: Device) -> None:
    Repository.objects.update(key_holder="user", password="")

    text = shown(device)

    assert "The user holds the key: Rollcall can&#x27;t check it." in text
    assert "Every snapshot is kept" not in text
