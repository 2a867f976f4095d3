"""Sessions: what the database keeps of them is of no use to whoever reads it."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from console.models import ConsoleSession
from console.security.session_store import SessionStore, hashed
from tests.makers import make_sysadmin, signed_in

pytestmark = pytest.mark.django_db
PAGE = "users:list"


@pytest.fixture
def client() -> Client:
    return signed_in(make_sysadmin())


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_the_database_does_not_hold_what_the_browser_shows(client: Client) -> None:
    row = ConsoleSession.objects.get()

    assert row.session_key == hashed(key_of(client))
    assert key_of(client) not in f"{row.session_key} {row.session_data} {row.get_decoded()}"


def test_what_the_database_holds_opens_nothing(client: Client) -> None:
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = ConsoleSession.objects.get().session_key

    assert thief.get(reverse(PAGE)).status_code == 302
    assert client.get(reverse(PAGE)).status_code == 200


def test_signing_out_leaves_no_row(client: Client) -> None:
    client.post(reverse("session:sign-out"))

    assert not ConsoleSession.objects.exists()


def test_a_new_key_takes_the_data_along_and_leaves_no_old_row(client: Client) -> None:
    session = SessionStore(key_of(client))
    session["kept"] = "yes"
    session.save()
    before = session.session_key

    session.cycle_key()

    assert session.session_key != before
    assert SessionStore(session.session_key)["kept"] == "yes"
    assert not SessionStore().exists(before or "")
    assert SessionStore().exists(session.session_key or "")
    assert ConsoleSession.objects.count() == 1


def test_a_session_that_has_been_ended_elsewhere_is_not_written_anew(client: Client) -> None:
    ConsoleSession.objects.all().delete()

    assert client.get(reverse(PAGE)).status_code == 302
    assert not ConsoleSession.objects.filter(session_key=hashed(key_of(client))).exists()


def test_deleting_by_key_ends_that_one(client: Client) -> None:
    SessionStore().delete(key_of(client))

    assert not ConsoleSession.objects.exists()
