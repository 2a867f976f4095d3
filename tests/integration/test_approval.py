"""Plans that need the approval of a second administrator: who may give it, who may not, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from directory.actions import due_runs, plan_approvers, run_start_and_cancel, servers, stored_plans, undo
from directory.actions import sync_settings as settings_actions
from directory.actions.users import noted_matches as match_actions
from directory.input_errors import Invalid
from directory.models import Alert, AlertKind, LdapServer, Match, Run, RunState, Trigger
from directory.org_scope import orgs_in_scope
from directory.servers.setting_questions import Confirmed
from directory.sync import pipeline
from directory.sync.plan import plan_stage
from directory.sync.plan.plan_stage import make_plan
from directory.sync.read.read_result import ReadResult
from directory.sync.run_context import RunContext
from directory.sync.stored.plan_counts import PlanCounts
from orgs.actions import orgs as org_actions
from orgs.actions import roles as role_actions
from orgs.actions.errors import Refused
from orgs.actions.users import deactivation, org_moves, user_profiles
from orgs.models import AuditEntry, User
from orgs.permissions import SERVER_ADMINISTRATOR, SYSADMIN, Permission
from orgs.rules.actors import COMMAND_LINE, SYSTEM, Actor, person
from tests.conftest import Mailbox
from tests.integration.employer import Employer
from tests.makers import make_role
from tests.worlds import NOON, Clock, again, ldap_server, org, simulate, user

pytestmark = pytest.mark.django_db

SENTENCE = "Corp: plans need the approval of a second administrator."
FEW = {"limit_entries_percent": 1}


@pytest.fixture
def ada() -> User:
    return user("ada", org_name="ADMIN", roles=[SYSADMIN])


@pytest.fixture
def bob() -> User:
    return user("bob", org_name="ADMIN", roles=[SERVER_ADMINISTRATOR])


@pytest.fixture
def sean(employer: Employer, ada: User, bob: User) -> User:
    """Somebody whom the directory of a server that wants approval does not know."""
    employer.hires("mia")
    employer.server(requires_approval=True, **FEW)
    return user("sean")


def run_by(author: Actor, *, simulated: bool = False, trigger: Trigger = Trigger.HAND, at: datetime = NOON) -> Run:
    """Carry a run out that somebody has started."""
    run = run_start_and_cancel.start(servers=(), simulated=simulated, trigger=trigger, by=author, at=at, wake=False)
    return carried_out(run, at)


def carried_out(run: Run, at: datetime = NOON) -> Run:
    pipeline.execute(run.pk, clock=Clock(at))
    run.refresh_from_db()
    return run


def approved(run: Run, by: User, *, at: datetime = NOON) -> Run:
    return carried_out(stored_plans.apply_plan(run=run, by=person(by), at=at, wake=False), at)


class TestARunOfAServerThatWantsApproval:
    def test_waits_once_it_is_planned_and_has_written_nothing(self, sean: User, ada: User) -> None:
        simulate()

        run = run_by(person(ada))

        assert (run.state, run.held_back, run.approval) == (RunState.HELD_BACK, [], [SENTENCE])
        assert again(sean).active

    def test_is_not_waited_for_where_it_changes_nobody(self, employer: Employer, sean: User, ada: User) -> None:
        employer.hires("sean")
        simulate()
        approved(run_by(person(ada)), user("carl", org_name="ADMIN", roles=[SYSADMIN]))

        run = run_by(person(ada))

        assert (run.state, run.approval) == (RunState.APPLIED, [])

    def test_says_in_a_simulation_what_a_real_run_would_wait_for(self, sean: User) -> None:
        assert simulate().approval == [SENTENCE]

    def test_is_applied_by_somebody_else_who_is_remembered(self, sean: User, ada: User, bob: User) -> None:
        simulate()
        run = approved(run_by(person(ada)), bob, at=NOON + timedelta(hours=1))

        assert (run.state, run.approved_by, run.started_by) == (RunState.APPLIED, bob, ada)
        assert run.approved_at == NOON + timedelta(hours=1)
        assert not again(sean).active
        assert AuditEntry.objects.get(action="user deactivated").actor == bob

    def test_is_no_error_to_those_who_are_told(self, sean: User, ada: User, mailbox: Mailbox) -> None:
        User.objects.filter(pk=ada.pk).update(email="ada@example.com")
        simulate()

        run = run_by(person(ada))

        alert = Alert.objects.get()
        assert (alert.kind, alert.run_id) == (AlertKind.APPROVAL, run.pk)
        assert alert.message == f"Directory sync waits for approval. {SENTENCE}"
        assert mailbox.messages[-1]["Subject"] == "Directory sync waits for approval"
        assert SENTENCE in mailbox.messages[-1].get_content()

    def test_by_schedule_is_approved_by_any_administrator(self, sean: User, ada: User, bob: User) -> None:
        simulate()
        servers.save(server=LdapServer.objects.get(), values={"sync_interval_hours": 1}, by=SYSTEM, at=NOON)
        due_runs.start_due(at=NOON)
        started = due_runs.start_due(at=NOON + timedelta(hours=1))
        assert started is not None

        run = approved(carried_out(started), bob)

        assert (run.state, run.started_by_label, run.approved_by) == (RunState.APPLIED, "system", bob)

    def test_that_passed_limits_is_held_back_as_well(self, employer: Employer, ada: User, bob: User) -> None:
        employer.hires("mia")
        for number in range(10):
            user(f"user{number}")
        employer.server(requires_approval=True)
        simulate()

        run = run_by(person(ada))

        assert (run.state, len(run.held_back), run.approval) == (RunState.HELD_BACK, 1, [SENTENCE])
        assert Alert.objects.get().kind == AlertKind.HELD_BACK
        assert SENTENCE in Alert.objects.get().message
        assert plan_approvers.permission(run) == Permission.ADMIN


class TestNobodyApproves:
    def test_what_they_have_started(self, sean: User, ada: User, bob: User) -> None:
        simulate()
        run = run_by(person(ada))

        with pytest.raises(Refused) as refused:
            approved(run, ada)

        assert str(refused.value) == (
            f"the plan of run {run.pk} needs the approval of a second administrator, and you started it: bob can"
        )
        assert again(sean).active

    def test_the_plan_of_their_own_simulation(self, sean: User, bob: User, ada: User) -> None:
        simulation = run_by(person(bob), simulated=True)

        with pytest.raises(Refused, match="and you started it: ada can"):
            approved(simulation, bob)
        run = approved(simulation, ada)

        assert (run.state, run.plan_from, run.approval) == (RunState.APPLIED, simulation, [SENTENCE])

    def test_what_was_made_by_settings_that_they_have_changed(self, sean: User, ada: User, bob: User) -> None:
        server = LdapServer.objects.get()
        servers.save(server=server, values={"limit_deactivations_percent": 50}, by=person(bob), at=NOON)
        simulate()
        run = run_by(SYSTEM)

        with pytest.raises(Refused, match="and you have changed Corp since its last sync: ada can"):
            approved(run, bob)

    def test_until_such_settings_have_been_applied_by_somebody_else(self, sean: User, ada: User, bob: User) -> None:
        server = LdapServer.objects.get()
        servers.save(server=server, values={"limit_deactivations_percent": 50}, by=person(bob), at=NOON)
        simulate()
        approved(run_by(SYSTEM, at=NOON + timedelta(hours=1)), ada, at=NOON + timedelta(hours=1))
        user("tom")

        run = approved(run_by(SYSTEM, at=NOON + timedelta(hours=2)), bob, at=NOON + timedelta(hours=2))

        assert (run.state, run.counts["deactivated"]) == (RunState.APPLIED, 1)

    def test_what_was_made_by_settings_that_they_changed_while_a_quiet_run_was_reading(
        self, employer: Employer, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("sean", sn="Sean")
        server = employer.server(requires_approval=True, grantable_roles=["Desktop User"], **FEW)
        sean = user("sean", last_name="Sean")
        simulate()

        def edited_meanwhile(work: RunContext, read: ReadResult) -> PlanCounts:
            script = {"active_script": "function (entry) { return false }"}
            servers.save(server=server, values=script, by=person(bob), at=work.lease.clock())
            return make_plan(work, read)

        with monkeypatch.context() as patched:
            patched.setattr(plan_stage, "make_plan", edited_meanwhile)
            quiet = run_by(SYSTEM)
        hour = NOON + timedelta(hours=1)
        run_by(person(bob), simulated=True, at=hour)
        run = run_by(SYSTEM, trigger=Trigger.SCHEDULE, at=hour)

        with pytest.raises(Refused, match="and you have changed Corp since its last sync: ada can"):
            approved(run, bob, at=hour)

        assert quiet.state == RunState.APPLIED
        assert (run.state, run.held_back, run.approval) == (RunState.HELD_BACK, [], [SENTENCE])
        assert again(sean).active

    @pytest.mark.parametrize(
        ("act", "part"),
        [
            ("a neighbour deleted", "have changed the org Default"),
            ("a neighbour's script", "have changed Branch since its last sync"),
            ("an org given to a neighbour", "have changed Branch since its last sync"),
            ("the order", "have changed the org Default"),
            ("a role", "have changed the role Auditor"),
            ("default roles", "have changed the org Default"),
            ("default roles above", "have changed the org ADMIN"),
            ("retention", "have changed the org Default"),
            ("directory service", "have changed the org Lyon"),
            ("a move", "have changed the user sean"),
            ("a profile", "have changed the user sean"),
            ("a match forgotten", "have changed the user sean"),
            ("what may be reactivated", "have changed the sync settings"),
        ],
    )
    def test_what_they_had_another_part_in(
        self, employer: Employer, sean: User, ada: User, act: str, part: str
    ) -> None:
        auditor = make_role("Auditor", Permission.VIEW_LOGS)
        corp = servers.save(server=LdapServer.objects.get(), values={}, by=SYSTEM, at=NOON, grantable_roles=[auditor])
        branch = ldap_server(employer.directory.url, name="Branch", orgs=("Default",), grantable_roles=[])
        lyon, default, carl = org("Lyon"), org("Default"), user("carl", org_name="ADMIN", roles=[SYSADMIN])
        by: Any = {"by": person(carl), "at": NOON + timedelta(minutes=1)}
        inactive = "function (entry) { return false }"
        acts: dict[str, Callable[[], object]] = {
            "a neighbour deleted": lambda: servers.delete(server=branch, **by),
            "a neighbour's script": lambda: servers.save(server=branch, values={"active_script": inactive}, **by),
            "an org given to a neighbour": lambda: servers.save(
                server=branch,
                values={},
                orgs=[default, lyon],
                confirmed=Confirmed(keep_inherited=frozenset({lyon.pk})),
                **by,
            ),
            "the order": lambda: servers.reorder(ids=[branch.pk, corp.pk], **by),
            "a role": lambda: role_actions.save(role=auditor, name="Auditor", permissions=[Permission.ADMIN], **by),
            "default roles": lambda: org_actions.change(org=default, default_roles=[auditor], **by),
            "default roles above": lambda: org_actions.change(org=org("ADMIN"), default_roles=[auditor], **by),
            "retention": lambda: org_actions.change(org=default, archive_retention_days=1, **by),
            "directory service": lambda: org_actions.change(org=lyon, directory_service="local", **by),
            "a move": lambda: org_moves.move(moves={sean.pk: lyon.pk}, **by),
            "a profile": lambda: user_profiles.update_profiles(
                profiles={sean.pk: user_profiles.Profile("sean", "other@example.com")}, **by
            ),
            "a match forgotten": lambda: match_actions.forget(user_ids=[sean.pk], **by),
            "what may be reactivated": lambda: settings_actions.save(values={"reactivate_set_by_person": True}, **by),
        }
        # Whatever was done until then has been seen by somebody else.
        tom = user("tom")
        simulate()
        approved(run_by(SYSTEM), ada)
        assert not again(tom).active
        deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)

        Match.objects.get_or_create(user=sean, defaults={"dn": "uid=sean", "matched_at": NOON})

        acts[act]()
        hour = NOON + timedelta(hours=1)
        run = run_by(SYSTEM, simulated=True, at=hour)

        with pytest.raises(Refused, match=f"and you {part}: ada, bob can"):
            approved(run, carl, at=hour)

    def test_what_they_decided_about_before_a_run_that_changed_nobody(
        self, employer: Employer, sean: User, ada: User
    ) -> None:
        carl, soon = user("carl", org_name="ADMIN", roles=[SYSADMIN]), NOON + timedelta(minutes=1)
        simulate()
        approved(run_by(SYSTEM), ada)
        servers.save(server=LdapServer.objects.get(), values={"absence_runs": 2}, by=person(carl), at=soon)
        user("tom")
        simulate()
        quiet = run_by(SYSTEM, at=NOON + timedelta(hours=1))
        run = run_by(SYSTEM, at=NOON + timedelta(hours=2))

        with pytest.raises(Refused, match="and you have changed Corp since its last sync: ada, bob can"):
            approved(run, carl, at=NOON + timedelta(hours=2))
        assert (quiet.state, quiet.approval) == (RunState.APPLIED, [])

    def test_but_a_name_or_an_interval_decides_nothing(self, sean: User, bob: User) -> None:
        server = LdapServer.objects.get()
        servers.save(server=server, values={"sync_interval_hours": 5}, by=person(bob), at=NOON)
        simulate()

        assert approved(run_by(SYSTEM), bob).state == RunState.APPLIED

    def test_on_the_command_line(self, sean: User, ada: User, settings: Settings) -> None:
        settings.CONSOLE_ADDRESS = "https://rollcall.example.com"
        simulate()
        run = run_by(person(ada))

        with pytest.raises(Refused) as refused:
            stored_plans.apply_plan(run=run, by=COMMAND_LINE, at=NOON, wake=False)

        assert str(refused.value) == (
            f"the plan of run {run.pk} needs the approval of a second administrator, who gives it in the console: "
            f"https://rollcall.example.com/history/{run.pk}/"
        )

    def test_when_there_is_nobody_else(self, sean: User, ada: User, bob: User) -> None:
        User.objects.filter(pk=bob.pk).update(blocked=True, blocked_by="person")
        simulate()

        with pytest.raises(Refused, match="nobody else can; give another administrator the role, or turn the approval"):
            approved(run_by(person(ada)), ada)

    def test_after_24_hours_or_another_configuration(self, sean: User, ada: User, bob: User) -> None:
        simulate()
        run = run_by(person(ada))

        with pytest.raises(Refused, match="older than 24 hours"):
            approved(run, bob, at=NOON + timedelta(hours=25))
        servers.save(server=LdapServer.objects.get(), values={"search_filter": "(uid=*)"}, by=SYSTEM, at=NOON)
        with pytest.raises(Refused, match="the configuration of Corp has changed"):
            approved(run, bob)

    def test_by_turning_the_approval_off_meanwhile(self, sean: User, ada: User) -> None:
        simulate()
        run = run_by(person(ada))
        server = LdapServer.objects.get()
        servers.save(
            server=server,
            values={"requires_approval": False},
            by=SYSTEM,
            at=NOON,
            confirmed=Confirmed(approval_may_end=True),
        )

        with pytest.raises(Refused, match="and you started it"):
            approved(run, ada)

    def test_a_simulation_that_was_made_before_the_approval_was_turned_on(
        self, employer: Employer, ada: User, bob: User
    ) -> None:
        employer.hires("mia")
        user("sean")
        server = employer.server(**FEW)
        simulation = run_by(person(ada), simulated=True)
        servers.save(server=server, values={"requires_approval": True}, by=SYSTEM, at=NOON)

        with pytest.raises(Refused, match="and you started it"):
            approved(simulation, ada)

    def test_an_undo_that_they_have_planned(self, sean: User, ada: User) -> None:
        carl = user("carl", org_name="ADMIN", roles=[SYSADMIN])
        simulate()
        run = approved(run_by(person(ada)), carl)
        plan = carried_out(undo.start(run=run, by=person(ada), at=NOON, wake=False))

        with pytest.raises(Refused, match="and you started it: carl can"):
            approved(plan, ada)
        back = approved(plan, carl)

        assert (plan.approval, plan_approvers.permission(plan)) == ([SENTENCE], Permission.ADMIN)
        assert (back.state, again(sean).active) == (RunState.APPLIED, True)

    def test_a_plan_that_moves_people_into_a_local_org_that_they_have_made(
        self, employer: Employer, sean: User, bob: User, ada: User
    ) -> None:
        employer.hires("sean", departmentNumber="Fresh")
        outside = org("Outside", parent="ADMIN")
        org_actions.create(name="Fresh", parent=outside, by=person(bob), at=NOON - timedelta(minutes=1))
        run = run_by(SYSTEM)
        assert sean.pk in run.stored_changes.filter(after__org="Fresh").values_list("user", flat=True)

        with pytest.raises(Refused, match="you have changed the org Fresh: ada can"):
            stored_plans.apply_plan(run=run, by=person(bob), at=NOON, wake=False)


class TestTheAlert:
    def test_is_dismissed_with_the_approval(self, sean: User, ada: User, bob: User) -> None:
        simulate()

        approved(run_by(person(ada)), bob)

        assert Alert.objects.get().dismissed_by == bob

    @pytest.mark.parametrize("wants_approval", [True, False])
    def test_is_dismissed_with_the_plan(self, employer: Employer, ada: User, bob: User, wants_approval: bool) -> None:
        employer.hires("mia")
        user("sean")
        employer.server(requires_approval=wants_approval, **FEW)
        run = run_by(person(ada))

        stored_plans.discard(run=run, by=person(bob), at=NOON)

        assert (run.state, Alert.objects.get().dismissed_by) == (RunState.DISCARDED, bob)
        assert (run.approved_by, run.approved_at) == (bob, NOON)

    def test_leads_to_the_newest_of_those_that_wait_for_the_same(self, sean: User, ada: User) -> None:
        simulate()
        first = run_by(person(ada))

        second = run_by(person(ada))
        stored_plans.discard(run=first, by=person(ada), at=NOON)

        assert (Alert.objects.get().run_id, Alert.objects.get().dismissed_at) == (second.pk, None)


class TestTheSetting:
    def test_is_turned_off_by_a_sysadmin_only(self, sean: User, bob: User) -> None:
        server = LdapServer.objects.get()

        with pytest.raises(Invalid, match="only a SYSADMIN may let plans go without the approval"):
            servers.save(server=server, values={"requires_approval": False}, by=person(bob), at=NOON)

        servers.save(
            server=server,
            values={"requires_approval": False},
            by=SYSTEM,
            at=NOON,
            confirmed=Confirmed(approval_may_end=True),
        )
        server.refresh_from_db()
        assert not server.requires_approval

    def test_is_not_turned_off_by_a_file_on_the_command_line(self, sean: User, tmp_path: Path) -> None:
        file = tmp_path / "corp.json"
        file.write_text('{"name": "Corp", "requires_approval": false}')

        code, _, err = command("ldapserver", "apply", str(file))

        assert code == 1
        assert "only a SYSADMIN may let plans go without the approval" in err
        assert "--turn-off-approval" in err
        assert LdapServer.objects.get().requires_approval

    @pytest.mark.parametrize("change", ['"enabled": false', '"orgs": []'])
    def test_is_not_got_round_by_a_file_on_the_command_line(self, sean: User, tmp_path: Path, change: str) -> None:
        file = tmp_path / "corp.json"
        file.write_text(f'{{"name": "Corp", {change}}}')

        assert command("ldapserver", "apply", str(file))[0] == 1
        assert orgs_in_scope()[sean.org_id].servers

    def test_is_turned_off_on_the_command_line_by_an_option_that_leaves_a_trace(
        self, sean: User, tmp_path: Path
    ) -> None:
        file = tmp_path / "corp.json"
        file.write_text('{"name": "Corp", "requires_approval": false}')

        code, _, err = command("ldapserver", "apply", "--turn-off-approval", str(file))

        assert (code, LdapServer.objects.get().requires_approval) == (0, False)
        assert "Corp: plans need no approval by a second administrator any more." in err
        assert AuditEntry.objects.get(action="approval of plans turned off").actor_label == "command line"

    def test_is_not_got_round_by_taking_the_org_from_the_server(self, sean: User, bob: User) -> None:
        server = LdapServer.objects.get()

        with pytest.raises(Invalid, match="only a SYSADMIN may take an org from a server whose plans need approval"):
            servers.save(server=server, values={}, by=person(bob), at=NOON, orgs=[])

        assert orgs_in_scope()[sean.org_id].servers == (server.pk,)

    def test_changes_no_configuration_that_was_simulated(self, employer: Employer) -> None:
        before = employer.server().configuration_digest

        assert employer.server(requires_approval=True).configuration_digest == before


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
    def test_says_that_the_run_waits_and_where(self, sean: User) -> None:
        simulate()

        code, out, err = command("ldapsync", "--json")

        summary = json.loads(out)
        assert (code, summary["state"], summary["needsApproval"], summary["heldBack"]) == (
            3,
            "held back",
            [SENTENCE],
            [],
        )
        assert err.startswith("Waits for the approval of a second administrator, nothing was written: http")
        assert f"/history/{summary['run']}/" in err

    def test_can_not_apply_it(self, sean: User) -> None:
        simulate()
        command("ldapsync")

        code, _, err = command("ldapsync", "--apply", str(Run.objects.latest("pk").pk))

        assert code == 4
        assert "who gives it in the console" in err
        assert again(sean).active

    def test_sets_and_shows_it(self, employer: Employer, sean: User) -> None:
        assert json.loads(command("ldapserver", "show", "Corp")[1])["requires_approval"] is True
