"""Confirming it is you before an act: a form that was sent too early waits, and whether one is needed can be asked before."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.models import BulkKind
from orgs.models import Org, Role, User
from tests.bulk_acts import prepared
from tests.makers import PASSWORD, make_org, make_server, make_sysadmin, make_user, make_users, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still, and moves when it is told to."""
    with time_machine.travel(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), tick=False) as moves:
        yield moves


@pytest.fixture
def ada(clock: time_machine.Traveller) -> User:
    return make_sysadmin()


@pytest.fixture
def browser(ada: User, clock: time_machine.Traveller) -> Client:
    """A browser in which she has signed in eleven minutes ago."""
    client = signed_in(ada)
    client.get("/")
    clock.shift(660)
    return client


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


class TestAFormThatIsSentTooEarly:
    @pytest.fixture
    def north(self, ada: User) -> Org:
        return make_org("Northmere")

    @pytest.fixture
    def south(self, ada: User) -> Org:
        return make_org("Southmere")

    @pytest.fixture
    def address(self, north: Org) -> str:
        return reverse("orgs:move", args=[north.pk])

    def test_waits_and_is_sent_after_confirming(self, browser: Client, north: Org, south: Org, address: str) -> None:
        given = {"parent": south.pk, "confirmed": "yes"}
        asked = text_of(browser.post(address, given, follow=True, headers={"Referer": f"http://testserver{address}"}))
        assert "What you have filled in is kept" in asked
        north.refresh_from_db()
        assert not north.path.startswith(south.path)

        about = {"next": hidden(asked, "next"), "kept": hidden(asked, "kept")}
        wrong = text_of(browser.post("/confirm/", {"password": "wrong", **about}))
        assert hidden(wrong, "kept") == about["kept"]
        page = text_of(browser.post("/confirm/", {"password": PASSWORD, **about}))
        assert "Nothing is done yet" in page
        assert f'action="{address}"' in page
        assert f'href="{address}"' in page

        browser.post(address, {name: hidden(page, name) for name in given})
        north.refresh_from_db()
        assert north.path.startswith(south.path)

    def test_is_not_kept_with_a_secret_in_it(self, browser: Client, ada: User) -> None:
        given = {"new_password1": "a horse eats hay", "new_password2": "a horse eats hay"}

        response = browser.post("/account/password/", given)

        assert response.status_code == 302
        page = text_of(browser.get(response["Location"]))
        assert "What you have filled in is not kept" in page
        assert "horse" not in page
        again = text_of(browser.post("/confirm/", {"password": "wrong", "lost": hidden(page, "lost")}))
        assert "What you have filled in is not kept" in again

    def test_that_is_kept_no_longer_is_said_to_be_gone(self, browser: Client) -> None:
        response = browser.post("/confirm/", {"password": PASSWORD, "next": "/users/", "kept": "broken"}, follow=True)

        assert "is gone: enter it again" in text_of(response)

    def test_is_not_kept_for_an_address_of_another_site(self, browser: Client) -> None:
        page = text_of(browser.post("/confirm/?sent=//evil.example/", {"role": "3"}))

        assert hidden(page, "kept") == ""
        assert "is not kept" in page

    def test_of_somebody_else_is_not_shown(self, browser: Client, south: Org, address: str) -> None:
        asked = text_of(browser.post(address, {"parent": south.pk}, follow=True))
        other = signed_in(make_sysadmin("boss"))

        response = other.post("/confirm/", {"password": PASSWORD, "next": "/users/", "kept": hidden(asked, "kept")})

        assert response["Location"] == "/users/"

    def test_in_data_fixes_waits_as_well(self, browser: Client) -> None:
        ben = make_user("ben")
        given = {"action": "block", "_selected_action": [str(ben.pk)]}

        asked = text_of(browser.post("/data-fixes/orgs/user/", given, follow=True))
        about = {"next": "/data-fixes/", "kept": hidden(asked, "kept")}
        page = text_of(browser.post("/confirm/", {"password": PASSWORD, **about}))

        assert hidden(page, "_selected_action") == str(ben.pk)


class TestWhetherAFormNeedsIt:
    def needed(self, browser: Client, address: str, **fields: Any) -> bool:
        """Ask as js/sign_in_place.js does."""
        response = browser.get("/sign-in/state/", {"form": address, **fields})
        return bool(response.json()["must_confirm"])

    @pytest.mark.parametrize("address", ["/account/password/", "/data-fixes/orgs/user/", "/users/1/change-roles/"])
    def test_is_true_for_dangerous_acts(self, browser: Client, address: str) -> None:
        assert self.needed(browser, address)

    @pytest.mark.parametrize("address", ["/settings/notifications/", "/users/", "/nowhere/", "//", "http://[", ""])
    def test_is_false_for_others(self, browser: Client, address: str) -> None:
        assert not self.needed(browser, address)

    def test_is_false_after_confirming_until_shortly_before_it_ends(
        self, browser: Client, clock: time_machine.Traveller
    ) -> None:
        browser.post("/confirm/", {"password": PASSWORD})
        assert not self.needed(browser, "/account/password/")
        clock.shift(569)
        assert not self.needed(browser, "/account/password/")
        clock.shift(2)
        assert self.needed(browser, "/account/password/")

    def test_is_false_for_a_browser_that_is_not_signed_in(self, ada: User) -> None:
        assert not self.needed(Client(), "/account/password/")

    def test_is_true_for_a_bulk_act_about_roles_or_beyond_a_limit(self, browser: Client, ada: User) -> None:
        people, now = make_users([f"user{number:03}" for number in range(101)]), timezone.now()
        acts = {
            "roles": prepared(BulkKind.ADD_ROLE, people[:1], by=ada, at=now),
            "many": prepared(BulkKind.BLOCK, people, by=ada, at=now),
            "few": prepared(BulkKind.BLOCK, people[:1], by=ada, at=now),
        }
        found = {name: self.needed(browser, reverse("bulk_acts:ask", args=[act.pk])) for name, act in acts.items()}

        assert found == {"roles": True, "many": True, "few": False}

    def test_says_nothing_about_acts_of_others(self, browser: Client) -> None:
        act = prepared(BulkKind.ADD_ROLE, make_users(["ben"]), by=make_sysadmin("boss"), at=timezone.now())

        assert not self.needed(browser, reverse("bulk_acts:ask", args=[act.pk]))

    def test_is_true_for_a_server_that_may_grant_admin_from_now_on(self, browser: Client) -> None:
        server, sysadmin = make_server(), Role.objects.get(name="SYSADMIN")
        help_desk = Role.objects.exclude(pk=sysadmin.pk).get(name="Desktop User")
        address = reverse("ldap_servers:edit", args=[server.pk])

        assert self.needed(browser, address, grantable_roles=[sysadmin.pk])
        assert self.needed(browser, reverse("ldap_servers:add"), grantable_roles=[sysadmin.pk])
        assert not self.needed(browser, address, grantable_roles=[help_desk.pk])
        assert not self.needed(browser, address, grantable_roles=["x", "9" * 30])
        server.grantable_roles.add(sysadmin)
        assert not self.needed(browser, address, grantable_roles=[sysadmin.pk])
