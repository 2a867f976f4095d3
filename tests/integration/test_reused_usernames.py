"""A username that has passed to another person: the leaver leaves, and the newcomer gets nothing of the leaver's account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.models import Match, Run, RunState, StoredEntry
from directory.sync.identify import known_ids
from directory.values.plan import Outcome
from orgs.actions.users import user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.worlds import NOON, again, change_of, device, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
JOHN = {"givenName": "John", "sn": "Smith", "mail": "john@example.com"}
MALLORY = {"givenName": "Mallory", "sn": "Jones"}


def named(username: str) -> User:
    found: User = User.objects.get(username=username)
    return found


@pytest.fixture
def john(employer: Employer) -> User:
    """A user who has been found in the directory, with a few colleagues."""
    for name in ("john", "kim", "lee"):
        employer.hires(name, **(JOHN if name == "john" else {}))
        user(name)
    employer.server()
    simulate_and_sync()
    return named("john")


@pytest.fixture
def branch() -> Iterator[Employer]:
    """A second directory."""
    with Directory() as directory:
        yield Employer(directory)


def replaced(employer: Employer, **newcomer: str) -> None:
    """Have John leave, and another person get the username."""
    employer.directory.delete(employer.dn("john"))
    employer.hires("john", **{**MALLORY, **newcomer})


def is_listed(run: Run) -> bool:
    return any("Another person with this username" in warning for warning in change_of(run, "john").warnings)


class TestAReusedUsername:
    @pytest.mark.parametrize("mail", ["john@example.com", "mallory@example.com"])
    @pytest.mark.parametrize("status", ["active", "inactive"])
    def test_cuts_the_leaver_off_and_gives_the_newcomer_nothing(
        self, employer: Employer, john: User, mail: str, status: str
    ) -> None:
        laptop = device(john)
        before = Match.objects.get(user=john).unique_id
        replaced(employer, mail=mail, employeeType=status, title="Org Admin")

        run = sync()

        assert run.state == RunState.APPLIED
        assert change_of(run, "john").actions == ["block", "deactivate"]
        assert is_listed(run)
        left = again(john)
        assert (left.active, left.last_name, left.email) == (False, "Smith", "john@example.com")
        assert not left.roles.exists()
        laptop.refresh_from_db()
        assert not laptop.active
        assert Match.objects.get(user=john).unique_id == before

    def test_is_listed_in_every_run_until_the_username_is_free(self, employer: Employer, john: User) -> None:
        replaced(employer)
        sync()

        run = sync()

        assert change_of(run, "john").outcome == Outcome.UNCHANGED
        assert is_listed(run)
        user_profiles.update_profiles(
            profiles={john.pk: Profile("john#1", "john@example.com", "John", "Smith")}, by=SYSTEM, at=NOON
        )
        run = sync()
        assert not run.changes.filter(user=john).exists()

    def test_is_nothing_to_the_leaver_who_is_there_under_another_name(self, employer: Employer, john: User) -> None:
        employer.directory.rename(employer.dn("john"), "uid=john.smith")
        employer.hires("john", **MALLORY)

        sync()

        assert (again(john).active, again(john).username) == (True, "john.smith")

    def test_is_nothing_to_the_leaver_who_is_on_another_server(
        self, employer: Employer, john: User, branch: Employer
    ) -> None:
        branch.server(name="Branch")
        branch.hires("johnny")
        simulate()
        known_ids.add([(john.pk, 0, StoredEntry.objects.get(server__name="Branch").unique_id)], at=NOON)
        replaced(employer)

        simulate_and_sync()

        assert again(john).active

    def test_is_not_concluded_from_names_that_are_not_known(self, employer: Employer, john: User) -> None:
        user_profiles.update_profiles(profiles={john.pk: Profile("john")}, by=SYSTEM, at=NOON)
        replaced(employer)

        run = sync()

        assert change_of(run, "john").outcome == Outcome.CONFLICT
        assert again(john).active

    def test_of_a_restored_directory_changes_nobody_who_has_the_same_name(self, employer: Employer, john: User) -> None:
        replaced(employer, **JOHN)

        run = sync()

        assert again(john).active
        assert change_of(run, "john").warnings[0].startswith("The immutable id was ")
        assert not sync().changes.exists()

    def test_of_two_people_is_a_conflict(self, employer: Employer, john: User) -> None:
        replaced(employer)
        person = {"objectClass": "inetOrgPerson", "uid": "john", "cn": "other", **JOHN}
        employer.directory.add(f"cn=other,{employer.directory.base}", person)

        run = sync()

        assert change_of(run, "john").outcome == Outcome.CONFLICT


class TestAnotherUserWhoGetsTheUsernameOfALeaver:
    def test_does_not_keep_the_leaver_active(self, employer: Employer, john: User) -> None:
        kim = named("kim")
        employer.directory.delete(employer.dn("john"))
        employer.directory.rename(employer.dn("kim"), "uid=john")

        run = sync()

        assert change_of(run, "john").actions == ["block", "deactivate"]
        assert is_listed(run)
        assert change_of(run, "kim").outcome == Outcome.CONFLICT
        assert (again(kim).active, again(kim).username) == (True, "kim")

    def test_is_cut_off_when_the_scripts_say_so(self, employer: Employer, john: User) -> None:
        employer.directory.delete(employer.dn("john"))
        employer.directory.rename(employer.dn("kim"), "uid=john")
        employer.directory.modify(employer.dn("john"), {"employeeType": "inactive"})

        run = sync()

        assert change_of(run, "kim").actions == ["block", "deactivate"]

    def test_is_a_conflict_where_both_have_the_same_name(self, employer: Employer, john: User) -> None:
        employer.directory.modify(employer.dn("kim"), {**JOHN, "mail": "kim@example.com"})
        sync()
        employer.directory.delete(employer.dn("john"))
        employer.directory.rename(employer.dn("kim"), "uid=john")

        run = sync()

        assert change_of(run, "john").outcome == Outcome.CONFLICT
        assert again(john).active

    def test_is_a_conflict_where_no_id_of_the_leaver_is_known(self, employer: Employer, john: User) -> None:
        user("tom")
        employer.directory.rename(employer.dn("kim"), "uid=tom")

        run = sync()

        assert [change_of(run, name).outcome for name in ("tom", "kim")] == [Outcome.CONFLICT] * 2


def test_a_simulation_says_the_same(employer: Employer, john: User) -> None:
    replaced(employer)

    run = simulate()

    assert change_of(run, "john").actions == ["block", "deactivate"]
    assert any("Asked Corp again" in step for step in change_of(run, "john").steps)
    assert again(john).active


def test_an_entry_that_only_the_directory_takes_for_the_user_is_a_conflict(employer: Employer) -> None:
    """As with Renée, whom Active Directory finds under renee: slapd compares telephone numbers without blanks."""
    employer.hires("kim", telephoneNumber="77")
    employer.hires("lee", telephoneNumber="12 345")
    user("77")
    lee = user("12345")
    employer.server(username_attribute="telephoneNumber")

    run = simulate_and_sync()

    assert change_of(run, "12345").outcome == Outcome.CONFLICT
    assert "rename the user" in change_of(run, "12345").steps[0]
    assert again(lee).active
