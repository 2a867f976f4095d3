"""What happens to users, devices, archives and legal holds, whoever does it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from orgs.actions import archives, legal_holds, locks
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, org_moves, role_grants, user_profiles
from orgs.models import Archive, ArchiveState, AuditEntry, Custodian, Matter, Org, Role, SetBy, User
from orgs.rules.actors import SYSTEM, Actor
from tests.worlds import NOON, again, device, org, user

pytestmark = pytest.mark.django_db
SYNC = Actor("admin", run_id=7)


def only_archive(of: User) -> object:
    return of.devices.get().archives.get()


class TestBlocking:
    def test_ends_all_sessions_and_leaves_archives_as_they_are(self) -> None:
        sean = user("sean")
        device(sean)
        session = sean.get_session_auth_hash()

        blocking.block(user_ids=[sean.pk], by=SYNC, at=NOON)

        blocked = again(sean)
        assert (blocked.blocked, blocked.blocked_by, blocked.active) == (True, SetBy.SYNC, True)
        assert blocked.get_session_auth_hash() != session
        assert not blocked.is_active
        assert blocked.devices.get().archives.get().state == ArchiveState.LIVE

    def test_remembers_the_first_who_did_it(self) -> None:
        sean = user("sean")

        blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        blocking.block(user_ids=[sean.pk], by=SYNC, at=NOON)

        assert again(sean).blocked_by == SetBy.PERSON


class TestDeactivating:
    def test_deactivates_devices_and_moves_archives_to_cold_storage_for_the_orgs_retention(self) -> None:
        org_actions.change(org=org("Staff"), by=SYSTEM, at=NOON, archive_retention_days=30)
        sean = user("sean", org_name="Staff")
        device(sean)

        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        laptop = sean.devices.get()
        archive = laptop.archives.get()
        assert (laptop.active, laptop.deactivated_with_user) == (False, True)
        assert (archive.state, archive.expires_at) == (ArchiveState.COLD_STORAGE, NOON + timedelta(days=30))

    def test_of_a_user_on_hold_blocks_and_waits_for_the_release(self) -> None:
        sean = user("sean")
        device(sean)
        matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
        legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        done = deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        held = again(sean)
        assert done.on_hold == {sean.pk}
        assert (held.active, held.blocked, held.pending) == (True, True, True)
        assert held.devices.get().active

    def test_leaves_an_audit_row_for_each_object(self) -> None:
        sean = user("sean")
        device(sean)
        AuditEntry.objects.all().delete()

        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        rows = list(AuditEntry.objects.order_by("pk").values_list("action", "object_label", "actor_label", "run_id"))
        assert rows == [("device deactivated", "laptop", "admin", 7), ("user deactivated", "sean", "admin", 7)]

    def test_of_the_last_active_sysadmin_is_refused_and_changes_nothing(self) -> None:
        ada = user("ada", roles=["SYSADMIN"])
        sean = user("sean")

        with pytest.raises(Refused, match="ada is the last active user with the SYSADMIN role"):
            deactivation.deactivate(user_ids=[ada.pk, sean.pk], by=SYSTEM, at=NOON)

        assert again(ada).active
        assert again(sean).active


class TestReactivating:
    def test_brings_back_the_devices_deactivated_with_the_user_and_unexpired_archives(self) -> None:
        sean = user("sean")
        guid = device(sean).guid
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        _, restored = deactivation.reactivate(user_ids=[sean.pk], by=SYNC, at=NOON + timedelta(days=9))

        laptop = sean.devices.get()
        assert (laptop.active, laptop.guid) == (True, guid)
        assert laptop.archives.get().state == ArchiveState.LIVE
        assert (restored.archives, restored.lost) == (1, 0)

    def test_says_that_an_expired_archive_is_lost(self) -> None:
        sean = user("sean")
        device(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        _, restored = deactivation.reactivate(user_ids=[sean.pk], by=SYNC, at=NOON + timedelta(days=366))

        assert (restored.archives, restored.lost) == (0, 1)

    def test_leaves_devices_off_where_the_setting_says_so(self) -> None:
        sean = user("sean")
        device(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        deactivation.reactivate(user_ids=[sean.pk], by=SYNC, at=NOON, with_devices=False)

        assert not sean.devices.get().active
        assert sean.devices.get().archives.get().state == ArchiveState.LIVE

    def test_leaves_a_device_off_that_was_deactivated_before_its_user(self) -> None:
        sean = user("sean")
        device(sean)
        sean.devices.update(active=False, deactivated_by=SetBy.PERSON)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        deactivation.reactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        assert not sean.devices.get().active


class TestLegalHolds:
    def held(self, *names: str) -> tuple[User, list[Matter]]:
        sean = user("sean")
        matters = []
        for name in names:
            matter = legal_holds.open_matter(name=name, by=SYSTEM, at=NOON)
            legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=NOON)
            matters.append(matter)
        return sean, matters

    def test_the_release_from_the_last_open_matter_deactivates_at_once_what_was_pending(self) -> None:
        sean, (lease, audit) = self.held("Lease", "Audit")
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        first = legal_holds.release(matter=lease, user_ids=[sean.pk], by=SYSTEM, at=NOON)
        second = legal_holds.close_matter(matter=audit, by=SYSTEM, at=NOON)

        assert not first
        assert second == {sean.pk}
        assert (again(sean).active, again(sean).deactivated_by, again(sean).pending) == (False, SetBy.SYNC, False)

    def test_a_release_does_not_deactivate_who_was_blocked_by_hand(self) -> None:
        sean, (lease,) = self.held("Lease")
        blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON)

        legal_holds.release(matter=lease, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        assert again(sean).active

    def test_unblocking_calls_a_pending_deactivation_off(self) -> None:
        sean, (lease,) = self.held("Lease")
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        blocking.unblock(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        legal_holds.release(matter=lease, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        assert (again(sean).active, again(sean).blocked) == (True, False)

    def test_a_closed_matter_takes_no_custodians(self) -> None:
        sean, (lease,) = self.held("Lease")
        legal_holds.close_matter(matter=lease, by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="Lease is closed"):
            legal_holds.add_custodians(matter=lease, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        assert not Custodian.objects.filter(released_at=None).exists()


class TestArchives:
    def test_expire_after_their_retention_and_are_purged_20_days_later(self) -> None:
        sean = user("sean")
        device(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)

        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=364)) == (0, 0)
        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=365)) == (1, 0)
        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=384)) == (0, 0)
        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=385)) == (0, 1)
        assert not sean.devices.get().archives.exists()

    def test_of_a_user_on_hold_neither_expire_nor_are_purged(self) -> None:
        sean = user("sean")
        device(sean)
        deactivation.deactivate(user_ids=[sean.pk], by=SYNC, at=NOON)
        matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
        legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        assert archives.age(by=SYSTEM, at=NOON + timedelta(days=3650)) == (0, 0)

    def test_that_become_due_while_users_are_locked_wait_for_the_next_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sean, mia, tom, zoe = (user(name) for name in ("sean", "mia", "tom", "zoe"))
        for each in (sean, mia, tom, zoe):
            device(each)
        deactivation.deactivate(user_ids=[sean.pk, mia.pk, tom.pk, zoe.pk], by=SYNC, at=NOON)
        archives.age(by=SYSTEM, at=NOON + timedelta(days=365))
        Archive.objects.filter(device__user__in=[sean, mia]).update(state=ArchiveState.COLD_STORAGE, purge_at=None)
        late = NOON + timedelta(days=385)
        matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
        legal_holds.add_custodians(matter=matter, user_ids=[mia.pk, zoe.pk], by=SYSTEM, at=NOON)
        lock = locks.owners_of_archives

        def lock_after_a_release(ids: Collection[int]) -> None:
            # What another transaction commits before the lock is there.
            legal_holds.release(matter=matter, user_ids=[mia.pk, zoe.pk], by=SYSTEM, at=late)
            lock(ids)

        monkeypatch.setattr(locks, "owners_of_archives", lock_after_a_release)

        assert archives.age(by=SYSTEM, at=late) == (1, 1)
        left = Archive.objects.order_by("device__user__username").values_list("device__user__username", "state")
        assert list(left) == [
            ("mia", ArchiveState.COLD_STORAGE),
            ("sean", ArchiveState.EXPIRED),
            ("zoe", ArchiveState.EXPIRED),
        ]


class TestMoving:
    def test_deauthorizes_the_devices_of_those_whom_the_new_directory_does_not_know(self) -> None:
        sean, mia = user("sean"), user("mia")
        device(sean), device(mia)
        staff = org("Staff")

        org_moves.move(moves={sean.pk: staff.pk, mia.pk: staff.pk}, strangers=[mia.pk], by=SYSTEM, at=NOON)

        assert again(sean).org == staff
        assert (sean.devices.get().authorized, mia.devices.get().authorized) == (True, False)

    def test_ends_the_sessions_only_of_those_for_whom_that_is_asked_and_who_move(self) -> None:
        sean, mia, tom = user("sean"), user("mia"), user("tom")
        staff = org("Staff")
        org_moves.move(moves={tom.pk: staff.pk}, by=SYSTEM, at=NOON)
        before = {one: again(one).get_session_auth_hash() for one in (sean, mia, tom)}

        everybody = {one.pk: staff.pk for one in (sean, mia, tom)}
        moved = org_moves.move(moves=everybody, ending_sessions_of=[sean.pk, tom.pk], by=SYSTEM, at=NOON)

        assert moved == {sean.pk, mia.pk}
        assert {one for one in before if again(one).get_session_auth_hash() != before[one]} == {sean}
        assert again(sean).org == again(mia).org == staff

    def test_to_an_org_that_is_not_active_is_refused(self) -> None:
        sean = user("sean")
        staff = org_actions.set_active(org=org("Staff"), active=False, by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="not active"):
            org_moves.move(moves={sean.pk: staff.pk}, by=SYSTEM, at=NOON)


class TestRoles:
    def test_are_set_as_a_whole_and_end_sessions_only_where_they_change(self) -> None:
        sean, mia = user("sean", roles=["PROe User"]), user("mia", roles=["Org Admin"])
        admin = Role.objects.get(name="Org Admin").pk
        before = mia.get_session_auth_hash()

        changed = role_grants.set_roles(
            roles={sean.pk: frozenset({admin}), mia.pk: frozenset({admin})}, by=SYSTEM, at=NOON
        )

        assert changed == {sean.pk}
        assert [role.name for role in sean.roles.all()] == ["Org Admin"]
        assert again(mia).get_session_auth_hash() == before

    def test_end_no_session_that_has_ended_already(self) -> None:
        sean, mia = user("sean"), user("mia")
        admin = frozenset({Role.objects.get(name="Org Admin").pk})
        before = sean.get_session_auth_hash(), mia.get_session_auth_hash()

        changed = role_grants.set_roles(
            roles={sean.pk: admin, mia.pk: admin}, sessions_ended_of=[sean.pk], by=SYSTEM, at=NOON
        )

        assert changed == {sean.pk, mia.pk}
        assert again(sean).get_session_auth_hash() == before[0]
        assert again(mia).get_session_auth_hash() != before[1]

    def test_a_standard_role_is_locked(self) -> None:
        with pytest.raises(Refused, match="locked"):
            role_actions.save(
                role=Role.objects.get(name="Org Admin"), name="Org Admin", permissions=[], by=SYSTEM, at=NOON
            )


class TestNames:
    def test_a_username_is_taken_in_any_letter_case(self) -> None:
        user("Seán")

        with pytest.raises(Refused, match="Seán is taken"):
            user("SEÁN")

    def test_an_orgs_name_is_taken_in_any_letter_case_among_active_orgs(self) -> None:
        org("Staff")

        with pytest.raises(Refused, match="taken"):
            org_actions.create(name=" sTaFF ", parent=Org.objects.first(), by=SYSTEM, at=NOON)

    def test_a_profile_can_not_take_anothers_name(self) -> None:
        sean = user("sean")
        user("mia")

        with pytest.raises(Refused, match="mia is taken"):
            user_profiles.update_profiles(profiles={sean.pk: user_profiles.Profile("MIA")}, by=SYSTEM, at=NOON)

        assert again(sean).username == "sean"

    def test_a_name_can_pass_from_one_to_another_at_once(self) -> None:
        sean, mia = user("sean"), user("mia")
        swapped = {sean.pk: user_profiles.Profile("mia"), mia.pk: user_profiles.Profile("sean")}

        user_profiles.update_profiles(profiles=swapped, by=SYSTEM, at=NOON)

        assert (again(sean).username, again(mia).username) == ("mia", "sean")
        assert again(sean).username_key == "mia"

    def test_two_users_can_not_take_one_name_at_once(self) -> None:
        sean, mia = user("sean"), user("mia")
        both = {sean.pk: user_profiles.Profile("kim"), mia.pk: user_profiles.Profile("KIM")}

        with pytest.raises(Refused, match="two users'"):
            user_profiles.update_profiles(profiles=both, by=SYSTEM, at=NOON)
