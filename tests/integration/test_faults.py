"""What a directory can do wrong: the run fails or leaves users unchecked, nobody is touched, the words are the server's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from directory.actions import run_start_and_cancel, stored_plans
from directory.models import Alert, Run, RunServer, RunState, Trigger
from directory.sync import lease, pipeline
from directory.sync.apply import apply_stage
from directory.sync.lease import claim
from directory.sync.run_interruptions import TakenOver
from directory.values.plan import Outcome
from orgs.actions.errors import Refused
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, again, change_of, ldap_server, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db


class TestAServerThatFails:
    def test_stopped_fails_the_run_with_its_words_and_raises_the_alert(self, employer: Employer) -> None:
        employer.hires("mia")
        sean = user("sean")
        employer.server()
        simulate()
        employer.directory.stop(remove=False)

        run = sync()

        assert run.state == RunState.FAILED
        assert "Can't contact LDAP server" in run.error
        assert again(sean).active
        assert Alert.objects.get().message.startswith("Problem with connection to LDAP server: Corp: ")

    def test_a_wrong_password(self, employer: Employer) -> None:
        sean = user("sean")
        employer.server(bind_dn=employer.directory.admin_dn, bind_password="wrong")

        run = simulate_and_sync()

        assert run.state == RunState.FAILED
        assert "Invalid credentials" in run.error
        assert "wrong" not in run.error
        assert again(sean).active

    def test_a_wrong_base(self, employer: Employer) -> None:
        sean = user("sean")
        employer.server(search_base="ou=nowhere,dc=example,dc=com")

        run = simulate_and_sync()

        assert run.state == RunState.FAILED
        assert "No such object" in run.error
        assert again(sean).active

    def test_ends_its_alert_when_it_is_read_again_and_no_other(self, employer: Employer) -> None:
        employer.hires("mia")
        server = employer.server(search_base="ou=nowhere,dc=example,dc=com")
        ldap_server("ldap://127.0.0.1:1", name="Branch", orgs=["Staff"])
        sync()
        employer.server(name="Corp", search_base=employer.directory.base)

        sync()

        corp = Alert.objects.of_connection(server).get()
        assert (corp.server, corp.dismissed_by, corp.dismissed_at is None) == (server, None, False)
        assert [alert.server and alert.server.name for alert in Alert.objects.open().filter(kind="connection")] == [
            "Branch"
        ]

    def test_a_size_limit(self) -> None:
        with Directory(limits="size=5 size.prtotal=5") as directory:
            employer = Employer(directory)
            for number in range(10):
                employer.hires(f"user{number}")
            sean = user("sean")
            employer.server()

            run = simulate_and_sync()

        assert run.state == RunState.FAILED
        assert "Size limit exceeded" in run.error or "Administrative limit exceeded" in run.error
        assert again(sean).active

    def test_one_of_several_leaves_the_users_of_its_orgs_unchecked(self, employer: Employer) -> None:
        employer.hires("mia", departmentNumber="Default")
        sean, tom = user("sean"), user("tom", org_name="Staff")
        employer.server()
        ldap_server("ldap://127.0.0.1:1", name="Branch", orgs=["Staff"])

        run = simulate_and_sync()

        assert change_of(run, "tom").outcome == Outcome.NOT_CHECKED
        assert change_of(run, "sean").actions == ["block", "deactivate"]
        assert not again(sean).active
        assert again(tom).active
        assert any("Branch" in warning for warning in run.warnings)


class TestLimits:
    def test_a_filter_that_finds_nobody_holds_the_run_back_and_nobody_is_touched(self, employer: Employer) -> None:
        employer.hires("sean")
        sean = user("sean")
        employer.server(search_filter="(uid=nobody)")

        run = simulate_and_sync()

        assert run.state == RunState.HELD_BACK
        assert run.held_back == ["Corp: the search found no entries at all."]
        assert again(sean).active

    def test_the_first_real_run_of_a_configuration_is_held_back_until_it_has_been_simulated(
        self, employer: Employer
    ) -> None:
        employer.hires("sean", departmentNumber="Default")
        user("sean")
        employer.server()

        first = sync()
        simulate()
        second = sync()
        employer.server(search_filter="(objectClass=person)")
        third = sync()

        assert [run.state for run in (first, second, third)] == ["held back", "applied", "held back"]

    def test_too_many_deactivations_hold_the_run_back_with_the_originals_alert_until_a_person_applies_it(
        self, employer: Employer
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        leavers = [user(f"user{number}") for number in range(10)]
        employer.server()

        simulated, run = simulate(), sync()

        assert simulated.held_back == run.held_back
        assert (simulated.state, run.state) == (RunState.PLANNED, RunState.HELD_BACK)
        assert "10 of 10 active users would be deactivated" in run.held_back[0]
        assert Alert.objects.get().message.startswith(
            "Directory sync deactivation not executed. Too many users were identified for deactivation. "
            "Check LDAP configuration."
        )
        assert all(again(leaver).active for leaver in leavers)

        applied = stored_plans.apply_plan(run=run, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(applied.pk, clock=Clock())

        assert applied.pk == run.pk
        assert not any(again(leaver).active for leaver in leavers)

    def test_a_discarded_plan_can_not_be_applied(self, employer: Employer) -> None:
        user("sean")
        employer.server(search_filter="(uid=nobody)")
        run = simulate_and_sync()

        stored_plans.discard(run=run, by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="discarded"):
            stored_plans.apply_plan(run=run, by=SYSTEM, at=NOON, wake=False)


class TestOneRunPerServer:
    def started(self) -> Run:
        return run_start_and_cancel.start(
            servers=[], simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=NOON, wake=False
        )

    def test_a_second_one_is_refused_and_told_who_holds_it(self, employer: Employer) -> None:
        employer.server()
        first = self.started()

        with pytest.raises(Refused, match=rf"run {first.pk} \(queued, started by system\) holds Corp"):
            self.started()

    def test_a_cancelled_one_gives_the_server_back(self, employer: Employer) -> None:
        employer.server()
        run_start_and_cancel.cancel(run=self.started(), by=SYSTEM, at=NOON)

        second = self.started()

        assert RunServer.objects.get(live=True).run == second

    def test_a_task_delivered_twice_is_carried_out_once(self, employer: Employer) -> None:
        employer.hires("sean")
        user("sean")
        employer.server()
        run = self.started()

        pipeline.execute(run.pk, clock=Clock())
        pipeline.execute(run.pk, clock=Clock())

        run.refresh_from_db()
        assert (run.state, run.attempts) == (RunState.PLANNED, 1)

    def test_a_worker_that_lost_its_lease_can_not_write_any_more(self, employer: Employer) -> None:
        employer.server()
        run = self.started()
        late = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)
        assert late is not None
        Run.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))

        taken = claim(run.pk, clock=Clock(), progress=lease.ignore_progress)

        assert taken is not None
        with pytest.raises(TakenOver):
            late.renew(phase="applying", done=1)

    def test_a_run_whose_worker_died_in_mid_apply_goes_on_where_it_stopped(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        leavers = [user(f"user{number}") for number in range(5)]
        employer.server()
        simulate()
        monkeypatch.setattr(apply_stage, "BATCH", 2)
        run = run_start_and_cancel.start(
            servers=[], simulated=False, trigger=Trigger.HAND, by=SYSTEM, at=NOON, wake=False
        )

        class Killed(BaseException):
            pass

        def die_after_the_first_batch(phase: str, done: int, _total: int | None) -> None:
            if phase == "applying" and done:
                raise Killed

        with pytest.raises(Killed):
            pipeline.execute(run.pk, clock=Clock(), progress=die_after_the_first_batch)
        assert sum(not again(leaver).active for leaver in leavers) == 2

        pipeline.execute(run.pk, clock=Clock())

        run.refresh_from_db()
        assert run.state == RunState.APPLIED
        assert not any(again(leaver).active for leaver in leavers)
        assert run.counts["deactivated"] == 5
