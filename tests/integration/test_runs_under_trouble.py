"""What happens around a run that waits, is overtaken, dies, is cancelled or can't tell anybody."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from directory.actions import due_runs, run_start_and_cancel, servers, stored_plans, sync_settings
from directory.models import Alert, Run, RunServer, RunState, Trigger
from directory.sync import lease, pipeline, run_context
from directory.sync.apply import apply_stage
from directory.sync.finish import run_mails
from directory.sync.lease import MAX_ATTEMPTS, Lease, claim
from directory.sync.plan import plan_stage
from directory.sync.read.read_result import ReadResult
from directory.sync.read.read_stage import read_servers
from directory.sync.review import review_stage
from directory.sync.review.limit_checks import Reason
from directory.sync.run_interruptions import TakenOver
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Outcome
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.conftest import Mailbox
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, ldap_server, simulate, user

pytestmark = [pytest.mark.django_db, pytest.mark.database]


class Killed(BaseException):
    """What ends a worker from outside."""


def queued(*, simulated: bool = False, trigger: Trigger = Trigger.HAND) -> Run:
    return run_start_and_cancel.start(servers=(), simulated=simulated, trigger=trigger, by=SYSTEM, at=NOON, wake=False)


def carried_out(run: Run) -> Run:
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


def expire(run: Run) -> None:
    """Let so much time pass that the run's worker counts as dead."""
    Run.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))


def die(_work: object, _read: object) -> PlanCounts:
    raise Killed


class TestAServerThatChangesWhileItsRunWaits:
    def test_and_is_renamed_does_not_escape_its_limits(self, employer: Employer) -> None:
        employer.hires("mia")
        leavers = [user(f"user{number}") for number in range(10)]
        server = employer.server()
        simulate()
        run = queued()
        servers.save(server=server, values={"name": "Headquarters"}, by=SYSTEM, at=NOON)

        carried_out(run)

        assert run.state == RunState.HELD_BACK
        assert run.held_back[0].startswith("Headquarters: 10 of 10 active users would be deactivated")
        assert all(again(leaver).active for leaver in leavers)

    @pytest.mark.parametrize(
        "values", [{"active_script": "function (entry) { return false }"}, {"search_filter": "(uid=mia)"}]
    )
    def test_and_reads_or_decides_otherwise_counts_as_not_simulated(
        self, employer: Employer, values: dict[str, str]
    ) -> None:
        employer.hires("mia")
        employer.hires("sean")
        sean = user("sean")
        server = employer.server(limit_entries_percent=1)
        simulate()
        run = queued()
        servers.save(server=server, values=values, by=SYSTEM, at=NOON)

        carried_out(run)

        assert run.state == RunState.HELD_BACK
        assert "the first real run with this connection" in run.held_back[0]
        assert again(sean).active

    def test_and_is_disabled_is_not_read(self, employer: Employer) -> None:
        employer.hires("mia")
        sean = user("sean")
        server = employer.server()
        simulate()
        run = queued()
        servers.save(server=server, values={"enabled": False}, by=SYSTEM, at=NOON)

        carried_out(run)

        assert (run.state, run.error) == (RunState.FAILED, "Corp: it has been disabled or deleted")
        assert again(sean).active


