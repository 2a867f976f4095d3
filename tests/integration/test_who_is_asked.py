"""Which org asks which LDAP servers is part of the configuration that has to have been simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from directory.actions import servers, stored_plans
from directory.models import LdapServer, Run, RunServer, RunState
from directory.org_scope import org_lists_digests
from orgs.actions import orgs as org_actions
from orgs.actions.errors import Refused
from orgs.models import Org, User
from orgs.rules.actors import SYSTEM, Actor
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import NOON, again, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db

ANYTHING = {"limit_deactivations_percent": 100, "limit_org_deactivations_percent": 100, "limit_entries_percent": 1}
UNSEEN = "or with these orgs that ask it"


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


@pytest.fixture
def people(employer: Employer, branch: Employer) -> list[User]:
    """Five of Corp and nine of Branch, all of one org that asks both, synchronized once."""
    org("Lyon")
    corp, other = [f"corp{number}" for number in range(5)], [f"branch{number}" for number in range(9)]
    for name in corp:
        employer.hires(name)
    for name in other:
        branch.hires(name)
    found = [user(name) for name in corp + other]
    employer.server(**ANYTHING)
    branch.server(name="Branch", **ANYTHING)
    assert simulate_and_sync().state == RunState.APPLIED
    return found


def named(name: str) -> LdapServer:
    return LdapServer.objects.get(name=name)


def taken_away() -> None:
    servers.save(server=named("Branch"), values={}, orgs=[], by=SYSTEM, at=NOON)


def deleted() -> None:
    servers.delete(server=named("Branch"), by=SYSTEM, at=NOON)


def reordered() -> None:
    servers.reorder(ids=[named("Branch").pk, named("Corp").pk], by=SYSTEM, at=NOON)


def an_own_list() -> None:
    servers.save(server=named("Branch"), values={}, orgs=[org("Default"), org("Lyon")], by=SYSTEM, at=NOON)


def managed_locally() -> None:
    org_actions.change(org=org("Lyon"), directory_service="local", by=SYSTEM, at=NOON)


CHANGES = [taken_away, deleted, reordered, an_own_list, managed_locally]


@pytest.mark.parametrize("change", CHANGES)
class TestAChange:
    def test_holds_the_next_real_run_back_until_it_is_simulated(
        self, people: list[User], change: Callable[[], None]
    ) -> None:
        change()

        held = sync()
        simulate()
        allowed = sync()

        assert held.state == RunState.HELD_BACK
        assert any(UNSEEN in reason for reason in held.held_back)
        assert not any(UNSEEN in reason for reason in allowed.held_back)

    def test_is_not_survived_by_a_plan_of_before(self, people: list[User], change: Callable[[], None]) -> None:
        plan = simulate()

        change()

        with pytest.raises(Refused, match="since the plan was made: simulate again"):
            stored_plans.apply_plan(run=plan, by=Actor("ada"), at=NOON, wake=False)


def test_nobody_is_cut_off_by_a_neighbour_that_is_deleted(people: list[User]) -> None:
    deleted()

    sync()

    assert all(again(each).active for each in people)


def test_an_org_that_inherits_everything_changes_nothing(people: list[User]) -> None:
    before = org_lists_digests()

    made = org_actions.create(name="New", parent=Org.objects.get(name="Default"), by=SYSTEM, at=NOON)
    org_actions.set_active(org=made, active=False, by=SYSTEM, at=NOON)

    assert org_lists_digests() == before
    assert sync().state == RunState.APPLIED


def test_runs_that_did_not_note_it_count_until_the_first_that_did(people: list[User]) -> None:
    RunServer.objects.update(org_lists_digest="")

    assert sync().state == RunState.APPLIED
    reordered()
    assert sync().state == RunState.HELD_BACK


def test_a_plan_that_did_not_note_it_can_be_applied(people: list[User]) -> None:
    plan = simulate()
    RunServer.objects.update(org_lists_digest="")

    stored_plans.apply_plan(run=plan, by=Actor("ada"), at=NOON, wake=False)

    assert Run.objects.latest("pk").state == RunState.APPLYING
