"""The preview of a sync for one user: what a sync would do, by the directory as it is now; it changes nothing."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import StoredEntry
from directory.preview import user_preview
from orgs.models import User
from tests.directories import Directory
from tests.fake_ldap import FakeDirectory
from tests.integration.employer import Employer
from tests.makers import PASSWORD, make_matter, make_sysadmin, make_user, signed_in
from tests.state import differences, snapshot
from tests.worlds import change_of, ldap_server, simulate, sync, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def employer() -> Iterator[Employer]:
    with Directory() as directory:
        yield Employer(directory)


@pytest.fixture
def browser(employer: Employer) -> Client:
    """A SYSADMIN's browser; Sean and Tom are users, whom syncs know already."""
    employer.hires("sean", givenName="Sean", sn="Lee")
    employer.hires("tom")
    employer.server()
    user("sean"), user("tom")
    simulate()
    sync()
    return signed_in(make_sysadmin())


def previewed(browser: Client, username: str) -> str:
    address = reverse("users:preview-sync", args=[User.objects.get(username=username).pk])
    headers = {"HX-Request": "true", "HX-Target": "sync-preview"}
    return html.unescape(browser.post(address, headers=headers).content.decode())


def steps(text: str) -> list[str]:
    return [part.partition("</li>")[0] for part in text.split("<li>")[1:]]


def test_says_step_by_step_what_the_next_sync_then_does(browser: Client, employer: Employer) -> None:
    employer.directory.modify(employer.dn("sean"), {"employeeType": "inactive"})
    before, entries = snapshot(), list(StoredEntry.objects.order_by("pk").values())

    text = previewed(browser, "sean")

    assert differences(before, snapshot()) == []
    assert list(StoredEntry.objects.order_by("pk").values()) == entries
    assert "The active script says inactive." in text
    change = change_of(simulate(), "sean")
    assert [step for step in change.steps if step not in text] == []
    assert change.actions == ["block", "deactivate"]
    assert "deactivate" in text


def test_of_somebody_who_is_gone_searches_again(browser: Client, employer: Employer) -> None:
    employer.directory.delete(employer.dn("sean"))

    text = previewed(browser, "sean")

    assert "Absent: nobody" in text
    assert "Asked Corp again" in text
    assert "Rule: absent, user active and not on hold: block and deactivate." in text
    make_matter("Inquiry", User.objects.get(username="sean"))
    assert "block, deactivation pending" in previewed(browser, "sean")


def test_of_somebody_who_is_as_the_directory_says_changes_nothing(browser: Client) -> None:
    text = previewed(browser, "tom")

    assert "Nothing changes." in text
    assert "Already as the directory says" in text


def test_finds_a_renamed_user_by_the_immutable_id(browser: Client, employer: Employer) -> None:
    employer.directory.rename(employer.dn("sean"), "uid=sean.lee")

    assert "Renamed from sean to sean.lee." in previewed(browser, "sean")


def test_of_a_server_that_does_not_answer_says_not_checked(browser: Client) -> None:
    ldap_server("ldap://127.0.0.1:1")

    text = previewed(browser, "sean")

    assert "Not checked: Corp was not read to its end" in text
    assert "Nothing changes." in text


def test_ends_in_time_whatever_the_server_does(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_preview, "SECONDS", 2)
    with FakeDirectory(silent=True) as server:
        ldap_server(server.url)
        began = time.monotonic()
        text = previewed(browser, "sean")

    assert time.monotonic() - began < 10
    assert "Not checked" in text


def test_keeps_the_last_sysadmin(browser: Client, employer: Employer) -> None:
    sean = User.objects.get(username="sean")
    User.objects.exclude(pk=sean.pk).filter(roles__name="SYSADMIN").update(active=False, deactivated_by="person")
    employer.hires("root", employeeType="inactive")
    root = user("root", roles=["SYSADMIN"])
    viewer = signed_in(make_user("olga", org=root.org, roles=["Org Admin"], password=PASSWORD))

    assert "Kept: the last active user with the SYSADMIN role" in previewed(viewer, "root")


def test_the_page_itself_reads_nothing_and_asks_at_once(browser: Client) -> None:
    ldap_server("ldap://127.0.0.1:1")
    address = reverse("users:preview-sync", args=[User.objects.get(username="sean").pk])

    page = browser.get(address).content.decode()

    assert f'hx-post="{address}"' in page
    assert "Read the directory now" in page
    assert address in browser.get(reverse("users:detail", args=[User.objects.get(username="sean").pk])).content.decode()


def test_is_not_offered_where_no_sync_decides(db: None) -> None:
    wendy = make_user("wendy")
    client = signed_in(make_sysadmin())
    address = reverse("users:preview-sync", args=[wendy.pk])

    assert address not in client.get(reverse("users:detail", args=[wendy.pk])).content.decode()
    assert "no sync decides about this user" in html.unescape(client.post(address).content.decode())
