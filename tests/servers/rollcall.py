"""Rollcall beside a company's directory: its users, runs that may read only changes, and what a full reading still wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from directory.models import Run, RunServer, RunState, StoredEntry
from directory.values.plan import Cause, Outcome
from orgs.models import User
from tests.histories.world import rolled_back
from tests.servers.acts import Act
from tests.servers.company import PEOPLE, Company
from tests.worlds import NO_LIMITS, ldap_server, org, simulate_and_sync, sync, user

# So rarely that no life of a company comes to it.
FULL_READING_EVERY = 100


class Rollcall:
    """Users who follow one company's directory."""

    def __init__(self, company: Company, **settings: object) -> None:
        self.company = company
        for name in ("Staff", "Sales", "Vertrieb"):
            org(name)
        self.users: dict[str, int] = {}
        self.arrive(PEOPLE)
        directory = company.directory
        self.server = ldap_server(
            company.read_at or directory.url,
            **{
                "search_base": company.base,
                "bind_dn": directory.reader_dn,
                "bind_password": directory.reader_password,
                "full_reading_every": FULL_READING_EVERY,
                "page_size": 5,
                **NO_LIMITS,
                **company.settings,
                **company.read_with,
                **settings,
            },
        )

    def begins(self) -> Run:
        """Read everything for the first time."""
        run = simulate_and_sync()
        assert run.state == RunState.APPLIED, (run.state, run.error, run.held_back)
        assert not planned_changes(), planned_changes()
        return run

    def arrive(self, names: Iterable[str]) -> None:
        """Make users who stand in the directory by now."""
        for name in names:
            first, last = name.title(), f"{name.title()}son"
            made = user(
                name, org_name=PEOPLE.get(name, "Staff"), first_name=first, last_name=last, email=f"{name}@example.com"
            )
            self.users[name] = made.pk

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what each user is, by the username that they began with."""
        found = User.objects.filter(pk__in=self.users.values()).select_related("org").prefetch_related("roles")
        by_id = {each.pk: each for each in found}
        return {
            name: {
                "username": by_id[pk].username,
                "last_name": by_id[pk].last_name,
                "active": by_id[pk].active,
                "org": by_id[pk].org.name,
                "administrator": "Org Admin" in {role.name for role in by_id[pk].roles.all()},
            }
            for name, pk in self.users.items()
        }

    def reads(self, *, incremental: bool) -> RunServer:
        """Carry a run out and return what it read."""
        run = sync(incremental=incremental)
        assert run.state == RunState.APPLIED, (run.state, run.error, run.held_back)
        reading = run.readings.get()
        assert reading.complete, reading.error
        return reading

    def does(self, act: Act, *, incremental: bool) -> RunServer:
        """Have an act happen and read it, then make sure that users are what they should be and nothing more is wanted."""
        before = self.facts()
        act.happens(self.company)
        self.arrive(act.newcomers)
        reading = self.reads(incremental=incremental)
        left = planned_changes()
        absent = {name for name, cause in left if cause == Cause.ABSENT}
        assert [each for each in left if each[1] != Cause.ABSENT] == []
        gone = () if not incremental else act.absent
        assert absent <= {before[name]["username"] for name in gone}
        expected = expectation(before, act, self.company, full=not reading.since)
        assert self.facts() == expected
        dns = set(StoredEntry.objects.values_list("dn", flat=True))
        assert {plain(dn) for dn in self.company.dns.values()} <= {plain(dn) for dn in dns}
        return reading


def expectation(
    before: Mapping[str, Mapping[str, Any]], act: Act, company: Company, *, full: bool
) -> dict[str, dict[str, Any]]:
    """Return what everybody is after an act."""
    after = {name: dict(facts) for name, facts in before.items()}
    nested = {name: changed for name, changed in act.nested.items() if company.names_groups_of_groups(name)}
    for name, changed in (*act.expected.items(), *nested.items()):
        after.setdefault(name, {}).update(changed)
    if full:
        for name in act.absent:
            after[name]["active"] = False
    return after


def planned_changes() -> list[tuple[str, str]]:
    """Return whom a simulation of everything would change, with the cause; it leaves no trace."""
    with rolled_back():
        run = sync(simulated=True)
        assert run.state == RunState.PLANNED, (run.state, run.error)
        found = run.changes.filter(outcome=Outcome.PLANNED)
        return sorted(found.values_list("username", "cause"))


def plain(dn: str) -> str:
    """Return a DN as it is compared here."""
    return dn.lower().replace("\\2c", "\\,").replace(", ", ",")
