"""Acts on many users at once: what they do, whom they leave out and why, and what an undo puts back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.actions.bulk import carrying_out, choosing, confirmation
from directory.actions.bulk.confirmation import Argument, BulkConfirmation
from directory.input_errors import Refused
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState
from directory.sync.run_interruptions import Leaving
from orgs.actions import legal_holds
from orgs.actions.users import blocking, deactivation, org_moves, role_grants
from orgs.models import AuditEntry, Device, Org, Role, User
from orgs.rules.actors import SYSTEM, person
from tests.bulk_acts import carried_out, confirmed, done, prepared, results, undone
from tests.makers import (
    NOW,
    PASSWORD,
    make_device,
    make_matter,
    make_org,
    make_role,
    make_sysadmin,
    make_user,
    make_users,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LATER = NOW + timedelta(minutes=5)


def in_parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_PART", "LARGEST_PART"):
        monkeypatch.setattr(carrying_out, name, 2)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:04}" for number in range(count)]


class TestEachAct:
    def test_blocks_and_unblocks(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])

        act = done(BulkKind.BLOCK, people, by=ada)

        assert (act.state, act.done, act.total) == (BulkState.DONE, 2, 2)
        assert set(User.objects.filter(blocked=True).values_list("username", flat=True)) == {"ben", "cem"}
        assert done(BulkKind.UNBLOCK, people, by=ada).done == 2
        assert not User.objects.filter(blocked=True).exists()

    def test_deactivates_with_devices_and_reactivates(self) -> None:
        ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])
        make_device(ben)

        done(BulkKind.DEACTIVATE, [ben, cem], by=ada)

        assert not User.objects.filter(pk__in=[ben.pk, cem.pk], active=True).exists()
        assert not Device.objects.filter(active=True).exists()
        done(BulkKind.REACTIVATE, [ben, cem], by=ada)
        assert Device.objects.filter(active=True).count() == 1

    def test_moves(self) -> None:
        ada, people, org = make_sysadmin(), make_users(["ben", "cem"]), make_org("North")

        done(BulkKind.MOVE, people, by=ada, org=org)

        assert org.users.count() == 2

    def test_adds_and_removes_a_role(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])
        role = Role.objects.get(name="Org Manager")

        done(BulkKind.ADD_ROLE, people, by=ada, role=role)
        assert role.grants.count() == 2

        done(BulkKind.REMOVE_ROLE, people, by=ada, role=role)
        assert role.grants.count() == 0

    def test_puts_on_hold(self) -> None:
        ada, people, matter = make_sysadmin(), make_users(["ben", "cem"]), make_matter("Inquiry")

        done(BulkKind.HOLD, people, by=ada, matter=matter)

        assert User.objects.on_legal_hold().count() == 2

    def test_names_the_act_in_the_audit_trail(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben", "cem"])

        act = done(BulkKind.BLOCK, people, by=ada)

        entries = AuditEntry.objects.filter(bulk_act_id=act.pk, action="user blocked")
        assert sorted(entries.values_list("object_label", "actor_label")) == [("ben", "ada"), ("cem", "ada")]
        about = AuditEntry.objects.filter(object_type="bulk act", object_id=act.pk).order_by("pk")
        assert list(about.values_list("action", flat=True)) == ["bulk act confirmed", "bulk act ended"]


class TestWhoIsLeftOut:
    def test_who_is_so_already_and_the_person_themselves(self) -> None:
        ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])
        blocking.block(user_ids=[ben.pk], by=SYSTEM, at=NOW)

        act = done(BulkKind.BLOCK, [ada, ben, cem], by=ada)

        assert results(act) == {"ada": "own", "ben": "already", "cem": "done"}
        assert (act.done, act.left_out) == (1, 2)

    def test_who_is_on_hold_is_blocked_instead_of_deactivated(self) -> None:
        ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])
        make_matter("Inquiry", ben)

        act = done(BulkKind.DEACTIVATE, [ben, cem], by=ada)

        assert results(act) == {"ben": "blocked instead", "cem": "done"}
        assert User.objects.get(username="ben").pending

    def test_the_person_themselves_where_they_could_not_go_on(self) -> None:
        make_sysadmin()
        north = make_org("North")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        ben = make_user("ben", org=north)

        act = done(BulkKind.MOVE, [nora, ben], by=nora, org=make_org("Below", parent=north))

        assert results(act) == {"nora": "own", "ben": "done"}

    def test_the_last_sysadmin(self) -> None:
        make_sysadmin("root")
        desk = make_user("desk", roles=["All Org Admin"], password=PASSWORD)
        root, ben = User.objects.get(username="root"), make_user("ben")

        act = done(BulkKind.BLOCK, [root, ben], by=desk)

        assert results(act) == {"root": "last SYSADMIN", "ben": "done"}

    def test_who_holds_more_than_the_person(self) -> None:
        make_sysadmin("root")
        boss = make_user("boss", roles=["SYSADMIN"])
        ben = make_user("ben")
        desk = make_user("desk", roles=["All Org Admin"], password=PASSWORD)
        blocking.block(user_ids=[boss.pk, ben.pk], by=SYSTEM, at=NOW)

        act = done(BulkKind.UNBLOCK, [boss, ben], by=desk)

        assert results(act) == {"boss": "holds more", "ben": "done"}

    def test_whom_a_move_would_give_more(self) -> None:
        make_sysadmin("root")
        north = make_org("North")
        left, right = make_org("Left", parent=north), make_org("Right", parent=north)
        role = make_role("Console", "admin.user", "admin.system")
        cleo = make_user("cleo", org=left, roles=["Console"])
        ben = make_user("ben", org=left)
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)

        act = done(BulkKind.MOVE, [cleo, ben], by=nora, org=right)

        assert role.grants.count() == 1
        assert results(act)["ben"] == "done"
        assert User.objects.get(pk=ben.pk).org_id == right.pk

    def test_who_is_in_an_org_out_of_use_is_not_reactivated(self) -> None:
        ada, org = make_sysadmin(), make_org("North")
        ben = make_user("ben", org=org)
        done(BulkKind.DEACTIVATE, [ben], by=ada)
        Org.objects.filter(pk=org.pk).update(active=False)

        assert results(done(BulkKind.REACTIVATE, [ben], by=ada)) == {"ben": "org out of use"}

    def test_who_left_the_part_of_the_person_after_the_choice(self) -> None:
        make_sysadmin("root")
        north, south = make_org("North"), make_org("South")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        ben, cem = make_user("ben", org=north), make_user("cem", org=north)
        act = confirmed(prepared(BulkKind.BLOCK, [ben, cem], by=nora), by=nora)
        org_moves.move(moves={ben.pk: south.pk}, by=SYSTEM, at=NOW)

        carried_out(act)

        assert results(act) == {"ben": "outside", "cem": "done"}

    def test_all_if_the_person_may_not_change_users_any_more(self) -> None:
        make_sysadmin("root")
        desk = make_user("desk", roles=["All Org Admin"], password=PASSWORD)
        ben = make_user("ben")
        act = confirmed(prepared(BulkKind.BLOCK, [ben], by=desk), by=desk)
        blocking.block(user_ids=[desk.pk], by=SYSTEM, at=NOW)

        carried_out(act)

        assert (act.state, act.done, act.left_out) == (BulkState.DONE, 0, 1)
        assert not User.objects.get(pk=ben.pk).blocked

    def test_one_whom_a_rule_of_the_single_act_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 20))
        single = blocking.block

        def refusing(*, user_ids, by, at):  # type: ignore[no-untyped-def]
            if people[7].pk in user_ids:
                raise Refused("not this one")
            return single(user_ids=user_ids, by=by, at=at)

        monkeypatch.setattr(blocking, "block", refusing)
        act = done(BulkKind.BLOCK, people, by=ada)

        assert (act.done, act.left_out) == (19, 1)
        row = BulkActUser.objects.get(bulk_act=act, user=people[7])
        assert (row.reason, row.detail) == ("rule", "not this one")
        assert AuditEntry.objects.filter(action="user blocked").count() == 19


class TestConfirming:
    def test_takes_only_those_who_were_chosen(self) -> None:
        ada = make_sysadmin()
        make_users(["ben", "cem"])
        act = choosing.prepare(
            kind=BulkKind.BLOCK,
            users=User.objects.filter(active=True, blocked=False).exclude(pk=ada.pk),
            filters="state=active",
            by=person(ada),
            at=NOW,
        )
        make_users(["dan"])

        carried_out(confirmed(act, by=ada))

        assert not User.objects.get(username="dan").blocked

    def test_a_foreign_user_cannot_be_chosen(self) -> None:
        make_sysadmin("root")
        north, south = make_org("North"), make_org("South")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        own, foreign = make_user("own", org=north), make_user("foreign", org=south)

        assert results(done(BulkKind.BLOCK, [own, foreign], by=nora)) == {"own": "done"}

    def test_nobody_else_confirms_an_act(self) -> None:
        ada, bob = make_sysadmin(), make_sysadmin("bob")
        act = prepared(BulkKind.BLOCK, make_users(["ben"]), by=ada)

        with pytest.raises(Refused, match="belongs to somebody else"):
            confirmed(act, by=bob)

    def test_needs_the_number_for_more_than_a_hundred_people(self) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 101))
        make_users(names("more", 600))
        act = prepared(BulkKind.MOVE, people, by=ada)
        org = make_org("North")

        for typed in (None, 100):
            with pytest.raises(Refused, match="type 101"):
                confirmation.confirm(
                    act=act, argument=Argument(org=org), confirmed=BulkConfirmation(typed=typed), by=person(ada), at=NOW
                )
        confirmation.confirm(
            act=act, argument=Argument(org=org), confirmed=BulkConfirmation(typed=101), by=person(ada), at=NOW
        )
        assert BulkAct.objects.get().typed_count == 101

    def test_a_passed_limit_needs_the_password(self) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 101))
        act = prepared(BulkKind.BLOCK, people, by=ada)

        with pytest.raises(Refused, match="enter your password"):
            confirmation.confirm(
                act=act, argument=Argument(), confirmed=BulkConfirmation(typed=101), by=person(ada), at=NOW
            )
        confirmed(act, by=ada)
        assert BulkAct.objects.get().limits == ["101 people are more than 5 % of the 102 active users of your part"]

    def test_many_small_acts_of_a_day_count_together(self) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 120))
        done(BulkKind.BLOCK, people[:60], by=ada)
        act = prepared(BulkKind.BLOCK, people[60:], by=ada)

        with pytest.raises(Refused, match="type 60"):
            confirmation.confirm(act=act, argument=Argument(), confirmed=BulkConfirmation(), by=person(ada), at=NOW)

    def test_acts_that_wait_for_a_worker_count_too(self) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 120))
        confirmed(prepared(BulkKind.BLOCK, people[:60], by=ada), by=ada)
        act = prepared(BulkKind.BLOCK, people[60:], by=ada)

        with pytest.raises(Refused, match="type 60"):
            confirmation.confirm(act=act, argument=Argument(), confirmed=BulkConfirmation(), by=person(ada), at=NOW)

    def test_all_acts_that_shut_people_out_count_together(self) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 120))
        done(BulkKind.BLOCK, people[:60], by=ada)
        act = prepared(BulkKind.DEACTIVATE, people[60:], by=ada)

        with pytest.raises(Refused, match="type 60"):
            confirmation.confirm(act=act, argument=Argument(), confirmed=BulkConfirmation(), by=person(ada), at=NOW)

    def test_a_role_that_the_person_does_not_hold_is_refused(self) -> None:
        make_sysadmin("root")
        desk = make_user("desk", roles=["All Org Admin"], password=PASSWORD)
        act = prepared(BulkKind.ADD_ROLE, make_users(["ben"]), by=desk)

        with pytest.raises(Refused, match="does not hold all"):
            confirmed(act, by=desk, role=Role.objects.get(name="SYSADMIN"))

    def test_an_org_outside_the_part_is_refused(self) -> None:
        make_sysadmin("root")
        north, south = make_org("North"), make_org("South")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        act = prepared(BulkKind.MOVE, [make_user("ben", org=north)], by=nora)

        with pytest.raises(Refused, match="outside the part"):
            confirmed(act, by=nora, org=south)

    def test_a_matter_outside_the_part_is_refused(self) -> None:
        make_sysadmin("root")
        north = make_org("North")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        act = prepared(BulkKind.HOLD, [make_user("ben", org=north)], by=nora)

        with pytest.raises(Refused, match="not for the acting person"):
            confirmed(act, by=nora, matter=make_matter("Inquiry"))

    def test_an_old_choice_is_refused_and_forgotten(self) -> None:
        ada = make_sysadmin()
        act = prepared(BulkKind.BLOCK, make_users(["ben"]), by=ada)

        with pytest.raises(Refused, match="too long ago"):
            confirmed(act, by=ada, at=NOW + timedelta(hours=25))
        assert choosing.forget_expired(at=NOW + timedelta(hours=25)) == 1
        assert not BulkActUser.objects.exists()

    def test_of_many_choices_the_last_ones_stay(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben"])

        acts = [prepared(BulkKind.BLOCK, people, by=ada) for _ in range(7)]

        assert list(BulkAct.objects.order_by("pk").values_list("pk", flat=True)) == [act.pk for act in acts[2:]]


class TestUndo:
    def test_puts_back_who_was_moved_and_not_who_was_changed_since(self) -> None:
        ada, north, south = make_sysadmin(), make_org("North"), make_org("South")
        ben, cem, dan = (make_user(name, org=north) for name in ("ben", "cem", "dan"))
        eve = make_user("eve", org=south)
        act = done(BulkKind.MOVE, [ben, cem, dan, eve], by=ada, org=south)
        org_moves.move(moves={cem.pk: north.pk}, by=SYSTEM, at=LATER)
        org_moves.move(moves={cem.pk: south.pk}, by=SYSTEM, at=LATER)

        undo = undone(act, by=ada, at=LATER)

        assert results(act) == {"ben": "done", "cem": "done", "dan": "done", "eve": "already"}
        assert results(undo) == {"ben": "done", "cem": "changed", "dan": "done"}
        assert set(User.objects.filter(org=south).values_list("username", flat=True)) == {"cem", "eve"}

    def test_leaves_alone_whom_somebody_changed_who_had_looked_at_the_clock_before(self) -> None:
        """They wait for the user's lock while the act works, and note the time at which they began."""
        ada, north, south = make_sysadmin(), make_org("North"), make_org("South")
        ben = make_user("ben", org=north)
        act = done(BulkKind.MOVE, [ben], by=ada, org=south, at=LATER)
        org_moves.move(moves={ben.pk: north.pk}, by=SYSTEM, at=NOW)
        org_moves.move(moves={ben.pk: south.pk}, by=SYSTEM, at=NOW)

        assert results(undone(act, by=ada, at=LATER)) == {"ben": "changed"}

    def test_takes_back_a_block(self) -> None:
        ada, (ben, cem) = make_sysadmin(), make_users(["ben", "cem"])
        act = done(BulkKind.BLOCK, [ben, cem], by=ada)
        blocking.unblock(user_ids=[cem.pk], by=SYSTEM, at=LATER)
        blocking.block(user_ids=[cem.pk], by=SYSTEM, at=LATER)

        assert results(undone(act, by=ada, at=LATER)) == {"ben": "done", "cem": "changed"}
        assert not User.objects.get(pk=ben.pk).blocked

    def test_of_a_block_leaves_a_deactivation_pending_that_came_since(self) -> None:
        ada, ben = make_sysadmin(), make_user("ben")
        make_matter("Inquiry", ben)
        act = done(BulkKind.BLOCK, [ben], by=ada)
        deactivation.deactivate(user_ids=[ben.pk], by=SYSTEM, at=LATER)

        assert results(undone(act, by=ada, at=LATER)) == {"ben": "changed"}
        assert User.objects.filter(pk=ben.pk, blocked=True, pending=True).exists()

    def test_of_a_move_leaves_out_whom_the_old_org_would_give_more(self) -> None:
        ada, north = make_sysadmin(), make_org("North")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        rich, poor = make_org("Rich", parent=north), make_org("Poor", parent=north)
        ben, cem = make_user("ben", org=rich), make_user("cem", org=poor)
        act = done(BulkKind.MOVE, [ben, cem], by=ada, org=north)
        rich.own_default_roles = True
        rich.save()
        rich.default_roles.set(Role.objects.filter(name="Server Administrator"))

        assert results(undone(act, by=nora, at=LATER)) == {"ben": "holds more", "cem": "done"}

    def test_takes_back_a_deactivation_and_what_was_done_instead(self) -> None:
        ada, (ben, cem, dan) = make_sysadmin(), make_users(["ben", "cem", "dan"])
        make_device(cem)
        make_matter("Inquiry", ben, dan)
        blocking.block(user_ids=[dan.pk], by=SYSTEM, at=NOW)
        act = done(BulkKind.DEACTIVATE, [ben, cem, dan], by=ada, at=LATER)

        undone(act, by=ada, at=LATER + timedelta(minutes=1))

        states = User.objects.filter(pk__in=[ben.pk, cem.pk, dan.pk]).order_by("username")
        assert list(states.values_list("active", "blocked", "pending")) == [
            (True, False, False),
            (True, False, False),
            (True, True, False),
        ]
        assert Device.objects.get().active

    def test_takes_back_a_role(self) -> None:
        ada, (ben, cem, dan) = make_sysadmin(), make_users(["ben", "cem", "dan"])
        role, other = Role.objects.get(name="Org Manager"), Role.objects.get(name="Push Restore")
        role_grants.change_roles(user_ids=[ben.pk], added=[role.pk], by=SYSTEM, at=NOW)
        act = done(BulkKind.ADD_ROLE, [ben, cem, dan], by=ada, role=role)
        role_grants.change_roles(user_ids=[dan.pk], added=[other.pk], by=SYSTEM, at=LATER)

        undo = undone(act, by=ada, at=LATER)

        assert results(undo) == {"cem": "done", "dan": "changed"}
        assert set(role.grants.values_list("user__username", flat=True)) == {"ben", "dan"}

    def test_leaves_out_who_is_outside_the_part_of_who_undoes(self) -> None:
        ada, north, south = make_sysadmin(), make_org("North"), make_org("South")
        nora = make_user("nora", org=north, roles=["Org Admin"], password=PASSWORD)
        ben, cem = make_user("ben", org=north), make_user("cem", org=south)
        act = done(BulkKind.BLOCK, [ben, cem], by=ada)

        assert results(undone(act, by=nora, at=LATER)) == {"ben": "done"}

    def test_is_done_once(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben"])
        act = done(BulkKind.BLOCK, people, by=ada)
        undone(act, by=ada, at=LATER)

        assert results(undone(act, by=ada, at=LATER)) == {"ben": "changed"}

    def test_of_what_has_no_undo_is_refused(self) -> None:
        ada, people = make_sysadmin(), make_users(["ben"])
        act = done(BulkKind.HOLD, people, by=ada, matter=make_matter("Inquiry"))

        with pytest.raises(Refused, match="not undone as a whole"):
            choosing.prepare_undo(act=act, by=person(ada), at=NOW)


class TestWork:
    def test_goes_on_where_a_stopped_worker_left_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        in_parts_of_two(monkeypatch)
        ada, people = make_sysadmin(), make_users(names("user", 5))
        act = confirmed(prepared(BulkKind.BLOCK, people, by=ada), by=ada)

        def leave() -> None:
            raise Leaving

        assert not carrying_out.carry_out(act.pk, clock=lambda: NOW, stay=leave)
        act.refresh_from_db()
        assert (act.done, act.owner, act.lease_until) == (2, "", None)

        carried_out(act)
        assert (act.state, act.done) == (BulkState.DONE, 5)
        assert AuditEntry.objects.filter(action="user blocked").count() == 5

    def test_a_part_that_dies_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 5))
        act = confirmed(prepared(BulkKind.BLOCK, people, by=ada), by=ada)
        with monkeypatch.context() as patched:
            patched.setattr(carrying_out, "_store", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                carrying_out.carry_out(act.pk, clock=lambda: NOW)

        assert not User.objects.filter(blocked=True).exists()
        carried_out(act)
        assert (act.state, act.done) == (BulkState.DONE, 5)

    def test_ends_as_failed_when_its_workers_die_too_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ada, people = make_sysadmin(), make_users(names("user", 5))
        act = confirmed(prepared(BulkKind.BLOCK, people, by=ada), by=ada)
        monkeypatch.setattr(carrying_out, "_store", lambda *_: 1 / 0)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                carrying_out.carry_out(act.pk, clock=lambda: NOW)

        carrying_out.wake_abandoned(at=NOW)

        act.refresh_from_db()
        assert (act.state, act.done, act.owner) == (BulkState.FAILED, 0, "")
        assert "died 5 times" in act.error

    def test_takes_turns_with_other_tasks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        in_parts_of_two(monkeypatch)
        ada, people = make_sysadmin(), make_users(names("user", 5))
        act = confirmed(prepared(BulkKind.BLOCK, people, by=ada), by=ada)

        turns = 1
        while carrying_out.carry_out(act.pk, clock=lambda: NOW, turn=1e-9):
            turns += 1

        act.refresh_from_db()
        assert (act.state, act.done, turns) == (BulkState.DONE, 5, 4)

    def test_takes_larger_parts_while_they_are_quick_and_smaller_ones_while_they_are_slow(self) -> None:
        sizes = [carrying_out._next_size(2000, took=took) for took in (0.5, 1.0, 1.6, 6.0)]

        assert sizes == [4000, 2000, 1250, 333]
        assert carrying_out._next_size(carrying_out.FIRST_PART, took=0.01) == carrying_out.USUAL_PART
        assert carrying_out._next_size(carrying_out.LARGEST_PART, took=0.1) == carrying_out.LARGEST_PART

    def test_takes_no_small_parts_only_because_the_machine_is_busy(self) -> None:
        assert carrying_out._next_size(carrying_out.FIRST_PART, took=2.0) == carrying_out.USUAL_PART

    def test_stops_when_it_is_cancelled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        in_parts_of_two(monkeypatch)
        ada, people = make_sysadmin(), make_users(names("user", 5))
        act = confirmed(prepared(BulkKind.BLOCK, people, by=ada), by=ada)

        def cancel() -> None:
            confirmation.cancel(act=act, by=person(ada), at=NOW)

        carrying_out.carry_out(act.pk, clock=lambda: NOW, stay=cancel)

        act.refresh_from_db()
        assert (act.state, act.done) == (BulkState.CANCELLED, 2)
        assert User.objects.filter(blocked=True).count() == 2

    def test_that_waits_is_cancelled_at_once(self) -> None:
        ada = make_sysadmin()
        act = confirmed(prepared(BulkKind.BLOCK, make_users(["ben"]), by=ada), by=ada)

        assert confirmation.cancel(act=act, by=person(ada), at=NOW).state == BulkState.CANCELLED
        assert carried_out(act).done == 0

    def test_a_closed_matter_leaves_everybody_out(self) -> None:
        ada, matter = make_sysadmin(), make_matter("Inquiry")
        act = confirmed(prepared(BulkKind.HOLD, make_users(["ben"]), by=ada), by=ada, matter=matter)
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)

        carried_out(act)

        assert (act.state, act.left_out) == (BulkState.DONE, 1)
        assert BulkActUser.objects.get().detail == "the matter is closed"
