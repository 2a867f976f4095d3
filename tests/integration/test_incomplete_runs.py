"""A run that could not check everybody is called incomplete wherever it is shown, with whom and why."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from directory import status
from directory.actions import stored_plans, sync_settings
from directory.models import Alert, AlertKind, LdapServer, MailKind, RunState
from directory.status import LineState
from directory.sync import pipeline
from directory.values.plan import Outcome
from orgs.rules.actors import SYSTEM
from tests.conftest import Mailbox
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, Clock, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

NOWHERE = "ldap://127.0.0.1:1"


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


@pytest.fixture
def silent(employer: Employer, branch: Employer) -> LdapServer:
    """The second of two LDAP servers, of an org of its own with two users, which does not answer any more."""
    employer.hires("sean")
    user("sean", last_name="Sean")
    org("Branch office")
    for name in ("zoe", "kim"):
        branch.hires(name)
        user(name, org_name="Branch office", last_name=name.title())
    employer.server()
    server = branch.server(name="Branch", orgs=["Branch office"])
    simulate_and_sync()
    # As it was, so that no simulation of other settings is called for.
    LdapServer.objects.filter(pk=server.pk).update(urls=[NOWHERE])
    simulate()
    return server


def command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    code = 0
    try:
        call_command("ldapsync", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as left:
        code = int(str(left.code))
    return code, out.getvalue()


class TestARunOfWhichOneServerFails:
    def test_says_whom_it_could_not_check(self, silent: LdapServer) -> None:
        run = sync()

        assert run.state == RunState.APPLIED
        [part] = run.incomplete
        assert (part["server"], part["users"]) == ("Branch", 2)
        assert part["reason"].startswith("it was not read to its end: ")

    def test_says_so_of_a_server_without_users_too(self, employer: Employer) -> None:
        employer.hires("sean")
        user("sean")
        org("Empty")
        employer.server()
        employer.server(name="Branch", orgs=["Empty"], urls=[NOWHERE])

        run = simulate()

        assert [(part["server"], part["users"]) for part in run.incomplete] == [("Branch", 0)]

    def test_is_shown_as_incomplete_on_every_page(self, silent: LdapServer) -> None:
        run = sync()
        client = signed_in(make_sysadmin())

        for page in ("/", "/history/", f"/history/{run.pk}/", reverse("ldap_servers:list")):
            assert "applied, incomplete" in page_of(client, page), page
        assert "Incomplete: 2 users could not be checked" in page_of(client, f"/history/{run.pk}/")
        assert f"/history/{run.pk}/" in page_of(client, "/history/?state=incomplete")
        assert "There has been no run" not in page_of(client, "/history/?state=incomplete")

    def test_is_not_found_among_the_complete_ones(self, employer: Employer) -> None:
        employer.hires("sean")
        user("sean")
        employer.server()
        run = simulate_and_sync()

        assert run.incomplete == []
        assert f'href="/history/{run.pk}/"' not in page_of(signed_in(make_sysadmin()), "/history/?state=incomplete")

    def test_has_a_subject_that_says_so(self, silent: LdapServer, mailbox: Mailbox) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)

        run = sync()

        sent = {str(message["To"]): message for message in mailbox.messages}
        assert sent["it@example.com"]["Subject"] == "Directory sync incomplete: 3 users, 0 changes, 2 not checked"
        assert (
            "Branch: 2 users could not be checked: it was not read to its end" in sent["it@example.com"].get_content()
        )
        assert set(run.mails.values_list("kind", flat=True)) == {MailKind.INCOMPLETE}

    def test_of_which_an_administrators_own_part_is_whole_says_nothing_to_them(
        self, silent: LdapServer, employer: Employer, mailbox: Mailbox
    ) -> None:
        employer.hires("ola")
        user("ola", org_name="Branch office", email="ola@example.com", roles=["Org Admin"], last_name="Ola")
        employer.hires("max")
        org("Lab")
        employer.server(orgs=["Default", "Lab"])
        user("max", org_name="Lab", email="max@example.com", roles=["Org Admin"], last_name="Max")

        simulate()

        subjects = {str(message["To"]): message["Subject"] for message in mailbox.messages}
        assert subjects["ola@example.com"].startswith("Simulated directory sync incomplete: 3 users")
        assert subjects["max@example.com"].startswith("Simulated directory sync: 1 user,")

    def test_raises_an_alert_that_the_next_complete_one_ends(self, silent: LdapServer, branch: Employer) -> None:
        sync()
        first = list(Alert.objects.open().filter(kind=AlertKind.INCOMPLETE))
        sync()
        second = list(Alert.objects.open().filter(kind=AlertKind.INCOMPLETE))
        LdapServer.objects.filter(pk=silent.pk).update(urls=[branch.directory.url])
        simulate()
        sync()

        assert [alert.message.split(" it was")[0] for alert in first] == [
            "Directory sync incomplete: Branch: 2 users could not be checked:"
        ]
        assert [alert.pk for alert in second] == [alert.pk for alert in first]
        assert not Alert.objects.open().filter(kind=AlertKind.INCOMPLETE).exists()

    def test_has_a_log_line(self, silent: LdapServer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "rollcall.sync")
        caplog.clear()

        sync()

        [line] = [record for record in caplog.records if "DIRSYNC:: Incomplete" in record.getMessage()]
        assert line.levelno == logging.WARNING
        assert line.getMessage().startswith(
            "DIRSYNC:: Incomplete for server:Branch users:2 not checked: it was not read to its end: "
        )
        assert line.getMessage().endswith(" simulated:false")

    def test_ends_the_command_with_a_code_of_its_own(self, silent: LdapServer) -> None:
        code, sent = command("--json")

        assert code == 5
        [part] = json.loads(sent)["incomplete"]
        assert (part["server"], part["users"]) == ("Branch", 2)

    def test_is_said_by_the_command_in_words(self, silent: LdapServer) -> None:
        code, sent = command("--simulate")

        assert code == 5
        assert "incomplete: Branch: 2 users could not be checked: it was not read to its end" in sent

    def test_is_said_by_status(self, silent: LdapServer) -> None:
        sync()

        lines = [line for line in status.servers.look(at=NOON) if line.title == "Branch"]

        assert LineState.PROBLEM in {line.state for line in lines}
        assert any("2 users could not be checked" in line.fact for line in lines)

    def test_is_incomplete_as_well_when_its_plan_is_applied_later(self, silent: LdapServer, employer: Employer) -> None:
        employer.directory.modify(employer.dn("sean"), {"sn": "Other"})
        plan = simulate()

        run = stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(run.pk, clock=Clock())
        run.refresh_from_db()

        assert run.state == RunState.APPLIED
        assert run.incomplete == plan.incomplete != []


class TestARunThatLeftSomebodyUncheckedOtherwise:
    def test_is_incomplete_where_a_referral_was_not_followed(self, employer: Employer) -> None:
        employer.hires("mia")
        user("mia", last_name="Mia")
        user("sean")
        referral = {"objectClass": ["referral", "extensibleObject"], "ref": "ldap://elsewhere.example.com/ou=a,dc=a"}
        employer.directory.add(f"ou=away,{employer.directory.base}", referral)
        employer.server()

        run = simulate()

        assert change_of(run, "sean").outcome == Outcome.NOT_CHECKED
        [part] = run.incomplete
        assert (part["server"], part["users"]) == ("Corp", 1)
        assert "elsewhere.example.com" in part["reason"]


def page_of(client: Client, address: str) -> str:
    with time_machine.travel(NOON):
        return client.get(address).content.decode()
