"""Random histories: directories that change, runs of every kind, people's edits, holds, crashes, undos, time."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from directory.actions import run_start_and_cancel, stored_plans, undo
from directory.actions import servers as server_actions
from directory.input_errors import Invalid
from directory.invariants import RULES, broken
from directory.models import Run, RunState
from directory.values.plan import Outcome
from orgs.actions import archives
from orgs.actions.errors import Refused
from orgs.models import User
from tests import state
from tests.histories import edits, happens, promises, uploads_of
from tests.histories.directories import ACTIVE, EVERYONE, Fault, MemoryDirectories
from tests.histories.edits import EDITS, NAMES
from tests.histories.facts import Facts, Snapshot, facts
from tests.histories.world import CRASHES, SERVERS, Killed, World, killed_at, rolled_back

SETTINGS: tuple[dict[str, Any], ...] = (
    {"active_script": EVERYONE},
    {"active_script": ACTIVE},
    {"enabled": False},
    {"enabled": True},
    {"limit_admin_grants": 0},
    {"canary": "sean"},
    {"canary": ""},
    {"absence_runs": 2},
    {"absence_runs": 1},
    {"absence_hours": 24},
    {"absence_hours": 0},
    {"requires_approval": True},
    {"requires_approval": False},
    {"reactivate_set_by_person": True},
    {"reactivate_set_by_person": False},
    {"reactivate_devices": True},
    {"reactivate_devices": False},
    {"needed_attributes_only": True},
    {"needed_attributes_only": False},
    {"name": "Team", "archive_retention_days": 30},
    {"name": "Staff", "archive_retention_days": None},
    {"name": "STAFF", "archive_retention_days": 400},
)
# These look at the schema and at every reference: once for each history is enough.
EACH_STEP = [each for each in RULES if each.id not in {"S6", "S7"}]
COUNTED: Counter[str] = Counter()

picks = st.integers(0, 20)
servers = st.sampled_from(SERVERS)
chosen = st.sampled_from(["", *SERVERS])
faults = st.sampled_from([Fault.NONE, Fault.NONE, Fault.NONE, *Fault.ALL])
any_edit = st.sampled_from(sorted(EDITS))
mostly = st.sampled_from([True, True, True, False])
EVENTS = st.one_of(
    *(st.tuples(st.just(name), servers, picks, given) for name, given in happens.GIVEN.items()),
)


class Histories(RuleBasedStateMachine):
    """One history of a small company."""

    @initialize()
    def begin(self) -> None:
        """Build the world inside a transaction that is taken back at the end."""
        COUNTED["histories"] += 1
        self.directories = self.read_from()
        self.patches = self.directories.patched()
        self.patches.__enter__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.world = World(self.directories)
        self.undoable: tuple[int, Facts, Facts] | None = None
        self.wrote = True

    def read_from(self) -> MemoryDirectories:
        """Return the directories of this history."""
        return MemoryDirectories()

    def teardown(self) -> None:
        """Look at everything once more, and take it back."""
        if hasattr(self, "world"):
            try:
                assert broken(at=self.world.now) == []
            finally:
                transaction.set_rollback(True)
                self.transaction.__exit__(None, None, None)
                self.patches.__exit__(None, None, None)

    @invariant()
    def no_rule_is_broken(self) -> None:
        COUNTED["steps"] += 1
        if hasattr(self, "world") and self.wrote:
            self.wrote = False
            assert broken(at=self.world.now, rules=EACH_STEP) == []
            assert User.objects.sysadmins().exists()

    # What happens in the directories.

    @rule(events=st.lists(EVENTS, min_size=1, max_size=5))
    def the_directories_change(self, events: list[tuple[str, str, int, Any]]) -> None:
        for event, server, pick, given in events:
            happens.HAPPENINGS[event](self.world, server, pick, given)

    # What people do, and time.

    @rule(edit=any_edit, whom=picks, pick=picks)
    def a_person_edits(self, edit: str, whom: int, pick: int) -> None:
        edits.do(self.world, edit, whom, pick)
        self.undoable, self.wrote = None, True

    @rule(hours=st.sampled_from([1, 23, 25, 24 * 30, 24 * 366]))
    def time_passes(self, hours: int) -> None:
        self.world.passes(timedelta(hours=hours))
        archives.age(by=self.world.root, at=self.world.now)
        self.undoable, self.wrote = None, True

    @rule(server=servers, values=st.sampled_from(SETTINGS))
    def the_settings_change(self, server: str, values: dict[str, Any]) -> None:
        with suppress(Invalid):
            self.world.change_settings(server, values)
        if "name" in values:
            # Whoever is moved back by then is in an org of that name.
            self.undoable = None
        self.wrote = True

    # What is set up otherwise.

    @rule(server=servers, orgs=st.lists(st.sampled_from(["Default", "Branch", "Staff"]), unique=True))
    def orgs_use_other_servers(self, server: str, orgs: list[str]) -> None:
        with suppress(Invalid, Refused):
            self.world.serves(server, orgs)
        self.undoable, self.wrote = None, True

    @rule(backwards=st.booleans())
    def the_order_of_servers_changes(self, backwards: bool) -> None:
        order = [self.world.server(name).pk for name in (reversed(SERVERS) if backwards else SERVERS)]
        # Who was blocked or has lost their roles may not.
        with suppress(Refused):
            server_actions.reorder(ids=order, by=self.world.root, at=self.world.now)
        self.undoable, self.wrote = None, True

    @rule(name=servers, synchronized=st.booleans())
    def a_server_is_deleted_and_set_up_anew(self, name: str, synchronized: bool) -> None:
        try:
            server_actions.delete(server=self.world.server(name), by=self.world.root, at=self.world.now)
        except Refused:
            return
        self.undoable, self.wrote = None, True
        if synchronized:
            run = self.world.start(simulated=True)
            if run is not None:
                self.world.execute(run)
                self.carry_out(self.world.start(simulated=False))
                assert broken(at=self.world.now, rules=EACH_STEP) == []
        self.world.add_server(name)
        self.undoable = None

    @rule(
        name=st.sampled_from(NAMES),
        place=st.sampled_from(["Default", "Branch", "Staff", "Local"]),
        password=st.sampled_from(["", "a-password-of-the-uploader"]),
    )
    def people_are_uploaded(self, name: str, place: str, password: str) -> None:
        made = uploads_of.upload(self.world, name, place, password)
        COUNTED["uploaded"] += len(made)
        self.undoable, self.wrote = None, True

    # Runs.

    @rule(only=chosen, fault=faults, server=servers)
    def a_simulation(self, only: str, fault: str, server: str) -> None:
        before = state.snapshot()
        with self.world.failing(server, fault):
            run = self.world.start(simulated=True, only=only)
            if run is not None:
                self.world.execute(run)

        assert state.differences(before, state.snapshot()) == []
        assert run is None or run.state in {RunState.PLANNED, RunState.FAILED}, run.state
        self.wrote = True

    @rule(only=chosen, fault=faults, server=servers, simulate_first=mostly)
    def a_sync(self, only: str, fault: str, server: str, simulate_first: bool) -> None:
        if simulate_first:
            promises.what_is_kept_changes_nothing(self.world)
            self.a_simulation(only=only, fault=Fault.NONE, server=server)
        with self.world.failing(server, fault):
            run = self.world.start(simulated=False, only=only)
            self.carry_out(run)
        if run is not None and simulate_first and fault == Fault.NONE:
            promises.it_was_what_was_simulated(run)

    @rule(events=st.lists(EVENTS, max_size=5), only=chosen, fault=faults, server=servers, simulate_first=st.booleans())
    def a_sync_that_may_read_only_changes(
        self, events: list[tuple[str, str, int, Any]], only: str, fault: str, server: str, simulate_first: bool
    ) -> None:
        self.the_directories_change(events=events)
        promises.changes_say_what_everything_says(self.world)
        if simulate_first and (first := self.world.start(simulated=True, only=only, incremental=True)) is not None:
            self.world.execute(first)
        with self.world.failing(server, fault):
            run = self.world.start(simulated=False, only=only, incremental=True)
            self.carry_out(run)
        COUNTED["incremental readings"] += 0 if run is None else run.readings.exclude(since={}).count()

    @rule(events=st.lists(EVENTS, min_size=1, max_size=5))
    def a_sync_after_changes(self, events: list[tuple[str, str, int, Any]]) -> None:
        self.the_directories_change(events=events)
        self.world.has_usual_settings()
        self.a_sync(only="", fault=Fault.NONE, server=SERVERS[0], simulate_first=True)

    @rule(second=st.booleans())
    def the_newest_plan_is_applied(self, second: bool) -> None:
        plan = Run.objects.filter(state__in=[RunState.PLANNED, RunState.HELD_BACK]).order_by("-pk").first()
        by = self.world.second if second else self.world.root
        with suppress(Refused):
            if plan is not None:
                run = stored_plans.apply_plan(run=plan, by=by, at=self.world.now, wake=False)
                before = Snapshot.now()
                self.went_well(self.world.finished(run), before)

    @rule(nth=st.integers(0, 5), second=st.booleans())
    def an_old_plan_is_applied(self, nth: int, second: bool) -> None:
        """It goes by what was read then, so it may only be applied while nothing newer has been."""
        plans = list(Run.objects.filter(state__in=[RunState.PLANNED, RunState.HELD_BACK]).order_by("pk"))
        if not plans:
            return
        plan, by = plans[nth % len(plans)], self.world.second if second else self.world.root
        overtaken = promises.is_overtaken(plan)
        with suppress(Refused):
            run = stored_plans.apply_plan(run=plan, by=by, at=self.world.now, wake=False)
            assert not overtaken
            before = Snapshot.now()
            self.went_well(self.world.finished(run), before)
            COUNTED["old plans"] += 1

    @rule()
    def plans_are_discarded_and_a_run_is_cancelled(self) -> None:
        before = state.snapshot()
        for plan in Run.objects.filter(state=RunState.HELD_BACK):
            stored_plans.discard(run=plan, by=self.world.root, at=self.world.now)
        run = self.world.start(simulated=False)
        if run is not None:
            run_start_and_cancel.cancel(run=run, by=self.world.root, at=self.world.now)
            self.world.execute(run)
        self.wrote = True

        assert state.differences(before, state.snapshot()) == []

    @rule(nth=st.integers(1, 12), edit=any_edit, whom=picks, pick=picks)
    def a_person_edits_during_a_sync(self, nth: int, edit: str, whom: int, pick: int) -> None:
        run = self.world.start(simulated=False)
        if run is None:
            return
        before, calls, edited = Snapshot.now(), Counter[str](), set[int]()

        def meanwhile(_phase: str, _done: int, _total: int | None) -> None:
            calls["all"] += 1
            if calls["all"] == nth:
                edited.add(edits.do(self.world, edit, whom, pick).pk)

        self.world.execute(run, progress=meanwhile)
        self.undoable, self.wrote = None, True
        # Whom a person cut off meanwhile, or a matter that was closed, was not the run's doing.
        if edit not in {"close a matter", "release"}:
            own = edited if edit in {"block", "deactivate"} else ()
            promises.nobody_was_cut_off_without_proof(self.world, before, facts(), except_for=own)

    @rule(
        place=st.sampled_from(CRASHES),
        nth=st.integers(1, 4),
        afterwards=st.booleans(),
        at_once=st.booleans(),
        simulate_first=st.booleans(),
    )
    def a_worker_is_killed(self, place: str, nth: int, afterwards: bool, at_once: bool, simulate_first: bool) -> None:
        if simulate_first and (first := self.world.start(simulated=True)) is not None:
            self.world.execute(first)
        run = self.world.start(simulated=False)
        if run is None:
            return
        now, before = self.world.now, Snapshot.now()
        with rolled_back():
            ended, undisturbed = self.world.execute(Run.objects.get(pk=run.pk)).state, facts()
        self.world.now = now
        with killed_at(place, nth, afterwards=afterwards, at_once=at_once), suppress(Killed):
            self.world.execute(run)
        assert broken(at=self.world.now, rules=EACH_STEP) == []
        self.world.finished(run)

        assert (run.state, facts()) == (ended, undisturbed)
        self.went_well(run, before, read_now=True)

    def carry_out(self, run: Run | None) -> None:
        """Take a real run to its end and look at what it did."""
        if run is None:
            return
        self.wrote = True
        before, untouched = Snapshot.now(), state.snapshot()
        self.world.execute(run)
        if run.state == RunState.APPLIED:
            self.went_well(run, before, read_now=True)
        else:
            assert run.state in {RunState.HELD_BACK, RunState.FAILED}, run.state
            assert state.differences(untouched, state.snapshot()) == []

    def went_well(self, run: Run, before: Snapshot, *, read_now: bool = False) -> None:
        """Look at what a run did; ``read_now`` says that it has read the directories as they are."""
        after = facts()
        COUNTED["runs"] += 1
        COUNTED["changes"] += run.changes.filter(outcome=Outcome.APPLIED).count()
        self.wrote = True
        self.undoable = (run.pk, before.facts, after) if run.state == RunState.APPLIED else None
        promises.the_untouchable_are_untouched(before, after, undo=run.undo_of_id is not None)
        if read_now:
            promises.nobody_was_cut_off_without_proof(self.world, before, after)
            promises.errors_changed_nobody(self.world, before, after)
            if run.state == RunState.APPLIED and not self.world.fails():
                promises.the_next_run_plans_nothing(self.world, run)

    @rule(kill=st.booleans())
    def the_newest_run_is_undone(self, kill: bool) -> None:
        done = Run.objects.filter(state=RunState.APPLIED, stored_changes__outcome=Outcome.APPLIED)
        run = done.order_by("-pk").first()
        if run is None:
            return
        just_now = self.undoable if self.undoable and self.undoable[0] == run.pk else None
        self.wrote = True
        with suppress(Refused):
            untouched = state.snapshot()
            plan = self.world.execute(undo.start(run=run, by=self.world.root, at=self.world.now, wake=False))
            assert state.differences(untouched, state.snapshot()) == []
            applied = stored_plans.apply_plan(run=plan, by=self.world.second, at=self.world.now, wake=False)
            before = Snapshot.now()
            if kill:
                with killed_at(CRASHES[0], 1, afterwards=True), suppress(Killed):
                    self.world.execute(applied)
            self.world.finished(applied)
            COUNTED["undos"] += 1
            self.went_well(applied, before)
            if just_now is not None:
                _, then, left = just_now
                changed = [pk for pk in then if then[pk] != left[pk]]
                now = facts()
                assert [now[pk] for pk in changed] == [then[pk] for pk in changed]
