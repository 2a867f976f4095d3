"""No cache outlives what it depends on: servers that change meanwhile, break off, or lose an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from django.db.models import Model

from directory.actions import run_start_and_cancel, servers
from directory.invariants import run_proofs
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.search.raw_entry import RawEntry
from directory.models import Absence, CachedDecision, Match, Run, RunState, Trigger
from directory.servers.setting_questions import Confirmed
from directory.sync import lease, pipeline
from directory.sync.lease import Progress
from directory.sync.plan import plan_stage
from directory.sync.read import page_processor as reader_stage
from directory.sync.read.read_result import ReadResult
from directory.sync.run_context import RunContext
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Outcome
from orgs.actions.users import local_passwords
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.integration.employer import ACTIVE, Employer
from tests.worlds import NOON, Clock, again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
PLAIN = {"org_name_script": "", "role_name_script": ""}


@pytest.fixture
def other() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


def decided(run: Run) -> list[tuple[str, str, str]]:
    return sorted(run.changes.values_list("username", "outcome", "cause"))


def decided_without_cache() -> list[tuple[str, str, str]]:
    """What a simulation says that has nothing to go by from earlier runs."""
    CachedDecision.objects.all().delete()
    return decided(simulate())


def alarms() -> list[str]:
    return [*run_proofs.stored_entries(NOON), *run_proofs.cut_off_against_the_entry(NOON)]


def queued() -> Run:
    return run_start_and_cancel.start(
        servers=[], simulated=False, trigger=Trigger.COMMAND, by=SYSTEM, at=NOON, wake=False
    )


def carry_out(run: Run, progress: Progress = lease.ignore_progress) -> Run:
    pipeline.execute(run.pk, clock=Clock(NOON), progress=progress)
    run.refresh_from_db()
    return run


class TestACachedDecision:
    def test_is_not_noted_for_an_org_whose_servers_change_while_they_are_read(
        self, employer: Employer, other: Employer
    ) -> None:
        for directory, name in ((employer, "sean"), (other, "mia")):
            directory.hires(name)
            user(name, last_name=name.title())
        first = employer.server(name="First", **PLAIN)
        other.server(name="Second", **PLAIN)
        simulate_and_sync()
        sync()
        CachedDecision.objects.all().delete()
        taken: list[Model] = []

        def take_away(phase: str, _done: int, _total: int | None) -> None:
            if phase == "reading Second" and not taken:
                taken.append(
                    servers.save(
                        server=first,
                        values={},
                        orgs=[],
                        by=SYSTEM,
                        at=NOON,
                        confirmed=Confirmed(approval_may_end=True),
                    )
                )

        carry_out(queued(), take_away)

        assert taken
        kept = decided(simulate())
        assert kept == decided_without_cache()
        # He was last found in a server that his org does not ask any more, which proves nothing.
        assert ("sean", Outcome.NOT_CHECKED, "") in kept

    def test_ends_when_a_competing_user_loses_an_entry(self, employer: Employer) -> None:
        user("alice", last_name="Alice")
        bob = user("bob", last_name="Bob")
        employer.hires("alice")
        employer.hires("bob")
        employer.server(**PLAIN)
        simulate_and_sync()
        sync()
        local_passwords.set_managed_locally(user_ids=[bob.pk], managed_locally=True, by=SYSTEM, at=NOON)
        employer.directory.modify(employer.dn("alice"), {"uid": ["alice", "bob"]})
        sync()
        sync()
        employer.directory.delete(employer.dn("bob"))

        kept = decided(simulate())

        assert kept == decided_without_cache()
        # The entry is Alice's by its immutable id, and another name than Bob's: his username in it claims nothing.
        assert kept == [("bob", Outcome.KEPT, "")]

    def test_ends_with_the_match_that_it_goes_by(self, employer: Employer) -> None:
        user("sean", last_name="Sean")
        employer.hires("sean")
        employer.server(**PLAIN)
        simulate_and_sync()
        sync()
        Match.objects.all().delete()

        sync()

        assert Match.objects.get().user.username == "sean"


class TestAnImmutableIdOnALaterServer:
    def test_protects_its_user_although_that_server_breaks_off(
        self, employer: Employer, other: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user("sean", last_name="Sean")
        user("mia", last_name="Mia")
        other.hires("sean")
        employer.hires("mia")
        employer.server(name="First", **PLAIN)
        second = other.server(name="Second", **PLAIN)
        simulate_and_sync()
        sync()
        employer.hires("sean", employeeType="inactive")
        read = reader_stage.PageProcessor.read

        def broken_off(reader: reader_stage.PageProcessor, pages: Iterable[list[RawEntry]]) -> None:
            read(reader, pages)
            if reader.server.pk == second.pk:
                raise DirectoryUnavailable("connection lost")

        monkeypatch.setattr(reader_stage.PageProcessor, "read", broken_off)

        assert change_of(simulate(), "sean").outcome == Outcome.NOT_CHECKED


class TestAnAbsence:
    def test_is_forgotten_once_its_user_is_found_and_moved_out_of_the_runs_orgs(
        self, employer: Employer, other: Employer
    ) -> None:
        org("Z")
        sean = user("sean")
        user("mia")
        employer.hires("mia")
        user("joe", org_name="Z")
        other.hires("joe")
        first = employer.server(name="First", absence_runs=3, **PLAIN)
        to_z = {**PLAIN, "active_script": ACTIVE, "org_name_script": "function (entry) { return 'Z' }"}
        other.server(name="Second", absence_runs=3, orgs=("Default", "Z"), **to_z)
        simulate_and_sync()
        sync()
        other.hires("sean")

        sync(first)

        assert again(sean).org.name == "Z"
        assert not Absence.objects.filter(user=sean).exists()


class TestTheInvariants:
    def test_know_that_an_entry_was_claimed_only_later(self, employer: Employer) -> None:
        employer.hires("sean", mail="new@example.com")
        user("sean", email="old@example.com")
        employer.server(**PLAIN)
        employer.directory.modify(employer.dn("sean"), {"uid": ["sean", "shaun"]})
        simulate()
        user("shaun")

        simulate()

        assert alarms() == []

    def test_know_that_a_second_attempt_has_read_the_entry_anew(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("sean", employeeType="inactive")
        user("sean")
        employer.hires("mia")
        user("mia")
        employer.server(**PLAIN)
        simulate_and_sync()
        assert not User.objects.get(username="sean").active
        employer.directory.modify(employer.dn("sean"), {"employeeType": "active"})
        make_plan = plan_stage.make_plan

        def killed(work: RunContext, read: ReadResult) -> PlanCounts:
            monkeypatch.setattr(plan_stage, "make_plan", make_plan)
            raise ZeroDivisionError

        monkeypatch.setattr(plan_stage, "make_plan", killed)
        run = queued()
        with pytest.raises(ZeroDivisionError):
            carry_out(run)

        assert carry_out(run).state == RunState.APPLIED
        assert alarms() == []
