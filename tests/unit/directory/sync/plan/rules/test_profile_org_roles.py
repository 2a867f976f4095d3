"""How names, org and roles follow the directory, each by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from directory.sync.plan.rules import profile_org_roles
from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.values.ldap import Identity
from directory.values.plan import Action, OrgFacts, Outcome
from directory.values.scripts import Verdict
from tests.unit.directory.sync.plan.rules.facts import CONTEXT, DEFAULT, HERE, SEAN, STAFF, found, known


def builder() -> ChangeBuilder:
    return ChangeBuilder(known(), SEAN)


class TestNames:
    def test_follow_the_entry(self) -> None:
        identity = Identity("uid=x", "", ("sryan",), ("s.ryan@example.com",), "S.", "Ryan-Hill")

        assert profile_org_roles.names(SEAN, identity) == {
            "username": "sryan",
            "email": "s.ryan@example.com",
            "first_name": "S.",
            "last_name": "Ryan-Hill",
        }

    def test_stay_where_the_entry_has_none(self) -> None:
        kept = profile_org_roles.names(SEAN, Identity("uid=x", "", ()))

        assert kept == {name: getattr(SEAN, name) for name in ("username", "email", "first_name", "last_name")}

    def test_of_several_are_the_one_in_use(self) -> None:
        assert profile_org_roles.names(SEAN, replace(HERE, usernames=("sryan", "SEAN")))["username"] == "SEAN"

    def test_are_cut_to_what_a_column_holds(self) -> None:
        names = profile_org_roles.names(SEAN, replace(HERE, usernames=("x" * 300,), first_name="y" * 300))

        assert (len(names["username"]), len(names["first_name"])) == (255, 255)


class TestAUsername:
    def test_that_is_taken_is_a_conflict(self) -> None:
        clash = profile_org_roles.profile(builder(), replace(HERE, usernames=("mia",)), {"mia"})

        assert clash is not None
        assert clash.outcome is Outcome.CONFLICT

    def test_in_another_letter_case_is_no_rename(self) -> None:
        change = builder()

        assert profile_org_roles.profile(change, replace(HERE, usernames=("Sean",)), ()) is None
        assert change.actions == [Action.PROFILE]
        assert change.after.username == "Sean"


class TestAnAddress:
    def test_that_is_none_is_told_and_the_present_one_stays(self) -> None:
        change = builder()

        profile_org_roles.profile(change, replace(HERE, emails=("no address",)), ())

        assert change.actions == []
        assert change.warnings == ["The directory's email address no address is none: sean@example.com stays"]

    @pytest.mark.parametrize("emails", [(), ("sean@example.com",), ("no address", "sean@example.com")])
    def test_that_is_fine_or_missing_is_not(self, emails: tuple[str, ...]) -> None:
        assert profile_org_roles.no_address(SEAN.email, replace(HERE, emails=emails)) == ""


class TestAnOrg:
    def test_that_the_script_names_is_where_the_user_ends_up(self) -> None:
        change = builder()

        assert profile_org_roles.org(change, found(), Verdict(org_name="STAFF"), CONTEXT) == STAFF
        assert (change.actions, change.after.org) == ([Action.MOVE], "Staff")

    def test_stays_where_the_script_names_none(self) -> None:
        change = builder()

        assert profile_org_roles.org(change, found(), Verdict(), CONTEXT) == DEFAULT
        assert change.actions == []

    def test_that_is_not_there_is_told_and_noted(self) -> None:
        change = builder()

        assert profile_org_roles.org(change, found(), Verdict(org_name="Nowhere"), CONTEXT) == DEFAULT
        assert (change.actions, change.unknown_org) == ([], "Nowhere")
        assert change.warnings == ["There is no org Nowhere, and a sync creates none: stays in Default"]

    def test_that_does_not_ask_the_server_gets_nobody_from_it(self) -> None:
        """The next sync would not find the user there, and deactivate."""
        change = builder()
        elsewhere = replace(STAFF, servers=(2,))
        context = replace(CONTEXT, orgs={"default": DEFAULT, "staff": elsewhere})

        assert profile_org_roles.org(change, found(), Verdict(org_name="Staff"), context) == DEFAULT
        assert change.warnings == ["Staff does not ask Corp, where this user is: stays in Default"]

    def test_that_was_changed_meanwhile_decides_nothing(self) -> None:
        renamed = replace(CONTEXT, orgs={"main": replace(DEFAULT, name="Main")})

        assert profile_org_roles.org(builder(), found(), Verdict(org_name="Staff"), renamed) is None

    def test_without_ldap_is_told_that_no_sync_looks_after_its_users(self) -> None:
        change = builder()

        profile_org_roles.org(change, found(), Verdict(org_name="Archive"), CONTEXT)

        assert change.after.org == "Archive"
        assert "no sync will look after this user there" in change.warnings[0]


class TestAMoveThatMakesARoleReachFurther:
    """A role that allows something in the user's org and below it reaches further in an org elsewhere in the tree."""

    HOLDER = replace(SEAN, roles=frozenset({"Auditor"}))
    BELOW = OrgFacts(6, "Team", servers=(1,), path="00010001")
    BESIDE = OrgFacts(7, "Sales", servers=(1,), path="0002")
    CONTEXT = replace(
        CONTEXT,
        orgs={"default": replace(DEFAULT, path="0001"), "team": BELOW, "sales": BESIDE},
        roles={"auditor": "Auditor"},
        org_roles=frozenset({"Auditor"}),
    )

    def test_takes_the_servers_leave(self) -> None:
        change = ChangeBuilder(known(self.HOLDER), self.HOLDER)

        profile_org_roles.org(change, found(), Verdict(org_name="Sales"), self.CONTEXT)

        assert change.actions == []
        assert change.warnings == ["Auditor would reach further in Sales, and Corp may not grant it: stays in Default"]

    @pytest.mark.parametrize("verdict", [Verdict(org_name="Team"), Verdict(org_name="Sales", roles=())])
    def test_does_not_where_it_reaches_no_further_or_is_lost(self, verdict: Verdict) -> None:
        change = ChangeBuilder(known(self.HOLDER), self.HOLDER)

        profile_org_roles.org(change, found(), verdict, self.CONTEXT)

        assert change.actions == [Action.MOVE]

    def test_is_made_where_the_server_may_grant_the_role(self) -> None:
        change = ChangeBuilder(known(self.HOLDER), self.HOLDER)
        context = replace(self.CONTEXT, grantable={1: frozenset({"Auditor"})})

        profile_org_roles.org(change, found(), Verdict(org_name="Sales"), context)

        assert change.actions == [Action.MOVE]


class TestRoles:
    def test_are_changed_with_what_comes_and_what_goes(self) -> None:
        change = builder()

        profile_org_roles.roles(change, found(), DEFAULT, Verdict(roles=("Org Admin",)), CONTEXT)

        assert change.after.roles == {"Org Admin"}
        assert change.steps[-1] == "Roles changed: + Org Admin, - PROe User."

    def test_that_are_held_already_are_no_change(self) -> None:
        change = builder()

        profile_org_roles.roles(change, found(), DEFAULT, Verdict(roles=("PROe User",)), CONTEXT)

        assert change.actions == []
