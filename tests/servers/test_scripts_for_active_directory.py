"""The scripts of docs/directories.md on a Samba domain controller, word for word as they stand there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import ldap
import pytest

from directory.models import RunState
from orgs.models import Org, User
from tests.servers import active_directory
from tests.servers.active_directory import Domain
from tests.servers.company import LOCKED_SECONDS
from tests.servers.rollcall import Rollcall, planned_changes
from tests.servers.table import PAGE
from tests.worlds import org, simulate_and_sync, sync

pytestmark = [pytest.mark.django_db, pytest.mark.once]
EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
NEVER = "9223372036854775807"


def scripts_under(title: str) -> dict[str, str]:
    """Return the scripts under a heading of the page, as fields of an LDAP server."""
    section = PAGE.read_text().split(f"\n### {title}\n")[1].split("\n### ")[0].split("\n## ")[0]
    found = re.findall(r"```js (active|org name|role name)\n(.*?)```", section, re.DOTALL)
    assert found, title
    return {f"{kind.replace(' ', '_')}_script": text for kind, text in found}


@pytest.fixture
def company() -> Iterator[Domain]:
    with active_directory.domain() as found:
        yield found


def begin(company: Domain, title: str, **settings: Any) -> Rollcall:
    """Have Rollcall read the company with the scripts under a heading."""
    rollcall = Rollcall(company, **{"org_name_script": "", "role_name_script": "", **scripts_under(title), **settings})
    run = simulate_and_sync()
    assert run.state == RunState.APPLIED, (run.error, run.held_back)
    assert run.counts["scriptErrors"] == 0
    return rollcall


def roles_of(rollcall: Rollcall, name: str) -> set[str]:
    return set(User.objects.get(pk=rollcall.users[name]).roles.values_list("name", flat=True))


def filetime(at: datetime) -> str:
    return str(int((at - EPOCH) / timedelta(microseconds=1)) * 10)


def test_who_has_expired_is_inactive_and_never_means_never(company: Domain) -> None:
    now = datetime.now(UTC)
    expires = {
        "ada": "0",
        "bo": NEVER,
        "cyd": filetime(now - timedelta(days=1)),
        "dee": filetime(now + timedelta(days=1)),
    }
    for name, value in expires.items():
        company.directory.modify(company.dns[name], {"accountExpires": value})
    company.disables("eve")

    rollcall = begin(company, "An account that has expired is inactive")

    active = {name: facts["active"] for name, facts in rollcall.facts().items()}
    assert active == {**dict.fromkeys(active, True), "cyd": False, "eve": False}


def test_a_group_is_known_by_its_whole_name(company: Domain) -> None:
    for name, member in (("Help Desk, Berlin", "ada"), ("Help Desk, Berlin (old)", "bo"), ("Help Desk", "cyd")):
        company.makes_group(name, [member])

    rollcall = begin(company, "One group, and no other of a similar name")

    assert roles_of(rollcall, "ada") == {"PROe User", "Org Help Desk"}
    assert roles_of(rollcall, "bo") == roles_of(rollcall, "cyd") == roles_of(rollcall, "dee") == {"PROe User"}


def test_the_org_is_the_department_or_the_ou_commas_and_all(company: Domain) -> None:
    research, remote = "Research, Development", "Sales, Remote"
    for name in (research, remote):
        org(name)
    company.directory.modify(company.dns["ada"], {"department": research})
    company.directory.add(f"OU=Sales\\, Remote,{company.base}", {"objectClass": "organizationalUnit"})
    company.directory.rename(company.dns["bo"], "CN=Boson\\, Bo", parent=f"OU=Sales\\, Remote,{company.base}")

    rollcall = begin(company, "The org by department, and where there is none by OU")

    placed = {name: facts["org"] for name, facts in rollcall.facts().items()}
    assert (placed["ada"], placed["bo"], placed["cyd"], placed["eve"]) == (research, remote, "Staff", "Sales")
    assert Org.objects.named(research).exists()


def test_groups_in_groups_and_the_primary_group_count(company: Domain) -> None:
    company.makes_group("Backup Admins", ["cyd"])
    company.nests_group("night", "helpdesk")
    company.nests_group("helpdesk", "Backup Admins")

    rollcall = begin(company, "Groups in groups", resolve_groups=True)

    for name in ("ada", "bo", "cyd", "gus", "hal"):
        assert roles_of(rollcall, name) == {"Org Admin", "PROe User"}, name
    assert roles_of(rollcall, "eve") == {"PROe User"}


def test_a_locked_account_is_inactive_until_its_time_has_passed(company: Domain) -> None:
    rollcall = begin(company, "A locked account is inactive until it is unlocked")
    company.locks("fay")
    sync()
    assert not rollcall.facts()["fay"]["active"]

    time.sleep(LOCKED_SECONDS + 1)
    sync()

    assert rollcall.facts()["fay"]["active"]
    assert not planned_changes()
    with company.directory.administrator() as connection:
        [(_, entry)] = connection.search_s(company.dns["fay"], ldap.SCOPE_BASE, attrlist=["lockoutTime"])
    assert entry["lockoutTime"] != [b"0"]
