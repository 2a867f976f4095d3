"""The pages that ask before an act on a user: what they offer to whom, what they say, and what they do."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from orgs.actions import orgs as org_actions
from orgs.actions.users import blocking, deactivation
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.makers import (
    NOW,
    PASSWORD,
    make_device,
    make_matter,
    make_org,
    make_sysadmin,
    make_user,
    signed_in,
)
from tests.state import differences, snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def left() -> Org:
    return make_org("Left")


@pytest.fixture
def olga(left: Org) -> User:
    """The administrator of the org Left."""
    return make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)


@pytest.fixture
def wendy(left: Org) -> User:
    wendy = make_user("wendy", org=left)
    make_device(wendy)
    return wendy


def address(user: User, page: str) -> str:
    return reverse(f"users:{page}", args=[user.pk])


def shown(client: Client, user: User, page: str, **query: Any) -> str:
    response = client.get(address(user, page), query)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def sent(client: Client, user: User, page: str, **given: Any) -> str:
    return html.unescape(client.post(address(user, page), given, follow=True).content.decode())


def acts(client: Client, user: User) -> set[str]:
    """Return the acts to which the user's page links."""
    page = client.get(address(user, "detail")).content.decode()
    names = ("block", "unblock", "deactivate", "reactivate", "cancel-deactivation", "move", "change-roles")
    return {name for name in (*names, "manage-locally", "follow-directory") if f'href="{address(user, name)}"' in page}


class TestTheUsersPage:
    def test_offers_what_fits_the_users_state(self, olga: User, wendy: User) -> None:
        client = signed_in(olga)
        always = {"move", "change-roles"}

        assert acts(client, wendy) == always | {"block", "deactivate"}
        blocking.block(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        assert acts(client, wendy) == always | {"unblock", "deactivate"}
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        assert acts(client, wendy) == always | {"unblock", "reactivate"}

    def test_offers_to_cancel_a_pending_deactivation_and_not_to_deactivate_again(self, olga: User, wendy: User) -> None:
        make_matter("Inquiry", wendy)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)

        assert acts(signed_in(olga), wendy) == {"move", "change-roles", "unblock", "cancel-deactivation"}

    def test_offers_to_manage_locally_where_the_org_follows_ldap(self, olga: User, wendy: User, left: Org) -> None:
        org_actions.change(org=left, directory_service="ldap", by=SYSTEM, at=NOW)
        client = signed_in(olga)

        assert "manage-locally" in acts(client, wendy)
        sent(client, wendy, "manage-locally")
        assert "follow-directory" in acts(client, wendy)

    def test_offers_nothing_to_those_who_may_only_look(self, wendy: User) -> None:
        assert acts(signed_in(make_user("mona", roles=["All Org Manager"], password=PASSWORD)), wendy) == set()

    def test_says_why_an_act_is_not_for_the_viewer(self, olga: User, left: Org) -> None:
        boss = make_user("boss", org=left, roles=["SYSADMIN"])
        make_sysadmin()
        blocking.block(user_ids=[boss.pk], by=SYSTEM, at=NOW)
        client = signed_in(olga)

        assert "unblock" not in acts(client, boss)
        assert "Only somebody who holds it too may do this" in shown(client, boss, "detail")
        assert "Only somebody who holds it too may do this" in shown(client, boss, "unblock")
        sent(client, boss, "unblock")
        assert User.objects.get(pk=boss.pk).blocked

    def test_does_not_let_anybody_cut_off_themselves(self, olga: User) -> None:
        client = signed_in(olga)

        assert acts(client, olga).isdisjoint({"block", "deactivate"})
        assert "another administrator has to do it" in sent(client, olga, "block")
        assert User.objects.get(pk=olga.pk).is_active


class TestEveryAct:
    @pytest.mark.parametrize("act", ["block", "deactivate", "manage-locally"])
    def test_asks_with_its_effects_and_then_does_it(self, olga: User, wendy: User, left: Org, act: str) -> None:
        org_actions.change(org=left, directory_service="ldap", by=SYSTEM, at=NOW)
        client = signed_in(olga)
        before = snapshot()

        question = shown(client, wendy, act)

        assert "What happens" in question
        assert differences(before, snapshot()) == []
        assert "wendy" in sent(client, wendy, act)
        assert differences(before, snapshot())
        assert AuditEntry.objects.filter(object_id=wendy.pk, actor=olga).exists()

    @pytest.mark.parametrize("act", ["unblock", "reactivate", "cancel-deactivation", "follow-directory"])
    def test_that_does_not_fit_says_so_and_changes_nothing(self, olga: User, wendy: User, act: str) -> None:
        client, before = signed_in(olga), snapshot()

        assert "does not fit the state" in shown(client, wendy, act)
        assert "does not fit the state" in sent(client, wendy, act)
        assert differences(before, snapshot()) == []

    def test_shows_the_refusal_of_the_action(self, left: Org) -> None:
        ada = make_sysadmin()
        boss = make_user("boss", org=left, roles=["SYSADMIN"], password=PASSWORD)
        User.objects.filter(pk=ada.pk).update(password="!")

        answer = sent(signed_in(User.objects.get(pk=ada.pk)), boss, "block")

        assert "no SYSADMIN could sign in with a local password any more" in answer
        assert not User.objects.get(pk=boss.pk).blocked


