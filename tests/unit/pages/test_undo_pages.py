"""The pages around an undo and an approval: what they offer to whom, what they say, and where they lead."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.actions import stored_plans
from directory.models import LdapServer, Run, RunChange, RunState
from directory.values.plan import Action, Outcome
from orgs.models import User
from tests.makers import (
    PASSWORD,
    make_change,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def console(ada: User, monkeypatch: pytest.MonkeyPatch) -> Client:
    return confirmed(ada)


def confirmed(user: User) -> Client:
    """Return a browser whose user has just given the password."""
    client = signed_in(user)
    client.post(reverse("session:confirm"), {"password": PASSWORD})
    return client


@pytest.fixture
def run(ada: User) -> Run:
    """A sync that has deactivated wendy."""
    made = make_run(make_server(), state=RunState.APPLIED, simulated=False)
    make_change(made, make_user("wendy"), Action.BLOCK, Action.DEACTIVATE, outcome=Outcome.APPLIED, active=False)
    return made


def fresh(**values: Any) -> dict[str, Any]:
    now = timezone.now()
    return {"planned_at": now, "finished_at": now, "created_at": now, **values}


def plan_of(run: Run, **values: Any) -> Run:
    """The planned undo of a run, with a device and an archive to put back."""
    made = make_run(*LdapServer.objects.all(), undo_of=run, **fresh(**values))
    change = make_change(made, User.objects.get(username="wendy"), Action.REACTIVATE, active=True)
    now, then = {"active": False, "authorized": True}, {"active": True, "authorized": True}
    change.put_back = {
        "devices": {"1": {"name": "laptop", "now": now, "then": then}},
        "archives": {"2": {"device": "laptop", "bytes": 5 * 1024**3, "now": {}, "then": {"state": "live"}}},
    }
    change.save()
    return made


def text_of(client: Client, page: str, run: Run, **parameters: str) -> str:
    response = client.get(reverse(f"runs:{page}", args=[run.pk]), parameters)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


class TestTheButton:
    def test_leads_from_an_applied_run_to_the_question(self, console: Client, run: Run) -> None:
        text = text_of(console, "detail", run)

        assert f'href="{reverse("runs:undo", args=[run.pk])}"' in text
        assert "1 user was changed." in text

    def test_is_not_for_a_server_administrator(self, run: Run) -> None:
        text = text_of(signed_in(make_server_administrator()), "detail", run)

        assert reverse("runs:undo", args=[run.pk]) not in text
        assert "Only a SYSADMIN may undo this run." in text

    @pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED])
    def test_is_there_for_a_run_that_was_stopped_half_way(self, console: Client, run: Run, state: str) -> None:
        Run.objects.filter(pk=run.pk).update(state=state)

        assert reverse("runs:undo", args=[run.pk]) in text_of(console, "detail", run)

    def test_is_not_there_where_nobody_was_changed(self, console: Client, run: Run) -> None:
        run.stored_changes.update(outcome=Outcome.CHANGED_MEANWHILE)

        assert reverse("runs:undo", args=[run.pk]) not in text_of(console, "detail", run)

    def test_gives_way_to_the_undo_that_stands(self, console: Client, run: Run) -> None:
        undone = make_run(state=RunState.APPLIED, simulated=False, undo_of=run)
        make_change(undone, make_user("tom"), Action.REACTIVATE, outcome=Outcome.APPLIED)

        text = text_of(console, "detail", run)

        assert f"Run {run.pk} has been undone by run {undone.pk} already: undo that one instead." in text
        assert f'<a href="{reverse("runs:detail", args=[undone.pk])}">undo {undone.pk}</a>' in text


class TestTheQuestion:
    def test_names_what_the_run_did(self, console: Client, run: Run) -> None:
        text = text_of(console, "undo", run)

        assert "What the run did" in text
        assert "First a plan is made, which changes nothing" in text

    def test_has_a_plan_made(self, console: Client, run: Run) -> None:
        response = console.post(reverse("runs:undo", args=[run.pk]))

        plan = Run.objects.get(undo_of=run)
        assert response["Location"] == reverse("runs:detail", args=[plan.pk])
        assert (plan.state, plan.simulated, plan.started_by_label) == (RunState.QUEUED, True, "ada")

    def test_says_that_there_is_nothing_to_undo(self, console: Client, run: Run) -> None:
        run.stored_changes.all().delete()

        assert f"Nothing to undo: run {run.pk} changed nobody." in text_of(console, "undo", run)
        refused = console.post(reverse("runs:undo", args=[run.pk]), follow=True)
        assert "nothing to undo" in refused.content.decode()
        assert not Run.objects.filter(undo_of=run).exists()


class TestThePlan:
    def test_is_shown_like_a_simulation_with_its_warning_above(self, console: Client, run: Run) -> None:
        plan = plan_of(run, warnings=["The next sync will do it again to 1 user, unless it is stopped."])

        text = text_of(console, "detail", plan)

        assert f"Simulated undo {plan.pk}" in text
        assert f'<a href="{reverse("runs:detail", args=[run.pk])}">sync {run.pk}</a>' in text
        assert text.count("The next sync will do it again") == 1
        assert text.index("The next sync will do it again") < text.index("Apply this plan")
        assert "LDAP servers read" not in text

    def test_names_devices_and_archives_before_it_is_applied(self, console: Client, run: Run) -> None:
        text = text_of(console, "apply", plan_of(run))

        assert "1 device is active again." in text
        assert "1 archive (5.0\xa0GB) leaves cold storage." in text

    def test_can_not_be_applied_when_it_puts_nobody_back(self, console: Client, run: Run) -> None:
        plan = plan_of(run)
        plan.stored_changes.update(outcome=Outcome.CHANGED_MEANWHILE)

        assert f"Nothing to undo: nobody is as run {run.pk} has left them." in text_of(console, "detail", plan)
        assert reverse("runs:apply", args=[plan.pk]) not in text_of(console, "detail", plan)

    def test_is_called_an_undo_in_the_history(self, console: Client, run: Run) -> None:
        plan = plan_of(run)

        listed = html.unescape(console.get(reverse("runs:list"), {"kind": "undo"}).content.decode())
        simulations = console.get(reverse("runs:list"), {"kind": "simulation"}).content.decode()

        assert f">Simulated undo {plan.pk} of run {run.pk}</a>" in listed
        assert f"/history/{plan.pk}/" not in simulations
        assert f"/history/{run.pk}/" not in listed.replace(f"/history/{plan.pk}/", "")

    def test_says_whose_it_is_in_json(self, console: Client, run: Run) -> None:
        response = console.get(reverse("runs:json", args=[plan_of(run).pk]))

        assert f'"undoOf": {run.pk}' in b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]


class TestAPlanThatCanNotBeApplied:
    def test_says_why_instead_of_offering_it(self, console: Client, ada: User) -> None:
        server = make_server()
        plan = make_run(server, **fresh())
        assert reverse("runs:apply", args=[plan.pk]) in text_of(console, "detail", plan)
        LdapServer.objects.filter(pk=server.pk).update(search_filter="(uid=*)")

        text = text_of(console, "detail", plan)

        assert reverse("runs:apply", args=[plan.pk]) not in text
        assert "The configuration of Headquarters has changed since the plan was made: simulate again." in text

    def test_says_so_where_it_is_asked_for_too(self, console: Client) -> None:
        plan = make_run(make_server(), **fresh(planned_at=timezone.now() - timedelta(days=2)))

        text = text_of(console, "apply", plan)

        assert "is older than 24 hours: simulate again." in text
        assert "btn-danger" not in text


class TestAPlanThatNeedsApproval:
    @pytest.fixture
    def waiting(self, ada: User) -> Run:
        """A sync of ada's that waits for somebody else."""
        run = make_run(
            make_server(requires_approval=True),
            state=RunState.HELD_BACK,
            simulated=False,
            started_by=ada,
            approval=["Headquarters: plans need the approval of a second administrator."],
            **fresh(),
        )
        make_change(run, make_user("wendy"), Action.BLOCK, blocked=True)
        return run

    def test_is_announced_before_it_is_started(self, console: Client, waiting: Run) -> None:
        text = console.get(reverse("ldap_servers:synchronize")).content.decode()

        assert "Plans of Headquarters need the approval of a second administrator" in text

    def test_tells_who_started_it_who_can_approve(self, console: Client, waiting: Run) -> None:
        make_server_administrator()

        text = text_of(console, "detail", waiting)

        assert "waits for approval" in text
        assert "This plan takes two administrators" in text
        assert "and you started it: sam can." in text
        assert reverse("runs:apply", args=[waiting.pk]) not in text

    def test_is_offered_to_a_server_administrator_who_approves_it(self, waiting: Run) -> None:
        client = confirmed(make_server_administrator())
        offered = text_of(client, "detail", waiting)
        question = text_of(client, "apply", waiting)

        client.post(reverse("runs:apply", args=[waiting.pk]))

        waiting.refresh_from_db()
        assert "Approve and apply this plan" in offered
        assert "Proposed by ada." in question
        assert (waiting.state, waiting.approved_by_label) == (RunState.APPLYING, "sam")

    def test_is_refused_to_who_started_it(self, console: Client, waiting: Run) -> None:
        response = console.post(reverse("runs:apply", args=[waiting.pk]), follow=True)

        waiting.refresh_from_db()
        assert "and you started it" in response.content.decode()
        assert waiting.state == RunState.HELD_BACK

    def test_is_for_a_sysadmin_when_it_passed_limits(self, waiting: Run) -> None:
        Run.objects.filter(pk=waiting.pk).update(held_back=["12 of 60 would go"])
        client = confirmed(make_server_administrator())

        assert client.get(reverse("runs:apply", args=[waiting.pk])).status_code == 403
        assert client.post(reverse("runs:discard", args=[waiting.pk])).status_code == 403
        assert "Only a SYSADMIN may apply or discard this plan." in text_of(client, "detail", waiting)

    def test_tells_afterwards_who_proposed_and_who_approved(self, console: Client, waiting: Run) -> None:
        stored_plans.discard(run=waiting, by=_actor(make_sysadmin("carl")), at=timezone.now())

        text = text_of(console, "detail", waiting)

        assert "This plan took two administrators" in text
        assert "Proposed by ada" in text
        assert "Discarded by carl" in text


