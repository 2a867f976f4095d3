"""What pages say of acts on users before they are done is what the acts then do, for one user and for many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.elements.effects import Effect
from console.presenters.user_effects import local_management_effects, move_effects, role_effects, state_effects
from directory.actions.users import org_moves_by_hand
from directory.models import LdapServer, Match, SyncSettings
from orgs.actions import devices
from orgs.actions import orgs as org_actions
from orgs.actions.users import blocking, deactivation, local_passwords, pending_deactivation, role_grants
from orgs.models import Archive, ArchiveState, Device, Org, Role, User
from orgs.models.users import UserQuerySet
from orgs.rules.actors import SYSTEM, Actor
from tests.makers import NOW, PASSWORD, make_device, make_matter, make_org, make_server, make_user

pytestmark = pytest.mark.django_db
SYNC = Actor("sync 7", run_id=7)


def chosen(*users: User) -> UserQuerySet:
    found: UserQuerySet = User.objects.filter(pk__in=[user.pk for user in users])
    return found


def counts(effects: list[Effect]) -> dict[str, int]:
    return {str(effect.what): effect.count for effect in effects}


def text(effects: list[Effect], what: str) -> str:
    found = next(effect for effect in effects if str(effect.what) == what)
    return f"{found.text} {found.under}".strip()


def follow_ldap(org: Org) -> None:
    org_actions.change(org=org, directory_service="ldap", by=SYSTEM, at=NOW)
    make_server().org_links.create(org=org)


@pytest.fixture
def staff() -> list[User]:
    """Make five users with two devices each: active, on hold, blocked, deactivated, and an administrator of their org."""
    org = make_org("Staff")
    users = [make_user(name, org=org) for name in ("amy", "bob", "cleo", "dan")]
    users.append(make_user("eve", org=org, roles=["Org Admin"], password=PASSWORD))
    for user in users:
        make_device(user, "laptop", size_bytes=3 * 1024**3)
        make_device(user, "desk", size_bytes=1024**3)
    make_matter("Inquiry", users[1])
    blocking.block(user_ids=[users[2].pk], by=SYSTEM, at=NOW)
    deactivation.deactivate(user_ids=[users[3].pk], by=SYSTEM, at=NOW)
    return users


class TestBlocking:
    def test_counts_who_is_blocked_with_devices_archives_and_bytes(self, staff: list[User]) -> None:
        effects = state_effects.blocking(chosen(*staff), at=NOW)

        assert counts(effects) == {
            "Block": 4,
            "Devices": 6,
            "Archives": 8,
            "Administrators": 1,
            "No change": 1,
        }
        assert "16.0\xa0GB" in text(effects, "Archives")
        assert "eve: Staff, 4 active users" in text(effects, "Administrators")
        assert len(blocking.block(user_ids=[user.pk for user in staff], by=SYSTEM, at=NOW)) == 4

    def test_says_that_no_sync_undoes_it_unless_the_settings_allow_it(self, staff: list[User]) -> None:
        follow_ldap(staff[0].org)

        assert "No sync undoes" in text(state_effects.blocking(chosen(staff[0]), at=NOW), "Syncs")
        SyncSettings.objects.create(pk=1, reactivate_set_by_person=True)
        assert "allow a sync to undo it" in text(state_effects.blocking(chosen(staff[0]), at=NOW), "Syncs")


class TestUnblocking:
    def test_says_what_is_cancelled_and_who_stays_deactivated(self, staff: list[User]) -> None:
        deactivation.deactivate(user_ids=[staff[1].pk], by=SYSTEM, at=NOW)
        blocking.block(user_ids=[staff[3].pk], by=SYSTEM, at=NOW)

        effects = state_effects.unblocking(chosen(*staff))

        assert counts(effects) == {
            "Unblock": 3,
            "Pending deactivations": 1,
            "Devices": 4,
            "Deactivated users": 1,
            "No change": 2,
        }
        assert len(blocking.unblock(user_ids=[user.pk for user in staff], by=SYSTEM, at=NOW)) == 3
        assert not User.objects.filter(pending=True).exists()

    def test_warns_where_a_sync_has_blocked(self, staff: list[User]) -> None:
        follow_ldap(staff[0].org)
        blocking.block(user_ids=[staff[0].pk], by=SYNC, at=NOW)

        effects = state_effects.unblocking(chosen(*staff))

        assert counts(effects)["Syncs"] == 1
        assert "may block them again" in text(effects, "Syncs")


class TestDeactivating:
    def test_counts_devices_and_archives_with_bytes_and_expiry(self, staff: list[User]) -> None:
        devices.deactivate(device_ids=[staff[0].devices.get(name="desk").pk], by=SYSTEM, at=NOW)

        effects = state_effects.deactivating(chosen(*staff), at=NOW)

        assert counts(effects) == {
            "Deactivate": 3,
            "On legal hold": 1,
            "Devices": 5,
            "Archives": 5,
            "Administrators": 1,
            "No change": 1,
        }
        assert "go to cold storage. They expire on 2027-03-02." in text(effects, "Archives")
        done = deactivation.deactivate(user_ids=[user.pk for user in staff], by=SYSTEM, at=NOW)
        assert (len(done.users), len(done.on_hold)) == (3, 1)
        assert Device.objects.filter(active=False, deactivated_with_user=True).count() == 5 + 2
        cold = Archive.objects.filter(state=ArchiveState.COLD_STORAGE, expires_at=NOW + timedelta(days=365))
        assert cold.count() == 6 + 2

    def test_says_that_orgs_keep_archives_for_different_times(self, staff: list[User]) -> None:
        short = make_org("Short")
        org_actions.change(org=short, archive_retention_days=30, by=SYSTEM, at=NOW)
        visitor = make_user("vic", org=short)
        make_device(visitor)

        effects = state_effects.deactivating(chosen(staff[0], visitor), at=NOW)

        assert "between 2026-04-01 and 2027-03-02" in text(effects, "Archives")


class TestReactivating:
    def test_says_what_comes_back_and_which_archive_is_lost(self, staff: list[User]) -> None:
        dan = staff[3]
        make_device(dan, "old")
        devices.deactivate(device_ids=[dan.devices.get(name="old").pk], by=SYSTEM, at=NOW)
        later = NOW + timedelta(days=400)
        Archive.objects.filter(device__user=dan, device__name="desk").update(expires_at=later + timedelta(days=1))

        effects = state_effects.reactivating(chosen(*staff), at=later)

        assert counts(effects) == {
            "Reactivate": 1,
            "Devices": 2,
            "Archives": 1,
            "Lost archives": 1,
            "Other devices": 1,
            "No change": 4,
        }
        assert text(effects, "Lost archives").endswith("laptop")
        _users, restored = deactivation.reactivate(user_ids=[user.pk for user in staff], by=SYSTEM, at=later)
        assert (restored.archives, restored.lost) == (1, 1)

    def test_says_that_devices_stay_off_where_the_settings_say_so(self, staff: list[User]) -> None:
        SyncSettings.objects.create(pk=1, reactivate_devices=False)

        assert "Stay deactivated" in text(state_effects.reactivating(chosen(staff[3]), at=NOW), "Devices")

    def test_keeps_an_overdue_archive_of_somebody_on_hold(self, staff: list[User]) -> None:
        dan, later = staff[3], NOW + timedelta(days=400)
        make_matter("Second inquiry", dan)

        effects = state_effects.reactivating(chosen(dan), at=later)

        assert counts(effects) == {"Reactivate": 1, "Devices": 2, "Archives": 2}


class TestCancellingADeactivation:
    def test_counts_who_stays_blocked(self, staff: list[User]) -> None:
        deactivation.deactivate(user_ids=[staff[1].pk], by=SYSTEM, at=NOW)

        effects = state_effects.cancelling_deactivation(chosen(*staff))

        assert counts(effects) == {"Cancel": 1, "Blocked users": 1, "No change": 4}
        assert len(pending_deactivation.clear_pending(user_ids=[staff[1].pk], by=SYSTEM, at=NOW)) == 1


class TestMoving:
    def test_deauthorizes_the_devices_of_those_who_were_found_elsewhere(self, staff: list[User]) -> None:
        follow_ldap(staff[0].org)
        target, server = make_org("Branch"), make_server("Branch")
        org_actions.change(org=target, directory_service="ldap", by=SYSTEM, at=NOW)
        server.org_links.create(org=target)
        for user, found_on in ((staff[0], None), (staff[1], server), (staff[2], LdapServer.objects.first())):
            Match.objects.create(user=user, server=found_on, dn=user.username, matched_at=NOW, deleted_server="gone")

        effects = move_effects.moving(chosen(*staff), target)
        ids = [user.pk for user in staff]
        org_moves_by_hand.move(user_ids=ids, org=target, by=SYSTEM, at=NOW)

        # The directory knows Bob; Dan and Eve were never found in any.
        assert counts(effects)["Devices"] == 4
        assert set(Device.objects.filter(authorized=False).values_list("user__username", flat=True)) == {"amy", "cleo"}

    def test_says_from_where_administrators_administer_then(self, staff: list[User]) -> None:
        target = make_org("Branch")
        make_org("Branch lower", parent=target)

        effects = move_effects.moving(chosen(*staff), target)

        assert counts(effects)["Administrators"] == 1
        assert "eve: now Staff, 4 active users; then Branch and 1 org below, 0 active users" in text(
            effects, "Administrators"
        )

    def test_says_who_signs_in_in_another_way(self, staff: list[User]) -> None:
        local, by_ldap = make_org("Local"), make_org("By LDAP")
        follow_ldap(by_ldap)
        org_moves_by_hand.move(user_ids=[staff[0].pk], org=by_ldap, by=SYSTEM, at=NOW)

        to_ldap = move_effects.moving(chosen(*staff), by_ldap)
        to_local = move_effects.moving(chosen(*staff), local)

        assert counts(to_ldap)["Sign-in"] == 3
        assert counts(to_local)["Sign-in"] == 1
        assert "no local password" in text(to_local, "Sign-in")
        assert counts(to_local)["Syncs"] == 1

    def test_names_the_default_roles_and_another_retention(self, staff: list[User]) -> None:
        target = make_org("Branch")
        roles = [Role.objects.get(name="Desktop User")]
        org_actions.change(
            org=target,
            archive_retention_days=30,
            own_default_roles=True,
            default_roles=roles,
            by=SYSTEM,
            at=NOW,
        )

        effects = move_effects.moving(chosen(*staff), target)

        assert "The default roles of Branch are: Desktop User." in text(effects, "Roles")
        assert "30 days" in text(effects, "Retention")


class TestChangingRoles:
    def test_counts_who_gains_and_loses_what(self, staff: list[User]) -> None:
        admin, plain = Role.objects.get(name="Org Admin"), Role.objects.get(name="PROe User")
        role_grants.change_roles(user_ids=[staff[0].pk], added=[plain.pk], by=SYSTEM, at=NOW)

        effects = role_effects.changing_roles(chosen(*staff), added=[plain], removed=[admin])
        changed = role_grants.change_roles(
            user_ids=[user.pk for user in staff], added=[plain.pk], removed=[admin.pk], by=SYSTEM, at=NOW
        )

        assert counts(effects) == {"Add PROe User": 4, "Remove Org Admin": 1, "Sessions": 4, "No change": 1}
        assert len(changed) == 4
        assert "No longer administers Staff, 4 active users." in text(effects, "Remove Org Admin")

    def test_says_that_every_org_is_reached(self, staff: list[User]) -> None:
        role = Role.objects.get(name="All Org Admin")

        effects = role_effects.changing_roles(chosen(staff[0]), added=[role], removed=[])

        assert "Administers every org." in text(effects, "Add All Org Admin")


class TestManagingLocally:
    def test_says_whose_password_is_forgotten_and_who_has_none(self, staff: list[User]) -> None:
        org_actions.change(org=staff[0].org, directory_service="ldap", by=SYSTEM, at=NOW)
        for user in (staff[0], staff[4]):
            stored = User.objects.get(pk=user.pk)
            stored.set_password(PASSWORD)
            User.objects.filter(pk=user.pk).update(password=stored.password, managed_locally=False)

        effects = local_management_effects.managing_locally(chosen(*staff))
        local_passwords.set_managed_locally(
            user_ids=[user.pk for user in staff], managed_locally=True, by=SYSTEM, at=NOW
        )

        assert [effect.count for effect in effects] == [5, 1, 1, 3]
        assert {user.username for user in User.objects.filter(org=staff[0].org) if user.has_usable_password()} == {
            "amy"
        }

    def test_says_what_ends_when_the_directory_decides_again(self, staff: list[User]) -> None:
        follow_ldap(staff[0].org)

        effects = local_management_effects.following_directory(chosen(*staff))

        assert counts(effects) == {"Directory": 1, "Syncs": 1, "Local passwords": 1, "No change": 4}


@pytest.mark.parametrize(
    "effects",
    [
        lambda users: state_effects.blocking(users, at=NOW),
        state_effects.unblocking,
        state_effects.cancelling_deactivation,
        lambda users: state_effects.deactivating(users, at=NOW),
        lambda users: state_effects.reactivating(users, at=NOW),
        lambda users: move_effects.moving(users, Org.objects.get(name="ADMIN")),
        lambda users: role_effects.changing_roles(users, added=Role.objects.filter(name="SYSADMIN"), removed=[]),
        local_management_effects.managing_locally,
        local_management_effects.following_directory,
    ],
)
def test_counting_takes_as_many_queries_for_many_as_for_few(
    staff: list[User], effects: Callable[[UserQuerySet], Any]
) -> None:
    with CaptureQueriesContext(connection) as few:
        effects(chosen(*staff))
    for number in range(30):
        make_device(make_user(f"user{number}", org=staff[0].org))
    with CaptureQueriesContext(connection) as many:
        effects(User.objects.filter(org=staff[0].org))

    assert len(many) == len(few)
