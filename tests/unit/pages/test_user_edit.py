"""The form that edits a user: what LDAP owns is read-only, and the second of two editors sees what is stored."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import Match
from orgs.actions import orgs as org_actions
from orgs.models import AuditEntry, User
from orgs.rules.actors import SYSTEM
from tests.attacks.forms import as_sent
from tests.makers import NOW, PASSWORD, make_org, make_server, make_sysadmin, make_user, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def wendy() -> User:
    org = make_org("Left")
    return make_user("wendy", org=org, first_name="Wendy", last_name="Moor", email="wendy@example.com")


@pytest.fixture
def browser(wendy: User) -> Client:
    """A browser of the administrator of the user's org."""
    return signed_in(make_user("olga", org=wendy.org, roles=["Org Admin"], password=PASSWORD))


def address(user: User) -> str:
    return reverse("users:edit", args=[user.pk])


def form_of(browser: Client, user: User) -> dict[str, Any]:
    return as_sent(browser.get(address(user)).context["form"])


def sent(browser: Client, user: User, given: dict[str, Any]) -> str:
    return html.unescape(browser.post(address(user), given, follow=True).content.decode())


def owned_by_ldap(user: User) -> None:
    org_actions.change(org=user.org, directory_service="ldap", by=SYSTEM, at=NOW)
    Match.objects.create(user=user, server=make_server(), dn="uid=wendy", unique_id="7", matched_at=NOW)


class TestEditing:
    def test_a_local_user_changes_all_of_the_profile(self, browser: Client, wendy: User) -> None:
        new = {"username": "w.hill", "email": "w.hill@example.com", "last_name": "Hill", "notes": "Ticket\r\n5521"}

        answer = sent(browser, wendy, form_of(browser, wendy) | new)

        assert "The changes are saved." in answer
        wendy.refresh_from_db()
        assert (wendy.username, wendy.username_key, wendy.email) == ("w.hill", "w.hill", "w.hill@example.com")
        assert (wendy.first_name, wendy.last_name, wendy.notes) == ("Wendy", "Hill", "Ticket\n5521")
        trail = AuditEntry.objects.filter(object_id=wendy.pk, actor_label="olga").order_by("pk")
        assert [(entry.action, entry.object_label) for entry in trail] == [
            ("profile updated", "w.hill"),
            ("notes changed", "w.hill"),
        ]

    def test_somebody_whom_ldap_owns_changes_the_notes_alone(self, browser: Client, wendy: User) -> None:
        owned_by_ldap(wendy)

        page = browser.get(address(wendy)).content.decode()
        sent(browser, wendy, form_of(browser, wendy) | {"username": "evil", "email": "evil@x.com", "notes": "Left"})

        assert "From LDAP, read-only" in page
        assert 'name="username"' not in page
        wendy.refresh_from_db()
        assert (wendy.username, wendy.email, wendy.notes) == ("wendy", "wendy@example.com", "Left")

    def test_somebody_who_is_managed_locally_changes_all(self, browser: Client, wendy: User) -> None:
        owned_by_ldap(wendy)
        User.objects.filter(pk=wendy.pk).update(managed_locally=True)

        sent(browser, wendy, form_of(browser, wendy) | {"last_name": "Hill"})

        assert User.objects.get(pk=wendy.pk).last_name == "Hill"

    def test_somebody_who_holds_more_changes_the_notes_alone(self, browser: Client, wendy: User) -> None:
        make_sysadmin()
        boss = make_user("boss", org=wendy.org, roles=["SYSADMIN"])

        page = browser.get(address(boss)).content.decode()
        sent(browser, boss, form_of(browser, boss) | {"username": "evil", "notes": "On leave"})

        assert "Only somebody who holds it too may do this" in page
        boss.refresh_from_db()
        assert (boss.username, boss.notes) == ("boss", "On leave")

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"username": ""}, "This field is required"),
            ({"username": "OLGA"}, "is taken"),
            ({"username": "wеndy"}, "could be taken for another one"),
            ({"email": "nobody"}, "nobody is no email address"),
            ({"first_name": "W\u202eendy"}, "control characters are not allowed"),
            ({"last_name": "x" * 256}, "255 are the most"),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_filled_in(
        self, browser: Client, wendy: User, wrong: dict[str, str], words: str
    ) -> None:
        answer = sent(browser, wendy, form_of(browser, wendy) | {"notes": "kept"} | wrong)

        assert words in answer
        assert "kept" in answer
        wendy.refresh_from_db()
        assert (wendy.username, wendy.notes) == ("wendy", "")

    def test_leaves_alone_what_a_sync_has_stored_and_a_form_would_refuse(self, browser: Client, wendy: User) -> None:
        User.objects.filter(pk=wendy.pk).update(email="no address", username="wеndy", username_key="wеndy")

        sent(browser, wendy, form_of(browser, wendy) | {"last_name": "Hill"})

        assert User.objects.get(pk=wendy.pk).last_name == "Hill"

    def test_says_that_nothing_was_changed(self, browser: Client, wendy: User) -> None:
        assert "Nothing was changed." in sent(browser, wendy, form_of(browser, wendy))


class TestTwoEditors:
    def test_the_second_is_told_what_is_stored_and_may_replace_it(self, browser: Client, wendy: User) -> None:
        first, second = form_of(browser, wendy), form_of(browser, wendy)
        sent(browser, wendy, first | {"last_name": "Hill"})

        response = browser.post(address(wendy), second | {"last_name": "Lake"})
        page = html.unescape(response.content.decode())

        assert "Somebody else has changed wendy since you began" in page
        assert "Last name: Hill" in page
        assert 'value="Lake"' in page
        assert User.objects.get(pk=wendy.pk).last_name == "Hill"
        sent(browser, wendy, as_sent(response.context["form"]))
        assert User.objects.get(pk=wendy.pk).last_name == "Lake"

    def test_are_none_if_something_else_of_the_user_changes(self, browser: Client, wendy: User) -> None:
        given = form_of(browser, wendy)
        User.objects.filter(pk=wendy.pk).update(blocked=True, blocked_by="person")

        assert "The changes are saved." in sent(browser, wendy, given | {"last_name": "Hill"})
