"""The page of a user: its tabs, where roles come from, the time line of runs and people, and what needs attention."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from directory.models import Match, RunChange, RunState
from directory.values.plan import Action, Outcome
from orgs.actions import audit, legal_holds
from orgs.actions import orgs as org_actions
from orgs.actions.audit import Fact
from orgs.actions.users import blocking, deactivation, org_moves, role_grants
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.makers import (
    NOW,
    PASSWORD,
    make_change,
    make_device,
    make_matter,
    make_org,
    make_run,
    make_server,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db
TABS = ("detail", "roles", "devices", "holds", "history", "audit")


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def wendy(left: Org) -> User:
    return make_user("wendy", org=left, first_name="Wendy", last_name="Moor")


def text(client: Client, user: User, tab: str, **query: str) -> str:
    response = client.get(reverse(f"users:{tab}", args=[user.pk]), query)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def applied(user: User, *actions: Action, steps: tuple[str, ...] = (), **after: object) -> RunChange:
    """Store a change that a real run has applied, with the audit entries that it leaves."""
    run = make_run(state=RunState.APPLIED, simulated=False)
    change = make_change(run, user, *actions, outcome=Outcome.APPLIED, **after)
    RunChange.objects.filter(pk=change.pk).update(steps=list(steps))
    fact = Fact("user", user.pk, user.username, before={}, after={})
    audit.note([fact], action="user blocked", by=Actor("ada", run_id=run.pk), at=NOW)
    return change


class TestTheTabs:
    def test_have_addresses_of_their_own_and_count(self, ada: User, wendy: User) -> None:
        make_device(wendy)
        make_matter("Inquiry", wendy)
        client = signed_in(ada)

        pages = {tab: client.get(reverse(f"users:{tab}", args=[wendy.pk])) for tab in TABS}

        for tab, page in pages.items():
            current = [each for each in page.context["head"].tabs if each.current]
            assert [each.address for each in current] == [reverse(f"users:{tab}", args=[wendy.pk])]
        assert {str(each.label): each.count for each in pages["detail"].context["head"].tabs} == {
            "Overview": None,
            "Roles": 0,
            "Devices": 1,
            "Legal holds": 1,
            "History": None,
            "Audit": None,
        }

    def test_are_those_that_the_viewer_may_open(self, wendy: User, left: Org) -> None:
        client = signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))

        page = client.get(reverse("users:detail", args=[wendy.pk]))

        assert [str(each.label) for each in page.context["head"].tabs] == [
            "Overview",
            "Roles",
            "Devices",
            "Legal holds",
            "History",
        ]
        assert client.get(reverse("users:audit", args=[wendy.pk])).status_code == 403

    @pytest.mark.parametrize("tab", TABS)
    def test_take_no_more_queries_for_more_to_show(self, ada: User, wendy: User, left: Org, tab: str) -> None:
        client, address = signed_in(ada), reverse(f"users:{tab}", args=[wendy.pk])
        server = make_server()
        Match.objects.create(user=wendy, server=server, dn="uid=wendy", unique_id="7", matched_at=NOW)

        def add(names: list[str]) -> None:
            for name in names:
                make_device(wendy, name)
                make_matter(name, wendy)
                make_change(make_run(server), wendy, Action.MOVE)
                applied(wendy, Action.MOVE, org="Right")
            held = {role.pk for role in wendy.roles.all()}
            more = list(Role.objects.exclude(pk__in=held).exclude(name="SYSADMIN")[: len(names)])
            role_grants.change_roles(user_ids=[wendy.pk], added=[role.pk for role in more], by=SYSTEM, at=NOW)

        add(["one", "two"])
        client.get(address)
        with CaptureQueriesContext(connection) as few:
            client.get(address)
        add(["three", "four", "five"])
        with CaptureQueriesContext(connection) as many:
            client.get(address)

        assert len(many) <= len(few)


class TestTheOverview:
    def test_shows_devices_with_bytes_and_expiry(self, ada: User, wendy: User) -> None:
        make_device(wendy, "wendy-laptop", size_bytes=3 * 1024**3)
        make_device(wendy, "wendy-desk", size_bytes=1024**3)

        page = text(signed_in(ada), wendy, "detail")

        assert "2 devices, 4.0\xa0GB" in " ".join(page.split(" "))
        assert "2 archives" in page
        make_matter("Inquiry", wendy)
        assert "on hold: never" in text(signed_in(ada), wendy, "detail")

    def test_marks_what_ldap_owns(self, ada: User, wendy: User, left: Org) -> None:
        client = signed_in(ada)
        assert "from LDAP, read-only" not in text(client, wendy, "detail")

        org_actions.change(org=left, directory_service="ldap", by=SYSTEM, at=NOW)
        Match.objects.create(user=wendy, server=make_server(), dn="uid=wendy", unique_id="7", matched_at=NOW)

        assert text(client, wendy, "detail").count(", from LDAP<") == 4
        User.objects.filter(pk=wendy.pk).update(managed_locally=True)
        assert "from LDAP, read-only" not in text(client, wendy, "detail")

    def test_says_why_a_sync_has_cut_somebody_off(self, ada: User, wendy: User) -> None:
        steps = ("Found in Corp by immutable id: uid=wendy.", "The active script says inactive.")
        applied(wendy, Action.BLOCK, Action.DEACTIVATE, steps=steps)
        deactivation.deactivate(user_ids=[wendy.pk], by=Actor("a sync", run_id=7), at=NOW)

        page = text(signed_in(ada), wendy, "detail")

        assert "Why deactivated?" in page
        assert "The active script says inactive." in page

    def test_says_who_has_cut_somebody_off(self, ada: User, wendy: User) -> None:
        blocking.block(user_ids=[wendy.pk], by=person(ada), at=NOW)

        page = text(signed_in(ada), wendy, "detail")

        assert "Why blocked?" in page
        assert "By hand: ada." in page

    def test_says_that_a_deactivation_waits_for_the_end_of_a_legal_hold(self, ada: User, wendy: User) -> None:
        make_matter("Harbour tender", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        page = text(signed_in(ada), wendy, "detail")

        assert "Deactivated when the legal hold ends" in page
        assert "Harbour tender" in page

    def test_says_that_the_last_sync_could_not_decide(self, ada: User, wendy: User) -> None:
        run = make_run(state=RunState.APPLIED, simulated=False)
        change = make_change(run, wendy, outcome=Outcome.CONFLICT)
        RunChange.objects.filter(pk=change.pk).update(steps=["Conflict: two entries. Nothing changes."])
        client = signed_in(ada)

        assert "The last sync could not decide about this user" in text(client, wendy, "detail")
        assert reverse("runs:change", args=[run.pk, change.pk]) in text(client, wendy, "detail")
        make_run(state=RunState.APPLIED, simulated=False)
        assert "The last sync could not decide" not in text(client, wendy, "detail")


class TestRoles:
    def test_say_where_each_comes_from(self, ada: User, wendy: User) -> None:
        by_hand, script, default = (Role.objects.get(name=name) for name in ("Org Admin", "PROe User", "Desktop User"))
        role_grants.change_roles(user_ids=[wendy.pk], added=[by_hand.pk], by=person(ada), at=NOW)
        for number, (role, step) in enumerate(
            (
                (script, "The role name script says PROe User."),
                (default, "The role name script returned an empty list: the default roles of Left."),
            )
        ):
            run = make_run(state=RunState.APPLIED, simulated=False)
            change = make_change(run, wendy, Action.SET_ROLES, outcome=Outcome.APPLIED)
            RunChange.objects.filter(pk=change.pk).update(steps=[step])
            at = NOW + timedelta(hours=number + 1)
            sync = Actor("ada", run_id=run.pk)
            role_grants.change_roles(user_ids=[wendy.pk], added=[role.pk], by=sync, at=at)

        page = signed_in(ada).get(reverse("users:roles", args=[wendy.pk]))

        origins = {each.role.name: each.origin for each in page.context["roles"]}
        assert origins == {
            "Org Admin": "by hand, ada",
            "PROe User": "role name script, by a sync",
            "Desktop User": "default role of the org, by a sync",
        }

    def test_of_a_new_account_name_the_defaults_of_the_org(self, ada: User, left: Org) -> None:
        nina = make_user("nina", org=left, roles=["PROe User", "Org Admin"])

        page = signed_in(ada).get(reverse("users:roles", args=[nina.pk]))

        assert [each.origin for each in page.context["roles"]] == [
            "given as the account was made by hand",
            "default role of the org, as the account was made by hand",
        ]

    def test_say_what_their_holder_administers(self, ada: User, left: Org) -> None:
        nina = make_user("nina", org=left, roles=["PROe User", "Org Admin"])
        make_org("Lower", parent=left)

        page = text(signed_in(ada), nina, "roles")

        assert "Left and 1 org below, 1 active user" in page
        assert "only their own account" in page


class TestTheHistory:
    def test_has_runs_and_people_on_one_line_and_each_thing_once(self, ada: User, wendy: User) -> None:
        applied(wendy, Action.BLOCK, steps=("The active script says inactive.",))
        blocking.block(user_ids=[wendy.pk], by=person(ada), at=NOW + timedelta(days=1))

        page = signed_in(ada).get(reverse("users:history", args=[wendy.pk]))

        items = page.context["page"].object_list
        assert [(item.who, item.sentence) for item in items if item.run is None and item.who != "system"] == [
            ("ada", "blocked the user")
        ]
        assert [item.sentence for item in items if item.run is not None] == ["blocked the user"]
        assert "The active script says inactive." in html.unescape(page.content.decode())

    def test_keeps_what_a_run_did_when_its_changes_are_removed(self, ada: User, wendy: User) -> None:
        applied(wendy, Action.BLOCK).delete()

        page = signed_in(ada).get(reverse("users:history", args=[wendy.pk]))

        assert ("ada", "blocked the user") in [(item.who, item.sentence) for item in page.context["page"]]

    def test_has_simulations_and_runs_without_a_change_on_request(self, ada: User, wendy: User) -> None:
        make_change(make_run(), wendy, Action.DEACTIVATE)
        kept = make_run(state=RunState.APPLIED, simulated=False)
        make_change(kept, wendy, outcome=Outcome.KEPT)
        client = signed_in(ada)

        def runs(**query: str) -> set[str]:
            page = client.get(reverse("users:history", args=[wendy.pk]), query)
            return {item.outcome for item in page.context["page"] if item.run is not None}

        assert runs() == set()
        assert runs(simulations="on") == {"planned"}
        assert runs(unchanged="on") == {"kept"}
        assert runs(simulations="on", unchanged="on") == {"planned", "kept"}

    def test_shows_one_act_as_one_item_with_its_devices(self, ada: User, wendy: User) -> None:
        make_device(wendy, "wendy-laptop")
        make_device(wendy, "wendy-desk")
        deactivation.deactivate(user_ids=[wendy.pk], by=person(ada), at=NOW + timedelta(days=1))

        page = signed_in(ada).get(reverse("users:history", args=[wendy.pk]))

        assert "deactivated the user and deactivated wendy-desk and wendy-laptop" in [
            item.sentence for item in page.context["page"]
        ]

    def test_names_no_org_that_the_viewer_may_not_see(self, ada: User, wendy: User, left: Org) -> None:
        right = make_org("Right")
        org_moves.move(moves={wendy.pk: right.pk}, by=person(ada), at=NOW)
        org_moves.move(moves={wendy.pk: left.pk}, by=person(ada), at=NOW + timedelta(days=1))
        applied(wendy, Action.MOVE, steps=("The org name script says Right.",), org="Right")
        olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)

        assert "Right" in text(signed_in(ada), wendy, "history")
        assert "Right" not in text(signed_in(olga), wendy, "history")
        assert "Left" in text(signed_in(olga), wendy, "history")

    def test_comes_in_pages(self, ada: User, wendy: User) -> None:
        for number in range(30):
            fact = Fact("user", wendy.pk, "wendy", {"email": str(number)}, {"email": str(number + 1)})
            audit.note([fact], action="profile updated", by=SYSTEM, at=NOW + timedelta(hours=number))
        client = signed_in(ada)

        first, second = text(client, wendy, "history"), text(client, wendy, "history", page="2", simulations="on")

        assert "Older" in first
        assert "Newer" not in first
        assert "Newer" in second
        assert "simulations=on" in second
        assert text(client, wendy, "history", page="nonsense") != ""

    def test_tells_about_legal_holds(self, ada: User, wendy: User) -> None:
        matter = make_matter("Harbour tender")
        legal_holds.add_custodians(matter=matter, user_ids=[wendy.pk], by=person(ada), at=NOW)

        assert "put the user on legal hold" in text(signed_in(ada), wendy, "history")
        assert "Harbour tender" in text(signed_in(ada), wendy, "history")


class TestTheAuditTab:
    def test_has_what_was_done_to_the_user_and_by_the_user(self, ada: User, wendy: User) -> None:
        blocking.block(user_ids=[wendy.pk], by=person(ada), at=NOW)

        of_wendy, of_ada = (signed_in(ada).get(reverse("users:audit", args=[user.pk])) for user in (wendy, ada))

        assert "user blocked" in of_wendy.content.decode()
        assert "user blocked" in of_ada.content.decode()
        assert AuditEntry.objects.filter(action="user blocked").count() == 1
