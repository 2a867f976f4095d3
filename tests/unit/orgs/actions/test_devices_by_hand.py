"""What people do to single devices and archives: states, replacing a computer, and keeping archives longer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from directory.invariants import catalogue
from orgs.actions import archives, devices, legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions.devices_by_hand import archive_expiry, replacement, states
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation
from orgs.models import Archive, ArchiveState, AuditEntry, Device, SetBy, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.makers import make_device, make_matter, make_sysadmin, make_user
from tests.worlds import NOON, org

pytestmark = pytest.mark.django_db

BY: dict[str, Any] = {"by": SYSTEM, "at": NOON}
YEAR = timedelta(days=365)


@pytest.fixture
def wendy() -> User:
    return make_user("wendy", org=org("Staff"))


@pytest.fixture
def olga() -> Actor:
    """The administrator of the org Staff, who holds less than a SYSADMIN in it."""
    return person(make_user("olga", org=org("Staff"), roles=["Org Admin"]))


@pytest.fixture
def boss() -> User:
    """A SYSADMIN in the org Staff; another one is left."""
    make_sysadmin()
    return make_user("boss", org=org("Staff"), roles=["SYSADMIN"])


def again(device: Device) -> Device:
    return Device.objects.get(pk=device.pk)


def archive_of(device: Device) -> Archive:
    return Archive.objects.get(device=device)


def broken() -> list[str]:
    """Return what the rules about devices, archives and their audit trail find."""
    ids = ("I2.3", "I2.4", "I2.9", "I6.1", "I6.3", "I6.4", "I6.5", "I6.8", "I6.12", "I6.13", "I6.14", "I7.1")
    return [each for rule in catalogue.RULES if rule.id in ids for each in rule.check(NOON)]


class TestBlocking:
    def test_says_who_did_it_and_leaves_the_archives_as_they_are(self, wendy: User) -> None:
        laptop = make_device(wendy)

        assert states.block(device_ids=[laptop.pk], **BY) == 1

        blocked = again(laptop)
        assert (blocked.blocked, blocked.blocked_by, blocked.blocked_at) == (True, SetBy.PERSON, NOON)
        assert (blocked.active, archive_of(laptop).state) == (True, ArchiveState.LIVE)
        assert AuditEntry.objects.get(action="device blocked").after == {"blocked": True}
        assert not broken()

    def test_is_undone_by_unblocking(self, wendy: User) -> None:
        laptop = make_device(wendy)
        states.block(device_ids=[laptop.pk], **BY)

        assert states.unblock(device_ids=[laptop.pk], **BY) == 1

        device = again(laptop)
        assert (device.blocked, device.blocked_by, device.blocked_at) == (False, SetBy.NOBODY, None)
        assert not broken()

    def test_a_second_time_changes_and_notes_nothing(self, wendy: User) -> None:
        laptop = make_device(wendy)
        states.block(device_ids=[laptop.pk], **BY)

        assert states.block(device_ids=[laptop.pk], by=SYSTEM, at=NOON + YEAR) == 0
        assert again(laptop).blocked_at == NOON
        assert AuditEntry.objects.filter(action="device blocked").count() == 1


class TestAuthorization:
    def test_a_deauthorized_device_is_authorized_again(self, wendy: User) -> None:
        laptop = make_device(wendy)

        assert states.deauthorize(device_ids=[laptop.pk], **BY) == 1
        assert not again(laptop).authorized
        assert not broken()
        assert states.authorize(device_ids=[laptop.pk], **BY) == 1
        assert again(laptop).authorized
        assert not broken()

    @pytest.mark.parametrize("cut_off", [blocking.block, deactivation.deactivate])
    def test_is_not_given_to_users_who_are_cut_off(self, wendy: User, cut_off: Any) -> None:
        laptop = make_device(wendy)
        states.deauthorize(device_ids=[laptop.pk], **BY)
        cut_off(user_ids=[wendy.pk], **BY)
        Device.objects.filter(pk=laptop.pk, active=False).update(
            active=True, deactivated_by="", deactivated_with_user=False
        )

        with pytest.raises(Refused, match="wendy, who is"):
            states.authorize(device_ids=[laptop.pk], **BY)


class TestDeactivating:
    def test_is_refused_while_a_legal_hold_keeps_the_archive(self, wendy: User) -> None:
        laptop = make_device(wendy)
        make_matter("Inquiry", wendy)

        with pytest.raises(
            Refused, match="wendy is on legal hold, so the archive of laptop may not go to cold storage"
        ):
            devices.deactivate(device_ids=[laptop.pk], **BY)
        assert again(laptop).active
        assert archive_of(laptop).state == ArchiveState.LIVE

    def test_of_a_device_without_an_archive_is_no_matter_for_a_hold(self, wendy: User) -> None:
        laptop = Device.objects.create(user=wendy, name="laptop")
        make_matter("Inquiry", wendy)

        assert devices.deactivate(device_ids=[laptop.pk], **BY) == 1


class TestReactivating:
    def test_brings_the_unexpired_archive_back_and_says_what_is_lost(self, wendy: User) -> None:
        laptop = make_device(wendy)
        devices.deactivate(device_ids=[laptop.pk], **BY)
        Archive.objects.create(device=laptop, state="expired", cold_since=NOON, expires_at=NOON, purge_at=NOON + YEAR)

        restored = states.reactivate(device_ids=[laptop.pk], **BY)

        assert (restored.archives, restored.lost) == (1, 1)
        assert again(laptop).active

    def test_is_refused_for_users_who_are_deactivated(self, wendy: User) -> None:
        laptop = make_device(wendy)
        deactivation.deactivate(user_ids=[wendy.pk], **BY)

        with pytest.raises(Refused, match="wendy, who is deactivated: reactivate the user first"):
            states.reactivate(device_ids=[laptop.pk], **BY)

    def test_is_refused_for_users_who_are_blocked(self, wendy: User) -> None:
        laptop = make_device(wendy)
        devices.deactivate(device_ids=[laptop.pk], **BY)
        blocking.block(user_ids=[wendy.pk], **BY)

        with pytest.raises(Refused, match="wendy, who is blocked: unblock the user first"):
            states.reactivate(device_ids=[laptop.pk], **BY)

    def test_is_the_way_back_where_devices_do_not_come_back_with_their_user(self, wendy: User) -> None:
        laptop = make_device(wendy)
        deactivation.deactivate(user_ids=[wendy.pk], **BY)
        deactivation.reactivate(user_ids=[wendy.pk], with_devices=False, **BY)
        assert not again(laptop).active

        states.reactivate(device_ids=[laptop.pk], **BY)

        assert again(laptop).active
        assert not broken()


class TestWhoHoldsMore:
    def test_keeps_the_devices_that_others_may_not_open(self, boss: User, olga: Actor) -> None:
        laptop, desktop = make_device(boss), make_device(boss, "desktop")
        opening: dict[str, tuple[Any, dict[str, Any]]] = {
            "unblock": (states.unblock, {"blocked": True, "blocked_by": "person", "blocked_at": NOON}),
            "authorize": (states.authorize, {"authorized": False}),
            "reactivate": (states.reactivate, {"active": False, "deactivated_by": "person", "deactivated_at": NOON}),
        }
        for act, values in opening.values():
            Device.objects.filter(pk=laptop.pk).update(**values)
            with pytest.raises(Refused, match="boss holds more than you do"):
                act(device_ids=[laptop.pk], by=olga, at=NOON)
        with pytest.raises(Refused, match="boss holds more than you do"):
            replacement.replace(device_id=laptop.pk, computer_id=desktop.pk, by=olga, at=NOON)

    def test_can_be_cut_off_by_those_who_hold_less_as_their_accounts_can(self, boss: User, olga: Actor) -> None:
        laptop = make_device(boss)

        assert states.block(device_ids=[laptop.pk], by=olga, at=NOON) == 1
        assert states.deauthorize(device_ids=[laptop.pk], by=olga, at=NOON) == 1
        assert devices.deactivate(device_ids=[laptop.pk], by=olga, at=NOON) == 1


class TestReplacing:
    def test_keeps_guid_and_archive_and_takes_the_facts_of_the_new_computer(self, wendy: User) -> None:
        old, new = make_device(wendy, "old", size_bytes=7), make_device(wendy, "new", size_bytes=3)
        Device.objects.filter(pk=new.pk).update(os="Debian 12", app_version="9", last_connected=NOON)

        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        place, computer = again(old), again(new)
        assert (place.guid, place.name, place.os, place.app_version) == (old.guid, "new", "Debian 12", "9")
        assert (place.last_connected, place.active, place.blocked, place.authorized) == (NOON, True, False, False)
        assert (archive_of(old).state, archive_of(old).size_bytes) == (ArchiveState.LIVE, 7)
        assert (computer.active, computer.deactivated_by, computer.in_place_of_id) == (False, SetBy.PERSON, old.pk)
        assert archive_of(new).state == ArchiveState.COLD_STORAGE
        assert not broken()

    def test_writes_into_the_audit_trail_what_became_of_both(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")

        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        trail = AuditEntry.objects.filter(object_type="device").order_by("pk").values_list("object_id", "action")
        assert list(trail) == [
            (new.pk, "device deactivated"),
            (old.pk, "device replaced"),
            (new.pk, "device took the place of another"),
        ]
        entry = AuditEntry.objects.get(action="device replaced")
        assert (entry.before["name"], entry.after["name"], entry.after["computer_of"]) == ("old", "new", new.guid)

    def test_of_a_deactivated_device_brings_back_what_has_not_expired(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), Device.objects.create(user=wendy, name="new")
        devices.deactivate(device_ids=[old.pk], **BY)

        restored = replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        assert (restored.archives, restored.lost) == (1, 0)
        assert again(old).active
        assert not broken()

    def test_says_what_has_expired_and_is_lost(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), Device.objects.create(user=wendy, name="new")
        devices.deactivate(device_ids=[old.pk], **BY)
        later = NOON + 2 * YEAR
        archives.age(by=SYSTEM, at=later)

        restored = replacement.replace(device_id=old.pk, computer_id=new.pk, by=SYSTEM, at=later)

        assert (restored.archives, restored.lost) == (0, 1)

    def test_ends_the_block_of_the_old_computer(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        states.block(device_ids=[old.pk], **BY)

        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        assert not again(old).blocked
        assert not broken()

    def test_does_not_go_across_users(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(make_user("stan"), "new")

        with pytest.raises(Refused, match="new belongs to stan, and old to wendy"):
            replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

    def test_of_a_device_by_itself_is_refused(self, wendy: User) -> None:
        old = make_device(wendy, "old")

        with pytest.raises(Refused, match="choose another device of the same user"):
            replacement.replace(device_id=old.pk, computer_id=old.pk, **BY)

    @pytest.mark.parametrize("act", [states.block, devices.deactivate])
    def test_needs_a_computer_that_may_back_up(self, wendy: User, act: Any) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        act(device_ids=[new.pk], **BY)

        with pytest.raises(Refused, match=r"so it can't take the place of old"):
            replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

    def test_twice_is_refused_the_second_time(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        with pytest.raises(Refused, match="new is deactivated"):
            replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

    def test_sends_no_archive_to_cold_storage_while_a_hold_keeps_it(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        matter = make_matter("Inquiry", wendy)

        with pytest.raises(Refused, match="wendy is on legal hold, and the archive of new would go to cold storage"):
            replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)
        legal_holds.release(matter=matter, user_ids=[wendy.pk], **BY)
        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

    def test_is_undone_by_reactivating_the_device_that_the_new_computer_was(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        states.reactivate(device_ids=[new.pk], **BY)

        computer = again(new)
        assert (computer.active, computer.authorized, computer.in_place_of_id) == (True, False, None)
        assert archive_of(new).state == ArchiveState.LIVE
        assert not broken()

    def test_ends_that_the_computer_of_before_is_in_its_place(self, wendy: User) -> None:
        old, first, second = (make_device(wendy, name) for name in ("old", "first", "second"))
        replacement.replace(device_id=old.pk, computer_id=first.pk, **BY)

        replacement.replace(device_id=old.pk, computer_id=second.pk, **BY)

        assert (again(first).in_place_of, again(second).in_place_of) == (None, old)
        entry = AuditEntry.objects.get(action="device lost its place")
        assert (entry.object_id, entry.before["in_place_of"], entry.after["in_place_of"]) == (first.pk, old.guid, None)
        assert not broken()

    def test_lets_the_computer_of_before_sign_in_again_when_it_comes_back(self, wendy: User) -> None:
        old, first, second = (make_device(wendy, name) for name in ("old", "first", "second"))
        replacement.replace(device_id=old.pk, computer_id=first.pk, **BY)
        replacement.replace(device_id=old.pk, computer_id=second.pk, **BY)
        states.authorize(device_ids=[old.pk], **BY)

        states.reactivate(device_ids=[first.pk], **BY)

        # The second one goes on, as it did not leave.
        assert (again(first).authorized, again(old).authorized) == (False, True)
        assert not broken()

    def test_needs_another_sign_in_when_its_computer_leaves(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)
        states.authorize(device_ids=[old.pk], **BY)

        states.reactivate(device_ids=[new.pk], **BY)

        assert (again(old).active, again(old).authorized) == (True, False)
        entry = AuditEntry.objects.get(action="device lost its computer")
        assert (entry.object_id, entry.before["authorized"], entry.after["authorized"]) == (old.pk, True, False)
        assert not broken()

    def test_needs_another_sign_in_when_its_computer_leaves_by_way_of_another_device(self, wendy: User) -> None:
        one, two, three = (make_device(wendy, name) for name in ("one", "two", "three"))
        replacement.replace(device_id=two.pk, computer_id=three.pk, **BY)
        replacement.replace(device_id=one.pk, computer_id=two.pk, **BY)
        states.authorize(device_ids=[one.pk], **BY)

        states.reactivate(device_ids=[three.pk], **BY)

        assert not again(one).authorized
        assert (again(two).in_place_of, again(two).authorized) == (None, False)
        assert not broken()

    def test_lets_its_former_computer_go_on_where_that_is_now(self, wendy: User) -> None:
        one, two, new = (make_device(wendy, name) for name in ("one", "two", "new"))
        replacement.replace(device_id=one.pk, computer_id=two.pk, **BY)
        states.authorize(device_ids=[one.pk], **BY)

        replacement.replace(device_id=two.pk, computer_id=new.pk, **BY)

        assert (again(one).authorized, again(two).authorized) == (True, False)
        assert not broken()

    def test_survives_that_the_user_is_deactivated_and_reactivated(self, wendy: User) -> None:
        old, new = make_device(wendy, "old"), make_device(wendy, "new")
        replacement.replace(device_id=old.pk, computer_id=new.pk, **BY)

        deactivation.deactivate(user_ids=[wendy.pk], **BY)
        deactivation.reactivate(user_ids=[wendy.pk], **BY)

        assert (again(old).active, again(new).active) == (True, False)
        assert not broken()


class TestKeepingLonger:
    @pytest.fixture
    def cold(self, wendy: User) -> Archive:
        """An archive that expires a year after noon."""
        laptop = make_device(wendy)
        devices.deactivate(device_ids=[laptop.pk], **BY)
        return archive_of(laptop)

    def test_moves_the_date_on_and_notes_both(self, cold: Archive) -> None:
        until = NOON + 2 * YEAR

        done = archive_expiry.extend(archive_ids=[cold.pk], until=until, **BY)

        assert (done.archives, done.unchanged) == (1, 0)
        assert Archive.objects.get(pk=cold.pk).expires_at == until
        entry = AuditEntry.objects.get(action="archive kept longer")
        assert (entry.before["expires_at"], entry.after["expires_at"]) == (
            (NOON + YEAR).isoformat(),
            until.isoformat(),
        )
        assert not broken()

    def test_never_moves_it_back(self, cold: Archive) -> None:
        done = archive_expiry.extend(archive_ids=[cold.pk], until=NOON + timedelta(days=3), **BY)

        assert (done.archives, done.unchanged) == (0, 1)
        assert Archive.objects.get(pk=cold.pk).expires_at == NOON + YEAR

    def test_leaves_live_archives_alone(self, wendy: User) -> None:
        live = archive_of(make_device(wendy))

        assert archive_expiry.extend(archive_ids=[live.pk], until=NOON + YEAR, **BY).archives == 0

    def test_does_not_bring_back_what_is_past_its_date(self, cold: Archive) -> None:
        late = NOON + YEAR + timedelta(hours=1)

        assert archive_expiry.extend(archive_ids=[cold.pk], until=late + YEAR, by=SYSTEM, at=late).archives == 0

    def test_keeps_what_is_past_its_date_and_on_hold(self, cold: Archive, wendy: User) -> None:
        make_matter("Inquiry", wendy)
        late = NOON + YEAR + timedelta(hours=1)

        assert archive_expiry.extend(archive_ids=[cold.pk], until=late + YEAR, by=SYSTEM, at=late).archives == 1

    @pytest.mark.parametrize("days", [0, -1, 3651, 40_000])
    def test_refuses_a_date_that_is_past_or_too_far_away(self, cold: Archive, days: int) -> None:
        with pytest.raises(Refused, match="the new date"):
            archive_expiry.extend(archive_ids=[cold.pk], until=NOON + timedelta(days=days), **BY)

    def test_refuses_more_archives_than_one_act_may_change(self) -> None:
        with pytest.raises(Refused, match="one act may change 10000 archives, and these are 10001"):
            archive_expiry.extend(archive_ids=range(10_001), until=timezone.now() + YEAR, by=SYSTEM, at=timezone.now())

    def test_keeps_its_date_when_the_retention_of_the_org_changes(self, cold: Archive) -> None:
        archive_expiry.extend(archive_ids=[cold.pk], until=NOON + 2 * YEAR, **BY)

        org_actions.change(org=org("Staff"), by=SYSTEM, at=NOON, archive_retention_days=30)

        assert Archive.objects.get(pk=cold.pk).expires_at == NOON + 2 * YEAR