def _actor(user: User) -> Any:
    from orgs.rules.actors import person

    return person(user)


class TestTiles:
    @pytest.fixture
    def changes(self, run: Run) -> dict[str, RunChange]:
        """A run with one who comes back, one who is unblocked, and one with a warning."""
        made = {
            "back": make_change(run, make_user("back"), Action.REACTIVATE),
            "free": make_change(run, make_user("free"), Action.UNBLOCK),
            "odd": make_change(run, make_user("odd"), Action.MOVE),
        }
        RunChange.objects.filter(pk=made["odd"].pk).update(warnings=["There is no org X"])
        Run.objects.filter(pk=run.pk).update(counts={"users": 4, "activated": 2, "warnings": 1})
        return made

    @pytest.mark.parametrize(("query", "listed"), [("action=activated", {"back", "free"}), ("warnings=yes", {"odd"})])
    def test_lead_to_those_whom_they_count(
        self, console: Client, run: Run, changes: dict[str, RunChange], query: str, listed: set[str]
    ) -> None:
        name, _, value = query.partition("=")

        shown = console.get(reverse("runs:csv", args=[run.pk]), {name: value})

        assert f'href="?{query}#run-changes"' in text_of(console, "detail", run)
        lines = b"".join(shown.streaming_content).decode().splitlines()[1:]  # type: ignore[attr-defined]
        assert {line.partition(",")[0] for line in lines} == listed

    def test_are_told_in_the_history_as_one_or_many(self, console: Client) -> None:
        make_run(counts={"users": 3, "scriptErrors": 1, "conflicts": 2})

        text = console.get(reverse("runs:list")).content.decode()

        assert "1 script error, 2 conflicts" in text
