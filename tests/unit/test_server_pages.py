"""The pages of LDAP servers: what a save keeps, says and asks, and what the list shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from directory.models import Alert, AlertKind, LdapServer, RunState, ScriptVersion
from tests.attacks.forms import as_sent
from tests.makers import NOW, make_run, make_server, make_server_administrator, make_sysadmin, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Client:
    return signed_in(make_sysadmin())


@pytest.fixture
def sam() -> Client:
    return signed_in(make_server_administrator())


def page_of(server: LdapServer) -> str:
    return reverse("ldap_servers:edit", args=[server.pk])


def sent_unchanged(client: Client, server: LdapServer) -> dict[str, Any]:
    """Return the server's form as a browser sends it: the lines of a text area end with CR and LF."""
    given = as_sent(client.get(page_of(server)).context["form"])
    return {name: value.replace("\n", "\r\n") if isinstance(value, str) else value for name, value in given.items()}


class TestASave:
    def test_of_what_is_there_already_changes_no_script_and_makes_no_version(self, ada: Client) -> None:
        script = "function (entry) {\n    return true;\n}\n"
        certificate_free = {"active_script": script, "search_filter": "(&\n(uid=*)\n)"}
        server = make_server(**certificate_free)
        before = server.configuration_digest

        response = ada.post(page_of(server), sent_unchanged(ada, server))

        server.refresh_from_db()
        assert response.status_code == 302
        assert server.active_script == script
        assert server.configuration_digest == before
        assert not ScriptVersion.objects.exists()

    def test_keeps_the_stored_password_where_only_line_ends_differ(self, ada: Client) -> None:
        server = make_server(bind_dn="cn=reader,\ndc=example,dc=com")

        ada.post(page_of(server), sent_unchanged(ada, server))

        server.refresh_from_db()
        assert server.bind_password

    def test_stores_an_edited_script_with_line_feeds_alone(self, ada: Client) -> None:
        server = make_server()

        given = sent_unchanged(ada, server) | {"active_script": "function (entry) {\r\n  return true;\r\n}\r\n"}
        ada.post(page_of(server), given)

        server.refresh_from_db()
        assert server.active_script == "function (entry) {\n  return true;\n}"
        assert [version.script for version in ScriptVersion.objects.all()] == ["active"]


class TestTheTimeThatARunTook:
    def test_is_without_the_wait_for_somebody_to_decide(self) -> None:
        later = NOW + timedelta(hours=5)
        run = make_run(
            state=RunState.APPLIED,
            simulated=False,
            planned_at=NOW + timedelta(seconds=30),
            approved_at=later,
            finished_at=later + timedelta(seconds=12),
        )

        assert run.seconds == 42

    def test_counts_nothing_of_a_plan_that_was_discarded_later(self) -> None:
        later = NOW + timedelta(hours=5)
        run = make_run(
            state=RunState.DISCARDED,
            simulated=False,
            planned_at=NOW + timedelta(seconds=30),
            approved_at=later,
            finished_at=later,
        )

        assert run.seconds == 30

    def test_of_an_applied_simulation_is_that_of_the_application(self) -> None:
        run = make_run(
            state=RunState.APPLIED,
            simulated=False,
            planned_at=NOW - timedelta(hours=3),
            approved_at=NOW,
            finished_at=NOW + timedelta(seconds=3),
        )

        assert run.seconds == 3


class TestTheInterval:
    def test_shows_the_next_runs_at_once(self, ada: Client) -> None:
        server = make_server()
        headers = {"HX-Request": "true", "HX-Target": "interval"}

        listed = ada.get(reverse("ldap_servers:list")).content.decode()
        saved = ada.post(reverse("ldap_servers:interval"), {"interval_hours": "6"}, headers=headers).content.decode()

        assert f'<span id="next-run-{server.pk}">' in listed
        assert f'<span id="next-run-{server.pk}" hx-swap-oob="true">' in saved


def test_an_alert_of_an_older_version_is_found_by_the_name_of_its_server() -> None:
    corp, other = make_server("Corp"), make_server("Corporation")
    words = "Problem with connection to LDAP server: Corp: down"
    alert = Alert.objects.create(kind=AlertKind.CONNECTION, message=words, created_at=NOW)

    assert list(Alert.objects.of_connection(corp)) == [alert]
    assert not Alert.objects.of_connection(other).exists()
