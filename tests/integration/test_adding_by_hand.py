"""One user added by hand: the scripts run, what they decide is shown first, then done."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.actions import server_trials
from directory.models import LdapServer, Match
from orgs.models import Org, Role, User
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory
from tests.integration.employer import Employer
from tests.makers import PASSWORD, make_org, make_sysadmin, make_user, signed_in
from tests.worlds import ldap_server

pytestmark = pytest.mark.django_db
ADD = "users:add"


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with Directory() as directory:
        employer = Employer(directory)
        employer.hires("sean", mail="sean@corp.example", givenName="Sean", departmentNumber="Labs", title="Org Admin")
        employer.hires("tom", employeeType="inactive")
        employer.hires("quiet")
        yield directory


@pytest.fixture
def browser(directory: Directory) -> Client:
    Employer(directory).server()
    return signed_in(make_sysadmin())


def add(browser: Client, username: str, **more: Any) -> Any:
    given = {"username": username, "org": Org.objects.get(name="Default").pk} | more
    return browser.post(reverse(ADD), given)


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def confirmed(browser: Client, username: str, **more: Any) -> Any:
    shown = re.search(r'name="shown" value="(\w+)"', text(add(browser, username, **more)))
    assert shown is not None
    return add(browser, username, shown=shown[1], **more)


def test_what_the_scripts_say_is_shown_first_and_then_done(browser: Client) -> None:
    shown = text(add(browser, "sean"))

    assert "role names Org Admin" in shown
    assert "Labs (new)" in shown
    assert "instead of Default" in shown
    assert not User.objects.filter(username="sean").exists()

    assert confirmed(browser, "sean").status_code == 302

    sean = User.objects.get(username="sean")
    assert (sean.email, sean.org.name, sean.created_by) == ("sean@corp.example", "Labs", "hand")
    assert [role.name for role in sean.roles.all()] == ["Org Admin"]
    assert Match.objects.filter(user=sean).exists()


def test_who_is_inactive_is_not_created_and_the_form_says_why(browser: Client) -> None:
    answer = add(browser, "tom")

    assert "the active script of Corp says inactive" in text(answer)
    assert 'value="tom"' in text(answer)
    assert not User.objects.filter(username="tom").exists()


def test_who_is_not_in_the_directory_is_created_with_a_warning(browser: Client) -> None:
    assert "Was not found in the directory" in text(add(browser, "ghost"))

    confirmed(browser, "ghost")

    assert User.objects.filter(username="ghost").exists()


def test_roles_that_are_ticked_count_where_the_script_leaves_roles_alone(browser: Client) -> None:
    ticked = {"roles": [Role.objects.get(name="Push Restore").pk]}

    assert "decides, so Push Restore is left out" in text(add(browser, "sean", **ticked))
    confirmed(browser, "quiet", **ticked)

    assert [role.name for role in User.objects.get(username="quiet").roles.all()] == ["Push Restore"]


def test_who_is_managed_locally_is_not_looked_for(browser: Client) -> None:
    shown = text(add(browser, "tom", managed_locally="on"))

    assert "No directory was asked." in shown
    assert "Has no local password yet" in shown
    confirmed(browser, "tom", managed_locally="on")
    assert User.objects.get(username="tom").managed_locally


def test_what_was_shown_is_shown_again_when_it_has_changed(browser: Client) -> None:
    shown = re.search(r'name="shown" value="(\w+)"', text(add(browser, "sean")))
    assert shown is not None
    LdapServer.objects.get().grantable_roles.clear()

    again = text(add(browser, "sean", shown=shown[1]))

    assert "Create this user?" in again
    assert "The decision has changed since it was shown" in again
    assert "Corp may not grant the role Org Admin" in again
    assert not User.objects.filter(username="sean").exists()


def test_a_directory_that_does_not_answer_is_said_in_its_own_words(browser: Client) -> None:
    ldap_server("ldap://127.0.0.1:1")

    answer = text(add(browser, "sean"))

    assert "Nobody is created" in answer
    assert "Can&#x27;t contact LDAP server" in answer


def test_a_directory_that_keeps_silent_does_not_keep_the_page_waiting(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_trials, "SECONDS", 2)
    with FakeDirectory(silent=True) as server:
        ldap_server(server.url)
        began = time.monotonic()
        answer = text(add(browser, "sean"))

    assert time.monotonic() - began < 10
    assert "Nobody is created" in answer
    assert 'value="sean"' in answer


def test_the_form_comes_back_as_it_was_filled_in(browser: Client) -> None:
    answer = text(add(browser, "sean", email="s@corp.example", notes="Ticket 7", change="yes"))

    assert 'value="s@corp.example"' in answer
    assert "Ticket 7" in answer


def test_an_org_admin_adds_to_their_own_part_what_they_may_give(browser: Client) -> None:
    left, right = make_org("Left"), make_org("Right")
    olga = signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))

    form = text(olga.get(reverse(ADD), {"org": right.pk}))
    refused = text(olga.post(reverse(ADD), {"username": "nina", "org": right.pk}))
    greedy = {"org": left.pk, "roles": [Role.objects.get(name="SYSADMIN").pk]}
    also_refused = text(olga.post(reverse(ADD), {"username": "nina", **greedy}))

    assert "Right" not in form
    assert "SYSADMIN" not in form
    for answer in (refused, also_refused):
        assert "Select a valid choice" in answer
    assert not User.objects.filter(username="nina").exists()
    confirmed(olga, "nina", org=left.pk)
    assert User.objects.get(username="nina").org == left


def test_a_username_that_is_taken_is_said_before_anything_is_asked(browser: Client) -> None:
    make_user("sean")

    assert "The username sean is taken" in text(add(browser, "SEAN"))


def test_the_list_of_users_leads_here(browser: Client) -> None:
    assert reverse(ADD) in text(browser.get(reverse("users:list")))
    assert browser.get(reverse("data-fixes:orgs_user_add")).headers["Location"] == reverse(ADD)
