"""The undo of a run: what it puts back, what it leaves alone and says so, and how it goes on after trouble."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from directory.actions import due_runs, run_start_and_cancel, servers, stored_plans, undo
from directory.models import LdapServer, Match, Run, RunServer, RunState, Trigger
from directory.sync import pipeline
from directory.sync.apply import apply_stage, change_batches
from directory.sync.stored import plan_rows
from directory.values.plan import Outcome
from orgs.actions import archives, devices, legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.devices_by_hand import replacement, states
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, local_passwords, user_profiles
from orgs.models import Archive, ArchiveState, AuditEntry, Role, SetBy, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.conftest import Mailbox
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, device, org, simulate, simulate_and_sync, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADA = Actor("ada")
LATER = NOON + timedelta(days=2)
FEW = {"limit_entries_percent": 1}


class Killed(BaseException):
    """What ends a worker from outside."""


def planned(run: Run, *, at: datetime = LATER) -> Run:
    """Have the plan of an undo made."""
    plan = undo.start(run=run, by=ADA, at=at, wake=False)
    pipeline.execute(plan.pk, clock=Clock(at))
    plan.refresh_from_db()
    return plan


def applied(plan: Run, *, at: datetime = LATER) -> Run:
    run = stored_plans.apply_plan(run=plan, by=ADA, at=at, wake=False)
    pipeline.execute(run.pk, clock=Clock(at))
    run.refresh_from_db()
    return run


def undone(run: Run, *, at: datetime = LATER) -> Run:
    return applied(planned(run, at=at), at=at)


def hold(held: User) -> Any:
    matter = legal_holds.open_matter(name="Inquiry", by=ADA, at=LATER)
    legal_holds.add_custodians(matter=matter, user_ids=[held.pk], by=ADA, at=LATER)
    return matter


@pytest.fixture
def sean(employer: Employer) -> User:
    """Somebody with a device whom the directory does not know, beside mia, whom it does."""
    employer.hires("mia")
    found = user("sean", last_name="Ryan", roles=["Org Admin"])
    device(found)
    return found


@pytest.fixture
def left(employer: Employer, sean: User) -> Run:
    """A run that has deactivated sean."""
    employer.server(**FEW)
    run = simulate_and_sync()
    assert not again(sean).active
    return run


class TestTheUndoOfADeactivation:
    def test_first_only_says_what_it_would_do(self, left: Run, sean: User) -> None:
        plan = planned(left)

        change = change_of(plan, "sean")
        assert (plan.state, plan.simulated, plan.undo_of) == (RunState.PLANNED, True, left)
        assert change.actions == ["reactivate", "unblock"]
        assert (change.before["active"], change.after["active"]) == (False, True)
        assert "1 device active again: laptop." in change.steps
        assert "1 archive out of cold storage." in change.steps
        assert not again(sean).active

    def test_brings_back_user_device_and_archive_and_who_had_set_what(self, left: Run, sean: User) -> None:
        undone(left)

        back, laptop = again(sean), sean.devices.get()
        assert (back.active, back.blocked, back.deactivated_by, back.blocked_by) == (True, False, "", "")
        assert (laptop.active, laptop.deactivated_by, laptop.deactivated_with_user) == (True, "", False)
        assert laptop.archives.get().state == ArchiveState.LIVE

    def test_leaves_a_block_by_a_person_where_it_was(self, employer: Employer, sean: User) -> None:
        blocking.block(user_ids=[sean.pk], by=ADA, at=NOON)
        employer.server(**FEW)
        run = simulate_and_sync()

        undone(run)

        back = again(sean)
        assert (back.active, back.blocked, back.blocked_by, back.blocked_at) == (True, True, SetBy.PERSON, NOON)

    def test_leaves_a_device_off_that_a_person_had_deactivated_before(self, employer: Employer, sean: User) -> None:
        old = device(sean, "old")
        devices.deactivate(device_ids=[old.pk], by=ADA, at=NOON)
        employer.server(**FEW)
        run = simulate_and_sync()

        undone(run)

        old.refresh_from_db()
        assert (old.active, old.deactivated_by) == (False, SetBy.PERSON)
        assert old.archives.get().state == ArchiveState.COLD_STORAGE

    @pytest.mark.parametrize(("days", "words"), [(400, "has expired since"), (500, "has been purged since")])
    def test_says_that_an_archive_is_lost(self, left: Run, sean: User, days: int, words: str) -> None:
        for at in (NOON + timedelta(days=days), NOON + timedelta(days=days + 30 if days > 400 else days)):
            archives.age(by=SYSTEM, at=at)

        run = undone(left, at=NOON + timedelta(days=600))

        change = change_of(run, "sean")
        assert any(words in warning for warning in change.warnings)
        assert (change.outcome, again(sean).active, sean.devices.get().active) == (Outcome.APPLIED, True, True)

    def test_leaves_an_archive_lost_that_expired_between_plan_and_undo(self, left: Run, sean: User) -> None:
        expires = Archive.objects.get().expires_at
        assert expires is not None
        plan = planned(left, at=expires - timedelta(hours=1))

        run = applied(plan, at=expires + timedelta(hours=1))

        assert change_of(plan, "sean").warnings == []
        assert "has expired since" in change_of(run, "sean").warnings[0]
        assert Archive.objects.get().state == ArchiveState.EXPIRED

    def test_leaves_a_device_alone_that_has_been_changed_since(self, left: Run, sean: User) -> None:
        laptop = sean.devices.get()
        laptop.authorized = False
        laptop.save()

        run = undone(left)

        assert "laptop has been changed since and stays as it is" in change_of(run, "sean").warnings
        assert (again(sean).active, sean.devices.get().active) == (True, False)

    def test_is_warned_of_what_the_next_sync_does(self, left: Run, sean: User) -> None:
        plan = planned(left)
        undone_run = applied(plan)

        following = sync(at=LATER + timedelta(hours=1))

        assert plan.warnings[0].startswith(
            "The next sync will do it again to 1 user, unless the directory, the scripts"
        )
        assert undone_run.counts["activated"] == 1
        assert change_of(following, "sean").actions == ["block", "deactivate"]


class TestTheUndoOfAReactivation:
    @pytest.fixture
    def came_back(self, employer: Employer, left: Run) -> Run:
        """A run that has brought sean back nine days later."""
        employer.hires("sean", title="Org Admin", sn="Ryan")
        return sync(at=NOON + timedelta(days=9))

    def test_says_again_who_had_deactivated_and_when(self, came_back: Run, sean: User, left: Run) -> None:
        at = left.changes.get(username="sean").applied_at

        undone(came_back, at=NOON + timedelta(days=10))

        off, laptop = again(sean), sean.devices.get()
        assert (off.active, off.deactivated_by, off.deactivated_at) == (False, SetBy.SYNC, at)
        assert (off.blocked, off.blocked_by, off.blocked_at) == (True, SetBy.SYNC, at)
        assert (laptop.deactivated_at, laptop.deactivated_with_user) == (at, True)

    def test_gives_archives_their_former_dates(self, came_back: Run, sean: User, left: Run) -> None:
        at = left.changes.get(username="sean").applied_at

        run = undone(came_back, at=NOON + timedelta(days=10))

        archive = Archive.objects.get()
        assert at is not None
        assert (archive.cold_since, archive.expires_at) == (at, at + timedelta(days=365))
        assert (
            f"1 archive back to cold storage, until {at + timedelta(days=365):%Y-%m-%d}."
            in change_of(run, "sean").steps
        )

    def test_does_not_lose_an_archive_whose_former_date_has_passed(self, came_back: Run, sean: User) -> None:
        late = NOON + timedelta(days=400)

        run = undone(came_back, at=late)

        archive = Archive.objects.get()
        assert archive.expires_at is not None
        assert (archive.state, archive.expires_at > late + timedelta(days=364)) == (ArchiveState.COLD_STORAGE, True)
        assert "was to expire before now" in change_of(run, "sean").warnings[0]

    def test_of_somebody_on_legal_hold_by_now_blocks_and_waits(self, came_back: Run, sean: User) -> None:
        hold(sean)

        run = undone(came_back, at=NOON + timedelta(days=10))

        held = again(sean)
        assert change_of(run, "sean").actions == ["block", "deactivation pending"]
        assert any(step.startswith("On legal hold now") for step in change_of(run, "sean").steps)
        assert (held.active, held.blocked, held.pending, held.pending_by) == (True, True, True, SetBy.SYNC)
        assert Archive.objects.get().state == ArchiveState.LIVE

    def test_that_lifted_a_pending_deactivation_carries_it_out_when_the_hold_is_over(
        self, employer: Employer, sean: User
    ) -> None:
        matter = hold(sean)
        employer.server(**FEW)
        simulate_and_sync()
        assert again(sean).pending
        employer.hires("sean", title="Org Admin", sn="Ryan")
        lifted = sync(at=NOON + timedelta(days=1))
        legal_holds.release(matter=matter, user_ids=[sean.pk], by=ADA, at=LATER)

        run = undone(lifted)

        off = again(sean)
        assert change_of(run, "sean").actions == ["block", "deactivate"]
        assert (off.active, off.pending, off.deactivated_by) == (False, False, SetBy.SYNC)
        assert Archive.objects.get().state == ArchiveState.COLD_STORAGE


class TestTheUndoOfAMove:
    @pytest.fixture
    def moved(self, employer: Employer) -> Run:
        """A run that has moved, re-roled and renamed sean, to an org whose devices are not from the directory."""
        org_actions.change(org=org("Outside"), by=SYSTEM, at=NOON, directory_service="local")
        employer.hires("mia")
        employer.hires("sean", mail="old@example.com", title="Org Admin")
        device(user("sean", roles=["PROe User"]))
        employer.server(**FEW)
        simulate_and_sync()
        changed = {"departmentNumber": "Outside", "title": "Desktop User", "mail": "new@example.com"}
        employer.directory.modify(employer.dn("sean"), changed)
        return sync(at=NOON + timedelta(days=1))

    def sean(self) -> User:
        found: User = User.objects.select_related("org").get(username="sean")
        return found

    def test_puts_back_org_roles_and_email_and_authorizes_the_devices_again(self, moved: Run) -> None:
        assert not self.sean().devices.get().authorized

        run = undone(moved)

        back = self.sean()
        assert (back.org.name, back.email) == ("Default", "old@example.com")
        assert [role.name for role in back.roles.all()] == ["Org Admin"]
        assert back.grants.get().granted_by == "system"
        assert back.devices.get().authorized
        assert "1 device authorized again, without another sign-in: laptop." in change_of(run, "sean").steps

    def test_gives_no_sign_in_back_to_a_computer_that_was_replaced_since(self, moved: Run) -> None:
        laptop, new = self.sean().devices.get(), device(self.sean(), "new")
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=ADA, at=LATER)

        run = undone(moved)

        assert "laptop has been changed since and stays as it is" in change_of(run, "sean").warnings
        assert not self.sean().devices.get(pk=laptop.pk).authorized

    def test_gives_no_sign_in_back_to_a_device_whose_new_computer_left_since(self, moved: Run) -> None:
        laptop, new = self.sean().devices.get(), device(self.sean(), "new")
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=ADA, at=LATER)
        states.reactivate(device_ids=[new.pk], by=ADA, at=LATER)

        undone(moved)

        assert not self.sean().devices.get(pk=laptop.pk).authorized

    def test_gives_no_sign_in_back_to_a_computer_that_was_replaced_after_the_plan(self, moved: Run) -> None:
        laptop, new = self.sean().devices.get(), device(self.sean(), "new")
        plan = planned(moved)
        replacement.replace(device_id=laptop.pk, computer_id=new.pk, by=ADA, at=LATER)

        run = applied(plan)

        assert "laptop has been changed since and stays as it is" in change_of(run, "sean").warnings
        assert not self.sean().devices.get(pk=laptop.pk).authorized

    def test_leaves_who_has_been_changed_since_and_says_what_differs(self, moved: Run) -> None:
        user_profiles.update_profiles(
            profiles={self.sean().pk: user_profiles.Profile("sean", "own@example.com")}, by=ADA, at=LATER
        )

        plan = planned(moved)

        change = change_of(plan, "sean")
        assert change.outcome == Outcome.CHANGED_MEANWHILE
        assert "email was new@example.com and is own@example.com" in change.steps[-1]
        assert plan.counts["users"] == 1
        assert plan.warnings == ["1 user is left alone, changed since or impossible to put back: see the steps."]

    def test_leaves_out_an_org_that_is_not_active_any_more(self, moved: Run) -> None:
        former = org("Default")
        former.active = False
        former.save()

        run = undone(moved)

        change = change_of(run, "sean")
        assert "The org Default is not active any more: stays in Outside" in change.warnings
        assert (self.sean().org.name, self.sean().email) == ("Outside", "old@example.com")

    def test_leaves_out_a_role_that_is_gone(self, employer: Employer) -> None:
        role = role_actions.save(role=None, name="Auditor", permissions=["admin.user.read"], by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.hires("tom", title="PROe User")
        tom = user("tom", roles=["Auditor", "Desktop User"])
        employer.server(**FEW)
        run = simulate_and_sync()
        Role.objects.filter(pk=role.pk).delete()

        back = undone(run)

        assert "There is no role Auditor any more: left out" in change_of(back, "tom").warnings
        assert [held.name for held in again(tom).roles.all()] == ["Desktop User"]

    def test_leaves_a_username_that_is_anothers_now(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.hires("tom", description="tom")
        tom = user("tom")
        employer.server(username_attribute="description", **FEW)
        simulate_and_sync()
        employer.directory.modify(employer.dn("tom"), {"description": "thomas", "mail": "t@example.com"})
        run = sync(at=NOON + timedelta(days=1))
        user("TOM")

        back = undone(run)

        assert "The username tom is another user's now: stays thomas" in change_of(back, "thomas").warnings
        assert (again(tom).username, again(tom).email) == ("thomas", "")

    def test_gives_two_people_their_own_usernames_again(self, employer: Employer) -> None:
        for name in ("mia", "tom"):
            employer.hires(name, description=name)
        mia, tom = user("mia"), user("tom")
        employer.server(username_attribute="description")
        simulate_and_sync()
        employer.directory.modify(employer.dn("mia"), {"description": "tom"})
        employer.directory.modify(employer.dn("tom"), {"description": "mia"})
        run = sync(at=NOON + timedelta(days=1))
        assert (again(mia).username, again(tom).username) == ("tom", "mia")

        undone(run)

        assert (again(mia).username, again(tom).username) == ("mia", "tom")


class TestWhoIsLeftAlone:
    def test_is_named_when_deleted(self, left: Run, sean: User) -> None:
        sean.delete()

        plan = planned(left)

        change = change_of(plan, "sean")
        assert (change.user, change.outcome) == (None, Outcome.REFUSED)
        assert change.steps == ["The user has been deleted since: nothing can be put back."]
        assert plan.counts["users"] == 1

    def test_is_whoever_is_managed_locally_by_now(self, left: Run, sean: User) -> None:
        local_passwords.set_managed_locally(user_ids=[sean.pk], managed_locally=True, by=ADA, at=LATER)

        plan = planned(left)

        assert change_of(plan, "sean").outcome == Outcome.KEPT

    def test_is_the_last_sysadmin(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.hires("tom", title="SYSADMIN")
        tom = user("tom")
        employer.server(grantable_roles=["SYSADMIN"], **FEW)
        run = simulate_and_sync()

        plan = planned(run)

        assert change_of(plan, "tom").outcome == Outcome.KEPT
        with pytest.raises(Refused, match="nothing to undo"):
            applied(plan)
        assert [role.name for role in again(tom).roles.all()] == ["SYSADMIN"]

    def test_is_who_was_changed_by_two_runs_alike(self, left: Run, sean: User) -> None:
        deactivation.reactivate(user_ids=[sean.pk], by=ADA, at=LATER)
        blocking.unblock(user_ids=[sean.pk], by=ADA, at=LATER)
        second = sync(at=LATER)

        plan = planned(left, at=LATER + timedelta(hours=1))

        assert change_of(second, "sean").outcome == Outcome.APPLIED
        assert change_of(plan, "sean").outcome == Outcome.CHANGED_MEANWHILE
        assert "deactivated at was" in change_of(plan, "sean").steps[-1]

    def test_is_who_changes_between_plan_and_undo(self, left: Run, sean: User) -> None:
        plan = planned(left)
        deactivation.reactivate(user_ids=[sean.pk], by=ADA, at=LATER)
        deactivation.deactivate(user_ids=[sean.pk], by=ADA, at=LATER)

        run = applied(plan)

        assert change_of(run, "sean").outcome == Outcome.CHANGED_MEANWHILE
        assert not again(sean).active

    def test_is_who_was_changed_by_a_version_that_kept_no_notes(self, left: Run) -> None:
        left.stored_changes.update(side_effects={})

        plan = planned(left)

        assert change_of(plan, "sean").outcome == Outcome.REFUSED
        assert "before Rollcall noted what an undo needs" in change_of(plan, "sean").steps[-1]


class TestARunCanBeUndone:
    def test_once_while_its_undo_stands(self, left: Run) -> None:
        first = undone(left)

        with pytest.raises(Refused, match=f"run {left.pk} has been undone by run {first.pk} already"):
            undo.start(run=left, by=ADA, at=LATER, wake=False)

    def test_again_after_its_undo_was_undone(self, left: Run, sean: User) -> None:
        first = undone(left)
        second = undone(first)
        assert not again(sean).active

        third = undone(left)

        assert (second.undo_of, third.undo_of) == (first, left)
        assert again(sean).active

    def test_by_one_of_two_plans_only(self, left: Run) -> None:
        one, other = planned(left), planned(left)
        applied(one)

        with pytest.raises(Refused, match="has been undone by run"):
            applied(other)

    def test_only_within_24_hours_of_the_plan(self, left: Run) -> None:
        plan = planned(left)

        with pytest.raises(Refused, match="older than 24 hours"):
            applied(plan, at=LATER + timedelta(hours=25))

    def test_whatever_has_become_of_the_servers_configuration(self, left: Run, sean: User) -> None:
        servers.save(server=LdapServer.objects.get(), values={"search_filter": "(uid=*)"}, by=ADA, at=LATER)

        undone(left)

        assert again(sean).active

    def test_after_its_server_was_deleted(self, left: Run, sean: User) -> None:
        servers.delete(server=LdapServer.objects.get(), by=ADA, at=LATER)

        run = undone(left)

        assert (run.state, again(sean).active) == (RunState.APPLIED, True)
        assert [reading.server_name for reading in run.readings.all()] == ["Corp"]

    def test_not_while_another_run_holds_its_server(self, left: Run) -> None:
        holding = run_start_and_cancel.start(
            servers=(), simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=LATER, wake=False
        )

        with pytest.raises(Refused, match=f"run {holding.pk}"):
            undo.start(run=left, by=ADA, at=LATER, wake=False)

    def test_only_when_it_has_changed_somebody(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server()
        simulation = simulate()
        nothing = sync()

        with pytest.raises(Refused, match="is a simulation, which changes nobody"):
            undo.start(run=simulation, by=ADA, at=LATER, wake=False)
        with pytest.raises(Refused, match="nothing to undo: run"):
            undo.start(run=nothing, by=ADA, at=LATER, wake=False)


class TestAnUndoThatIsStopped:
    @pytest.fixture
    def many(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> Run:
        """A run that has deactivated five people; changes are made two at a time."""
        employer.hires("mia")
        for number in range(5):
            device(user(f"user{number}"))
        employer.server()
        run = simulate_and_sync()
        monkeypatch.setattr(apply_stage, "BATCH", 2)
        return run

    def test_between_two_batches_goes_on_where_it_was(self, many: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run = stored_plans.apply_plan(run=planned(many), by=ADA, at=LATER, wake=False)
        batch: Callable[..., None] = change_batches.batch
        made: list[int] = []

        def fail_at_the_second(changes: list[Any], **terms: Any) -> None:
            if len(made) == 1:
                raise Killed
            made.append(len(changes))
            batch(changes, **terms)

        with monkeypatch.context() as patched:
            patched.setattr(change_batches, "batch", fail_at_the_second)
            with pytest.raises(Killed):
                pipeline.execute(run.pk, clock=Clock(LATER))
        half = User.objects.filter(active=True).count()
        # The command's own run: nobody else may take it up, so the same process goes on.
        pipeline.execute(run.pk, clock=Clock(LATER))

        run.refresh_from_db()
        assert (half, User.objects.filter(active=False).count()) == (2, 0)
        assert (run.state, run.counts["activated"]) == (RunState.APPLIED, 5)
        assert AuditEntry.objects.filter(action="user reactivated", run_id=run.pk).count() == 5
        assert not Archive.objects.exclude(state=ArchiveState.LIVE).exists()

    def test_by_a_person_can_be_made_again_and_takes_the_rest(self, many: Run) -> None:
        run = stored_plans.apply_plan(run=planned(many), by=ADA, at=LATER, wake=False)

        def cancel(phase: str, done: int, _total: int | None) -> None:
            if phase == "applying" and done == 2:
                run_start_and_cancel.cancel(run=run, by=ADA, at=LATER)

        pipeline.execute(run.pk, clock=Clock(LATER), progress=cancel)
        run.refresh_from_db()
        half = User.objects.filter(active=True).count()
        rest = undone(many)

        assert (run.state, half) == (RunState.CANCELLED, 4)
        assert rest.counts["activated"] == 1
        assert sorted(rest.changes.values_list("outcome", flat=True)) == ["applied", *["kept"] * 4]
        assert not User.objects.filter(active=False).exists()

    def test_can_be_undone_as_far_as_it_came(self, many: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run = stored_plans.apply_plan(run=planned(many), by=ADA, at=LATER, wake=False)

        def cancel(phase: str, done: int, _total: int | None) -> None:
            if phase == "applying" and done == 2:
                run_start_and_cancel.cancel(run=run, by=ADA, at=LATER)

        pipeline.execute(run.pk, clock=Clock(LATER), progress=cancel)

        back = undone(run)

        assert back.counts["deactivated"] == 4
        assert User.objects.filter(active=False).count() == 5

    def test_while_its_plan_is_made_begins_anew(self, many: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        plan = undo.start(run=many, by=ADA, at=LATER, wake=False)
        planned_rows: Callable[..., int] = plan_rows.planned

        def store_and_die(**given: Any) -> int:
            planned_rows(**given)
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(plan_rows, "planned", store_and_die)
            with pytest.raises(Killed):
                pipeline.execute(plan.pk, clock=Clock(LATER))
        pipeline.execute(plan.pk, clock=Clock(LATER))

        plan.refresh_from_db()
        assert (plan.state, plan.changes.count()) == (RunState.PLANNED, 5)


class TestAnUndoIsNoReading:
    def test_for_the_schedule(self, employer: Employer, left: Run) -> None:
        server = LdapServer.objects.get()
        servers.save(server=server, values={"sync_interval_hours": 6}, by=SYSTEM, at=NOON)
        before = due_runs.next_runs(at=LATER)

        undone(left)

        assert due_runs.next_runs(at=LATER) == before

    def test_for_the_limits_and_the_matches(self, left: Run) -> None:
        matches = list(Match.objects.values())
        reading = left.readings.get()

        undone(left)

        assert plan_rows.last_complete_reading(RunServer(server=reading.server, run=Run(pk=0))) == (
            reading.entries,
            reading.attribute_counts,
        )
        assert list(Match.objects.values()) == matches


class TestAnUndoTells:
    def test_the_log(self, left: Run, sean: User, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, "rollcall.sync"):
            run = undone(left)

        org = sean.org_id
        lines = [entry.getMessage() for entry in caplog.records]
        assert f"DIRSYNC:: Undoing run:{left.pk} in run:{run.pk} simulated:false" in lines
        assert (
            f"HISTORY:: Subject[0/ada, orgId:1] DIRSYNC:: Activating user:{sean.pk}/sean in org:{org}/Default simulated:false"
            in lines
        )
        assert (
            f"DIRSYNC:: Summary for orgIds:, [{org}], users:1, deactivated:0, activated:1, moved:0, roleChanges:0, simulated:false"
            in lines
        )

    def test_the_audit_trail(self, left: Run, sean: User) -> None:
        run = undone(left)

        trail = AuditEntry.objects.filter(run_id=run.pk).order_by("pk").values_list("action", "object_label")
        assert list(trail) == [
            ("user reactivated", "sean"),
            ("user unblocked", "sean"),
            ("device reactivated", "laptop"),
        ]

    def test_the_mail(self, left: Run, mailbox: Mailbox) -> None:
        user("root", org_name="ADMIN", email="root@example.com", roles=["SYSADMIN"])

        undone(left)

        assert [mail["Subject"] for mail in mailbox.messages][-2:] == [
            f"Simulated undo of run {left.pk}: 1 user, 1 change",
            f"Undo of run {left.pk}: 1 user, 1 change",
        ]


def command(*arguments: str) -> tuple[int, str, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


class TestTheCommandLine:
    def test_shows_the_plan_and_applies_it(self, left: Run, sean: User) -> None:
        code, out, _ = command("ldapsync", "--undo", str(left.pk))
        number = Run.objects.latest("pk").pk
        still_off = not again(sean).active

        applying = command("ldapsync", "--apply", str(number), "--json")

        assert (code, still_off) == (0, True)
        assert f"Simulated undo of run {left.pk}, run {number}: planned" in out
        assert "warning: The next sync will do it again to 1 user" in out
        assert f"ldapsync --apply {number}" in out
        assert (applying[0], json.loads(applying[1])["undoOf"], again(sean).active) == (0, left.pk, True)

    def test_says_that_there_is_nothing_to_undo(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server()
        run = simulate_and_sync()

        code, _, err = command("ldapsync", "--undo", str(run.pk))

        assert (code, err) == (4, f"nothing to undo: run {run.pk} changed nobody")

    def test_says_that_nothing_can_be_put_back(self, left: Run, sean: User) -> None:
        local_passwords.set_managed_locally(user_ids=[sean.pk], managed_locally=True, by=ADA, at=LATER)

        code, out, _ = command("ldapsync", "--undo", str(left.pk))

        assert (code, out.splitlines()[-1]) == (0, "There is nothing to put back.")

    @pytest.mark.parametrize("more", [["--apply", "1"], ["--simulate"], ["--server", "Corp"]])
    def test_takes_it_alone(self, left: Run, more: list[str]) -> None:
        assert command("ldapsync", "--undo", str(left.pk), *more)[0] == 2
        assert command("ldapsync", "--undo", "999")[0] == 2


def test_an_undo_is_put_down_to_the_person_who_applies_it(left: Run, sean: User) -> None:
    ada = user("ada", org_name="ADMIN", roles=["SYSADMIN"])
    run = stored_plans.apply_plan(run=planned(left), by=person(ada), at=LATER, wake=False)

    pipeline.execute(run.pk, clock=Clock(LATER))

    entry = AuditEntry.objects.get(action="user reactivated")
    assert (entry.actor, entry.run_id) == (ada, run.pk)