class TestAWorkerThatIsOvertaken:
    def overtaken(self, run: Run) -> Lease:
        late = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        expire(run)
        taken = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        assert late is not None
        assert taken is not None
        return late

    def test_can_not_begin_to_apply(self, employer: Employer) -> None:
        employer.server()
        run = queued()
        late = self.overtaken(run)

        with pytest.raises(TakenOver):
            late.save(state=RunState.APPLYING)

        run.refresh_from_db()
        assert run.state == RunState.QUEUED

    def test_can_not_throw_away_what_the_other_one_has_done(self, employer: Employer) -> None:
        employer.hires("mia")
        sean = user("sean")
        employer.server()
        simulate()
        run = queued()
        late = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        assert late is not None
        expire(run)
        pipeline.execute(run.pk, clock=Clock())

        with pytest.raises(TakenOver):
            read_servers(run_context.load(run.pk, late))

        assert change_of(run, "sean").outcome == Outcome.APPLIED
        assert not again(sean).active

    def test_while_it_reads_does_not_hold_the_server_again(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server()
        run = queued(simulated=True)

        def overtake(phase: str, done: int, _total: int | None) -> None:
            if phase == "reading Corp" and not done:
                expire(run)
                pipeline.execute(run.pk, clock=Clock())

        pipeline.execute(run.pk, clock=Clock(), progress=overtake)

        run.refresh_from_db()
        assert (run.state, run.attempts) == (RunState.PLANNED, 2)
        assert not RunServer.objects.filter(live=True).exists()

    def test_before_it_has_checked_the_limits_applies_nothing(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia")
        leavers = [user(f"user{number}") for number in range(10)]
        employer.server()
        simulate()
        run = queued()
        check_limits = review_stage.check_limits

        def late_check(context: run_context.RunContext, read: ReadResult, plan_counts: PlanCounts) -> list[Reason]:
            monkeypatch.setattr(review_stage, "check_limits", check_limits)
            expire(run)
            pipeline.execute(run.pk, clock=Clock())
            check_limits(context, read, plan_counts)
            return []

        monkeypatch.setattr(review_stage, "check_limits", late_check)

        carried_out(run)

        assert run.state == RunState.HELD_BACK
        assert all(again(leaver).active for leaver in leavers)


class TestTheLease:
    def test_is_one_workers_although_it_was_stopped_while_it_took_it(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.server()
        run = queued()
        faster: list[Lease | None] = []

        def overtaken() -> str:
            monkeypatch.undo()
            faster.append(claim(run.pk, clock=Clock(), progress=lease.ignore_progress))
            return "a host"

        monkeypatch.setattr("socket.gethostname", overtaken)

        late = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)

        assert late is None
        assert faster[0] is not None

    def test_that_lasts_for_hours_is_from_before_the_clock_was_set_back(self, employer: Employer) -> None:
        employer.server()
        run = queued()
        claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        fresh = Run.objects.abandoned().exists()

        Run.objects.filter(pk=run.pk).update(lease_until=Now() + timedelta(hours=1))

        assert (fresh, Run.objects.abandoned().exists()) == (False, True)

    def test_says_when_the_worker_was_last_heard_of(self, employer: Employer, settings: Settings) -> None:
        settings.RUN_LEASE_SECONDS = 30
        employer.server()
        run = queued()
        claim(run.pk, clock=Clock(), progress=lease.ignore_progress)

        run.refresh_from_db()

        assert run.lease_renewed_at is not None
        assert abs(timezone.now() - run.lease_renewed_at) < timedelta(seconds=20)

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize(("hangs_after", "kept"), [(60, True), (-1, False)])
    def test_is_kept_while_a_step_works_and_lost_when_it_hangs(
        self, employer: Employer, settings: Settings, monkeypatch: pytest.MonkeyPatch, hangs_after: int, kept: bool
    ) -> None:
        settings.RUN_LEASE_SECONDS = 2
        monkeypatch.setattr(lease, "HANGS_AFTER", hangs_after)
        employer.server()
        run = queued()
        mine = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        assert mine is not None
        ends = time.monotonic() + 3

        with lease.kept_alive(mine):
            while time.monotonic() < ends:
                time.sleep(0.1)
            lost = Run.objects.abandoned().exists()

        assert lost is not kept


class TestAnAttemptThatFails:
    def test_says_why_until_another_one_has_gone_on(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> None:
        employer.hires("mia")
        employer.server()
        run = queued(simulated=True)
        with monkeypatch.context() as patched:
            patched.setattr(plan_stage, "make_plan", locked_out)
            with pytest.raises(OperationalError):
                carried_out(run)
        run.refresh_from_db()
        error = run.error

        carried_out(run)

        assert error == "OperationalError: database is locked"
        assert (run.state, run.error, run.attempts) == (RunState.PLANNED, "", 2)

    def test_too_often_ends_the_run_with_the_reason_and_a_mail(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
    ) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.server()
        run = queued()
        monkeypatch.setattr(plan_stage, "make_plan", locked_out)
        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(OperationalError):
                carried_out(run)

        due_runs.wake_abandoned(at=NOON)
        run_mails.send_waiting(at=NOON)

        run.refresh_from_db()
        assert run.state == RunState.FAILED
        assert "the last attempt ended with OperationalError: database is locked" in run.error
        assert run.error in mailbox.messages[0].get_content().replace("\n", " ")


def locked_out(_work: object, _read: object) -> PlanCounts:
    raise OperationalError("database is locked")


class TestARunWithoutAWorker:
    def test_on_the_command_line_is_closed_and_frees_its_server(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia")
        employer.server()
        dead = queued(simulated=True, trigger=Trigger.COMMAND)
        monkeypatch.setattr(plan_stage, "make_plan", die)
        with pytest.raises(Killed):
            carried_out(dead)

        following = queued(simulated=True, trigger=Trigger.COMMAND)

        dead.refresh_from_db()
        assert dead.state == RunState.FAILED
        assert "The worker died" in dead.error
        assert RunServer.objects.get(live=True).run == following

    def test_that_applies_a_plan_from_the_command_line_for_the_console_is_taken_up_again(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia")
        employer.server()
        run = stored_plans.apply_plan(run=simulate(), by=SYSTEM, at=NOON)
        woken: list[int] = []
        monkeypatch.setattr(run_start_and_cancel, "wake_worker", woken.append)

        due_runs.wake_abandoned(at=NOON + timedelta(hours=1))

        assert woken == [run.pk]
        assert carried_out(run).state == RunState.APPLIED

    def test_forgets_the_entries_of_its_dead_attempt_when_it_is_taken_up_again(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("sean")
        user("sean")
        employer.server()
        simulate()
        run = queued()
        with monkeypatch.context() as patched:
            patched.setattr(plan_stage, "make_plan", die)
            with pytest.raises(Killed):
                carried_out(run)
        employer.directory.rename(employer.dn("sean"), "uid=sean+cn=sean")

        carried_out(run)

        assert (run.state, run.fence) == (RunState.APPLIED, 2)
        assert run.counts["conflicts"] == 0


class TestCancelling:
    def test_too_late_does_not_spoil_a_plan_that_is_held_back(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia")
        leavers = [user(f"user{number}") for number in range(10)]
        employer.server()
        simulate()
        run = queued()
        check_limits = review_stage.check_limits

        def cancel_meanwhile(
            context: run_context.RunContext, read: ReadResult, plan_counts: PlanCounts
        ) -> list[Reason]:
            run_start_and_cancel.cancel(run=run, by=SYSTEM, at=NOON)
            return check_limits(context, read, plan_counts)

        monkeypatch.setattr(review_stage, "check_limits", cancel_meanwhile)
        held_back = carried_out(run).state

        carried_out(stored_plans.apply_plan(run=run, by=SYSTEM, at=NOON, wake=False))

        run.refresh_from_db()
        assert (held_back, run.state) == (RunState.HELD_BACK, RunState.APPLIED)
        assert not any(again(leaver).active for leaver in leavers)

    def test_in_mid_apply_counts_what_has_been_applied(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia")
        for number in range(5):
            user(f"user{number}")
        employer.server()
        simulate()
        run = queued()
        monkeypatch.setattr(apply_stage, "BATCH", 2)

        def cancel(phase: str, done: int, _total: int | None) -> None:
            if phase == "applying" and done == 2:
                run_start_and_cancel.cancel(run=run, by=SYSTEM, at=NOON)

        pipeline.execute(run.pk, clock=Clock(), progress=cancel)

        run.refresh_from_db()
        assert run.state == RunState.CANCELLED
        assert run.counts["deactivated"] == User.objects.filter(active=False).count() == 4


class TestBatches:
    @pytest.fixture
    def planned(self, employer: Employer, monkeypatch: pytest.MonkeyPatch) -> Run:
        employer.hires("mia")
        for number in range(5):
            user(f"user{number}")
        employer.server()
        simulate()
        monkeypatch.setattr(apply_stage, "BATCH", 2)
        return queued()

    def test_leave_nobody_out_of_those_who_are_deleted_before_they_come(self, planned: Run) -> None:
        def delete(phase: str, done: int, _total: int | None) -> None:
            if phase == "applying" and not done:
                User.objects.filter(username__in=["user1", "user2", "user3"]).delete()

        pipeline.execute(planned.pk, clock=Clock(), progress=delete)

        planned.refresh_from_db()
        assert planned.state == RunState.APPLIED
        outcomes = planned.changes.filter(username__startswith="user").values_list("username", "outcome")
        gone = dict.fromkeys(("user1", "user2", "user3"), "changed meanwhile")
        assert dict(outcomes) == gone | dict.fromkeys(("user0", "user4"), "applied")

    def test_go_on_behind_the_one_before(self, planned: Run) -> None:
        with CaptureQueriesContext(connection) as queries:
            pipeline.execute(planned.pk, clock=Clock())

        changes = list(planned.changes.in_order().values_list("pk", flat=True))
        batches = [each["sql"] for each in queries if "LIMIT 2" in each["sql"] and '"outcome" = ' in each["sql"]]
        begin = [int(pk) for statement in batches for pk in re.findall(r'"id" > (\d+)', statement)]
        assert begin == [0, changes[1], changes[3], changes[4]]


class TestTheSchedule:
    def test_of_a_server_goes_by_its_own_runs_however_often_a_neighbours_run_reads_it(self) -> None:
        corp = ldap_server("ldap://127.0.0.1:1", sync_interval_hours=1)
        branch = ldap_server("ldap://127.0.0.1:1", name="Branch", orgs=["Default", "Staff"], sync_interval_hours=12)
        due_runs.start_due(at=NOON)
        chosen: dict[int, Any] = {}

        for hour in range(1, 14):
            at = NOON + timedelta(hours=hour)
            if (run := due_runs.start_due(at=at)) is not None:
                chosen[hour] = run.chosen_servers
                run_start_and_cancel.cancel(run=run, by=SYSTEM, at=at)

        assert [hour for hour, ids in chosen.items() if corp.pk in ids] == list(range(1, 14))
        assert [hour for hour, ids in chosen.items() if branch.pk in ids] == [12]

    def test_goes_on_where_a_bind_password_can_not_be_decrypted_and_the_run_says_so(
        self, employer: Employer, settings: Settings
    ) -> None:
        sean = user("sean")
        employer.server(bind_dn=employer.directory.admin_dn, bind_password="secret", sync_interval_hours=1)
        due_runs.start_due(at=NOON)
        settings.SECRET_KEY = "another one than the password was encrypted with"

        run = due_runs.start_due(at=NOON + timedelta(hours=1))

        assert run is not None
        assert carried_out(run).state == RunState.FAILED
        assert "the stored bind password can't be decrypted" in run.error
        assert "the stored bind password can't be decrypted" in Alert.objects.get().message
        assert again(sean).active


class TestMail:
    @pytest.mark.parametrize("address", ["n/a", "ada,root@example.com", "ada@example\u2028com", "Ada <ada>", "ada@"])
    def test_reaches_the_others_when_an_administrators_address_is_none(
        self, employer: Employer, mailbox: Mailbox, address: str
    ) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        user("ada", org_name="ADMIN", email=address, roles=["SYSADMIN"])
        employer.hires("mia")
        employer.server()

        run = simulate()

        assert run.state == RunState.PLANNED
        assert mailbox.recipients == [["it@example.com"]]