class TestDeactivating:
    def test_somebody_on_hold_says_that_they_are_blocked_instead(self, olga: User, wendy: User) -> None:
        make_matter("Inquiry", wendy)
        client = signed_in(olga)

        assert "deactivated when the last legal hold ends" in shown(client, wendy, "deactivate")
        assert "wendy is on legal hold" in sent(client, wendy, "deactivate")
        wendy.refresh_from_db()
        assert (wendy.active, wendy.blocked, wendy.pending) == (True, True, True)


class TestReactivating:
    def test_waits_until_a_user_of_an_org_out_of_use_is_moved(self, olga: User, wendy: User, left: Org) -> None:
        lower = make_org("Lower", parent=left)
        User.objects.filter(pk=wendy.pk).update(org=lower)
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        org_actions.set_active(org=lower, active=False, by=SYSTEM, at=NOW)
        client = signed_in(olga)

        assert "move the user to another org first" in shown(client, wendy, "reactivate")
        sent(client, wendy, "move", org=left.pk)
        sent(client, wendy, "reactivate")

        assert User.objects.get(pk=wendy.pk).active


class TestMoving:
    def test_offers_the_orgs_of_the_viewers_part_and_shows_the_effects(
        self, olga: User, wendy: User, left: Org
    ) -> None:
        lower, right = make_org("Left lower", parent=left), make_org("Right")
        client = signed_in(olga)

        choice = shown(client, wendy, "move")
        question = shown(client, wendy, "move", org=lower.pk)

        assert "Left lower" in choice
        assert "Right" not in choice
        assert "Move wendy to Left lower?" in question
        assert "is in Left lower now" in sent(client, wendy, "move", org=lower.pk)
        sent(client, wendy, "move", org=right.pk)
        assert User.objects.get(pk=wendy.pk).org == lower


class TestRoles:
    def test_that_the_viewer_may_not_give_are_shown_with_the_reason(self, olga: User, wendy: User) -> None:
        page = shown(signed_in(olga), wendy, "change-roles")

        assert "you do not hold: admin.alluser.read" not in page
        assert "you do not hold: admin" in page
        sysadmin = Role.objects.get(name="SYSADMIN")
        assert f'value="{sysadmin.pk}"\n' in page

    def test_are_added_and_removed_after_their_effects_were_shown(self, olga: User, wendy: User) -> None:
        plain, clerk = Role.objects.get(name="PROe User"), Role.objects.get(name="Org Manager")
        wendy.grants.create(role=plain)
        client = signed_in(olga)

        question = shown(client, wendy, "change-roles", ticked="yes", role=[clerk.pk])
        answer = sent(client, wendy, "change-roles", added=[clerk.pk], removed=[plain.pk])

        assert "Add Org Manager" in question
        assert "Remove PROe User" in question
        assert "The roles of wendy are changed." in answer
        assert [grant.role for grant in wendy.grants.all()] == [clerk]

    def test_that_somebody_else_gives_meanwhile_stay(self, olga: User, wendy: User) -> None:
        plain, clerk = Role.objects.get(name="PROe User"), Role.objects.get(name="Org Manager")
        client = signed_in(olga)
        shown(client, wendy, "change-roles", ticked="yes", role=[clerk.pk])
        wendy.grants.create(role=plain)

        sent(client, wendy, "change-roles", added=[clerk.pk])

        assert {grant.role for grant in wendy.grants.all()} == {plain, clerk}

    def test_that_the_viewer_may_not_give_are_neither_given_nor_taken(self, olga: User, left: Org) -> None:
        make_sysadmin()
        boss = make_user("boss", org=left, roles=["SYSADMIN"])
        sysadmin = Role.objects.get(name="SYSADMIN")
        client = signed_in(olga)

        sent(client, boss, "change-roles", removed=[sysadmin.pk])
        sent(client, olga, "change-roles", added=[sysadmin.pk])
        shown(client, boss, "change-roles", ticked="yes")

        assert boss.grants.filter(role=sysadmin).exists()
        assert not olga.grants.filter(role=sysadmin).exists()

    def test_want_the_password_again(self, olga: User, wendy: User) -> None:
        client = signed_in(olga)
        client.get("/")
        session = client.session
        session["confirmed"] = 0
        session.save()

        response = client.post(address(wendy, "change-roles"), {"added": [Role.objects.get(name="PROe User").pk]})

        assert response["Location"].startswith(reverse("session:confirm"))
        assert not wendy.grants.exists()

    def test_say_that_nothing_would_change(self, olga: User, wendy: User) -> None:
        assert "Nothing would change" in shown(signed_in(olga), wendy, "change-roles", ticked="yes")
