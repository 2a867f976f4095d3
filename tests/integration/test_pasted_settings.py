"""What is tried out, what is stored and what a sync asks are one: also a filter that is typed on four lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from directory.models import LdapServer, RunState
from tests.attacks.forms import as_sent
from tests.directories import Directory, people
from tests.makers import make_sysadmin, signed_in
from tests.worlds import ldap_server, simulate

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 12
# Two of the people, named as an administrator lays a filter out; a browser sends CR LF.
LINES = "(&\r\n  (objectClass=inetOrgPerson)\r\n\t(uid=*)\r\n  (mail=*))"
ONE_LINE = "(&(objectClass=inetOrgPerson)(uid=*)(mail=*))"
BASE = " dc=example,\r\n  dc=com\r\n"


@pytest.fixture(scope="module")
def company() -> Iterator[Directory]:
    with Directory(ldif=people(PEOPLE)) as directory:
        yield directory


def _entries(server: LdapServer) -> int:
    run = simulate(server)
    assert run.state == RunState.PLANNED, run.error
    return run.readings.get().entries


def test_the_page_tries_stores_and_reads_one_filter(company: Directory) -> None:
    server = ldap_server(company.url, search_filter="(uid=nobody)")
    client = signed_in(make_sysadmin())
    form = as_sent(client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"])
    given: dict[str, Any] = form | {"search_filter": LINES, "search_base": BASE}

    tried = client.post(reverse("ldap_servers:test-connection", args=[server.pk]), given).content.decode()
    searched = client.post(reverse("ldap_servers:test-search", args=[server.pk]), given)
    saved = client.post(reverse("ldap_servers:edit", args=[server.pk]), given)

    assert f"{PEOPLE} entries found" in tried
    assert len(searched.context["entries"]) == 10
    assert saved.status_code == 302
    server.refresh_from_db()
    assert (server.search_filter, server.search_base) == (ONE_LINE, "dc=example,dc=com")
    assert _entries(server) == PEOPLE


def test_the_command_line_stores_and_reads_the_same(company: Directory, tmp_path: Path) -> None:
    file = tmp_path / "corp.json"
    server = {"name": "Corp", "orgs": ["Default"], "urls": [f" {company.url}\r"]}
    file.write_text(json.dumps(server | {"search_base": BASE, "search_filter": LINES}))

    call_command("ldapserver", "apply", str(file))

    stored = LdapServer.objects.get(name="Corp")
    assert (stored.search_filter, stored.search_base, stored.urls) == (ONE_LINE, "dc=example,dc=com", [company.url])
    assert _entries(stored) == PEOPLE


def test_a_filter_that_was_stored_on_several_lines_is_read_as_one_and_stays_as_it_is(company: Directory) -> None:
    server = ldap_server(company.url)
    LdapServer.objects.filter(pk=server.pk).update(search_filter=LINES, search_base="dc=example, dc=com")
    server.refresh_from_db()
    digest = server.configuration_digest

    assert _entries(server) == PEOPLE
    server.refresh_from_db()
    assert server.search_filter == LINES
    assert server.configuration_digest == digest
