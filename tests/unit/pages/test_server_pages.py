"""The pages of LDAP servers: what a save keeps, says and asks, and what the list shows."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from directory.actions import servers
from directory.models import Alert, AlertKind, LdapServer, Match, OrgServer, RunState, ScriptVersion
from directory.values.server_limits import LIMITS, Limit
from orgs.models import AuditEntry, Org
from orgs.rules.actors import SYSTEM
from tests.attacks.forms import as_sent
from tests.makers import (
    NOW,
    make_org,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

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


def lists_of(org: Org) -> list[str]:
    return [link.server.name for link in OrgServer.objects.filter(org=org).select_related("server")]


class TestAnOrgThatInherits:
    @pytest.fixture
    def lyon(self) -> Org:
        default = Org.objects.get(name="Default")
        servers.save(server=make_server("Corp"), values={}, orgs=[default], by=SYSTEM, at=NOW)
        return make_org("Lyon", parent=default)

    @pytest.fixture
    def branch(self, lyon: Org) -> LdapServer:
        return make_server("Branch", position=1)

    def test_says_so_beside_its_box(self, ada: Client, lyon: Org, branch: LdapServer) -> None:
        assert "Lyon (inherits: Corp)" in ada.get(page_of(branch)).content.decode()

    def test_is_not_saved_before_it_is_said_what_it_shall_ask(self, ada: Client, lyon: Org, branch: LdapServer) -> None:
        response = ada.post(page_of(branch), sent_unchanged(ada, branch) | {"orgs": [lyon.pk]})

        assert "Lyon has no list of its own so far and asks what it inherits: Corp." in response.content.decode()
        assert lists_of(lyon) == []

    @pytest.mark.parametrize(("answer", "expected"), [("keep", ["Corp", "Branch"]), ("drop", ["Branch"])])
    def test_gets_the_list_that_was_chosen(
        self, ada: Client, lyon: Org, branch: LdapServer, answer: str, expected: list[str]
    ) -> None:
        given = sent_unchanged(ada, branch) | {"orgs": [lyon.pk], "inherited": answer}

        assert ada.post(page_of(branch), given).status_code == 302
        assert lists_of(lyon) == expected

    def test_inherits_again_once_it_is_taken_from_its_last_server(
        self, ada: Client, lyon: Org, branch: LdapServer
    ) -> None:
        ada.post(page_of(branch), sent_unchanged(ada, branch) | {"orgs": [lyon.pk], "inherited": "drop"})

        ada.post(page_of(branch), sent_unchanged(ada, branch) | {"orgs": []})

        assert lists_of(lyon) == []
        assert Org.objects.get(pk=lyon.pk).directory_service == ""


class TestUsersWhoWereFoundThere:
    @pytest.fixture
    def branch(self) -> LdapServer:
        default = Org.objects.get(name="Default")
        servers.save(server=make_server("Corp"), values={}, orgs=[default], by=SYSTEM, at=NOW)
        branch = make_server("Branch", position=1)
        servers.save(server=branch, values={}, orgs=[default], by=SYSTEM, at=NOW)
        for number in range(9):
            Match.objects.create(user=make_user(f"user{number}"), server=branch, dn="uid=x", matched_at=NOW)
        return branch

    def test_are_named_before_their_org_is_taken_from_it(self, ada: Client, branch: LdapServer) -> None:
        given = sent_unchanged(ada, branch) | {"orgs": []}

        expected = ada.post(page_of(branch), given)
        assert (
            "9 active users were found in Branch, which their orgs will not ask any more" in expected.content.decode()
        )
        assert branch.orgs.exists()

        assert ada.post(page_of(branch), given | {"left_behind": "on"}).status_code == 302
        assert not branch.orgs.exists()

    def test_are_named_before_it_is_deleted(self, ada: Client, branch: LdapServer) -> None:
        text = ada.get(reverse("ldap_servers:delete", args=[branch.pk])).content.decode()

        assert "9 active users were found in Branch" in text
        assert "“not checked”" in text
        assert "No user is changed by this" not in text

    def test_are_in_nobodys_scope_where_it_was_the_only_one(self, ada: Client, branch: LdapServer) -> None:
        servers.delete(server=LdapServer.objects.get(name="Corp"), by=SYSTEM, at=NOW)

        text = ada.get(reverse("ldap_servers:delete", args=[branch.pk])).content.decode()

        assert "no sync will look for them, so whoever leaves stays active" in text

    def test_are_named_by_the_command(self, branch: LdapServer, tmp_path: Path) -> None:
        file, err = tmp_path / "branch.json", StringIO()
        file.write_text('{"name": "Branch", "orgs": []}')

        call_command("ldapserver", "apply", str(file), stderr=err, stdout=StringIO())

        assert "9 active users were found in Branch" in err.getvalue()

    def test_are_named_in_the_data_fix_that_ends_the_org_s_syncs(self, ada: Client, branch: LdapServer) -> None:
        default = Org.objects.get(name="Default")
        address = reverse("data-fixes:orgs_org_change", args=[default.pk])
        given = as_sent(ada.get(address).context["adminform"].form) | {"directory_service": "local"}

        expected = ada.post(address, given).content.decode()
        assert "9 active users were found in Branch" in expected
        assert Org.objects.get(pk=default.pk).directory_service == "ldap"

        assert ada.post(address, given | {"left_behind": "on"}).status_code == 302
        assert Org.objects.get(pk=default.pk).directory_service == "local"


class TestTheOrder:
    def test_is_changed_by_buttons(self, ada: Client) -> None:
        first, second = make_server("First"), make_server("Second", position=1)
        listed = ada.get(reverse("ldap_servers:list")).content.decode()

        ada.post(reverse("ldap_servers:move", args=[second.pk]), {"direction": "up"})

        assert "Move Second up" in listed
        assert list(LdapServer.objects.in_order()) == [second, first]
        assert AuditEntry.objects.get(action="LDAP servers reordered").actor_label == "ada"

    def test_stays_at_its_ends(self, ada: Client) -> None:
        first, second = make_server("First"), make_server("Second", position=1)

        ada.post(reverse("ldap_servers:move", args=[first.pk]), {"direction": "up"})
        ada.post(reverse("ldap_servers:move", args=[second.pk]), {"direction": "down"})

        assert list(LdapServer.objects.in_order()) == [first, second]

    def test_is_changed_by_a_command(self) -> None:
        for position, name in enumerate(("First", "Second", "Third")):
            make_server(name, position=position)
        out = StringIO()

        call_command("ldapserver", "order", "third", "First", stdout=out)

        assert out.getvalue().splitlines() == ["1. Third", "2. First", "3. Second"]

    def test_names_who_is_not_there(self) -> None:
        make_server("First")

        with pytest.raises(CommandError, match="nothing was changed: there is no LDAP server Nobody"):
            call_command("ldapserver", "order", "Nobody", "First")


def test_a_file_can_keep_what_orgs_inherit(tmp_path: Path) -> None:
    default = Org.objects.get(name="Default")
    servers.save(server=make_server("Corp"), values={}, orgs=[default], by=SYSTEM, at=NOW)
    lyon, milan = (make_org(name, parent=default) for name in ("Lyon", "Milan"))
    file, err = tmp_path / "servers.json", StringIO()
    common = {"urls": ["ldap://127.0.0.1:1"], "search_base": "dc=example,dc=com"}
    keeping = {"name": "North", "orgs": ["Lyon"], "keep_inherited_servers": True, **common}
    file.write_text(json.dumps([keeping, {"name": "South", "orgs": ["Milan"], **common}]))

    call_command("ldapserver", "apply", str(file), stderr=err, stdout=StringIO())

    assert (lists_of(lyon), lists_of(milan)) == (["Corp", "North"], ["South"])
    assert "Milan does not ask Corp any more, only South." in err.getvalue()
    assert "Lyon does not ask" not in err.getvalue()


OFF = [(limit.setting, number) for limit in LIMITS for number in {limit.off, limit.nearly_off}]


class TestALimitThatIsSwitchedOff:
    @pytest.mark.parametrize(("setting", "number"), OFF)
    @pytest.mark.in_turns
    def test_is_refused_to_others_than_sysadmins(self, sam: Client, setting: str, number: int) -> None:
        server = make_server("Corp")

        response = sam.post(page_of(server), sent_unchanged(sam, server) | {setting: number, "limits_off": "Corp"})

        assert "only a SYSADMIN may switch this limit off" in response.content.decode()
        assert getattr(LdapServer.objects.get(), setting) != number

    @pytest.mark.parametrize(("setting", "number"), OFF)
    @pytest.mark.in_turns
    def test_takes_the_servers_name(self, ada: Client, setting: str, number: int) -> None:
        server = make_server("Corp")
        given = sent_unchanged(ada, server) | {setting: number}

        expected = ada.post(page_of(server), given).content.decode()
        wrong = ada.post(page_of(server), given | {"limits_off": "yes"})
        done = ada.post(page_of(server), given | {"limits_off": " corp "})

        assert "Type the name of the server, Corp, to switch them off" in expected
        assert (wrong.status_code, done.status_code) == (200, 302)
        assert getattr(LdapServer.objects.get(), setting) == number

    def test_is_asked_about_once(self, sam: Client) -> None:
        server = make_server("Corp", limit_moves_percent=100)

        assert sam.post(page_of(server), sent_unchanged(sam, server) | {"page_size": 50}).status_code == 302

    def test_is_shown_as_long_as_it_stands(self, ada: Client) -> None:
        server = make_server("Corp")
        sentence = "These limits are as good as switched off, so that a mistake is not held back: moves, percent (95)"

        assert sentence not in ada.get(page_of(server)).content.decode()
        LdapServer.objects.update(limit_moves_percent=95)

        for page in (page_of(server), reverse("ldap_servers:list"), reverse("status")):
            assert sentence in ada.get(page).content.decode()

    def test_is_a_warning_of_the_command(self, tmp_path: Path) -> None:
        make_server("Corp")
        file, err = tmp_path / "corp.json", StringIO()
        file.write_text('{"name": "Corp", "limit_deactivations_count": 1000000}')

        call_command("ldapserver", "apply", str(file), stderr=err, stdout=StringIO())

        assert "Corp: These limits are as good as switched off" in err.getvalue()
        assert "deactivations, count (1000000)" in err.getvalue()

    @pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
    def test_is_not_what_it_is_from_the_start(self, limit: Limit) -> None:
        assert not limit.is_off(limit.default)
        assert limit.is_off(limit.off)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    typed = {
        "urls": "ldap://dc1.example.com",
        "groups_filter": "(cn=",
        "client_certificate": "hello",
        "groups_depth": "999",
    }

    page = signed_in(make_sysadmin()).post(reverse("ldap_servers:add"), typed)

    assert {"name", "bind_dn", "groups_filter", "client_certificate", "groups_depth"} <= page.context[
        "form"
    ].errors.keys()


def test_the_audit_trail_names_no_setting_that_is_empty_before_and_after(ada: Client) -> None:
    values = {"name": "Corp", "urls": ["ldaps://ldap.invalid"], "search_base": "dc=example"}
    servers.save(server=None, values=values, by=SYSTEM, at=NOW)

    page = ada.get(reverse("audit:list")).content.decode()

    assert "search base:" in page
    assert "client certificate:" not in page
    assert "groups filter:" not in page


def test_hints_are_about_the_scripts_that_the_form_shows(ada: Client) -> None:
    server = make_server("Corp", active_script="function (entry) { return !entry.nsAccountLock; }")
    address = reverse("ldap_servers:edit", args=[server.pk])
    stored = ada.get(address)
    typed = as_sent(stored.context["form"])

    filled = ada.post(address, {**typed, "fill_in": "samba"})
    refused = ada.post(address, {**typed, "name": "", "active_script": "function (entry) { return entry.groups; }"})

    assert "nsAccountLock holds" in stored.content.decode()
    assert filled.context["warnings"] == []
    [(field, label, [hint])] = refused.context["warnings"]
    assert (field, label) == ("active_script", "Active script")
    assert "does not resolve" in hint


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_without_a_form_in_it_shows_the_form_again(content_type: str) -> None:
    page = signed_in(make_sysadmin()).post(reverse("ldap_servers:add"), b"", content_type=content_type)

    assert page.status_code == 200
    assert not LdapServer.objects.exists()
