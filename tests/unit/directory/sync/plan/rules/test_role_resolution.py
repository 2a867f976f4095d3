"""Which roles the answer of a role name script means: what a server may grant, what is held, and the org's defaults."""

from __future__ import annotations

import pytest

from directory.sync.plan.rules import role_resolution
from directory.sync.plan.rules.role_resolution import Resolved
from directory.values.plan import OrgFacts
from tests.unit.directory.sync.plan.rules.facts import CONTEXT, DEFAULT

BY = role_resolution.granting(1, "Corp", CONTEXT)
NOBODY: frozenset[str] = frozenset()
WITH_SYSADMIN = OrgFacts(5, "Admins", frozenset({"SYSADMIN", "PROe User"}))


def resolved(returned: tuple[str, ...] | None, *current_roles: str, org: OrgFacts = DEFAULT) -> Resolved:
    return role_resolution.resolve(returned, current_roles=frozenset(current_roles), org=org, by=BY)


class TestWhatTheScriptSays:
    def test_is_taken_in_any_spelling(self) -> None:
        assert resolved(("ORG ADMIN", " proe user ")).roles == frozenset({"Org Admin", "PROe User"})

    def test_may_be_nothing_so_that_roles_stay(self) -> None:
        found = resolved(None, "SYSADMIN")

        assert found.roles is None
        assert found.steps == ["The role name script leaves roles alone."]

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("Wizard", "There is no role Wizard"),
            ("", "There is no role (an empty name)"),
            ("SYSADMIN", "Corp may not grant the role SYSADMIN"),
        ],
    )
    def test_is_left_out_where_it_can_not_be_given(self, name: str, problem: str) -> None:
        found = resolved((name, "Org Admin"))

        assert found.roles == frozenset({"Org Admin"})
        assert found.warnings == [problem]
        assert f"{problem}: left out." in found.steps

    def test_leaves_a_role_that_the_user_holds_though_the_server_may_not_grant_it(self) -> None:
        assert resolved(("SYSADMIN",), "SYSADMIN").roles == frozenset({"SYSADMIN"})

    def test_takes_nobody_all_roles_because_none_could_be_given(self) -> None:
        found = resolved(("Wizard",), "PROe User")

        assert found.roles is None
        assert found.steps[-1] == "No role is left to give, so roles are left alone."

    def test_in_an_empty_list_asks_for_the_orgs_default_roles(self) -> None:
        assert resolved(()).roles == DEFAULT.default_roles


class TestADefaultRoleThatHoldsAdmin:
    def test_takes_the_servers_leave(self) -> None:
        found = resolved((), org=WITH_SYSADMIN)

        assert found.roles == frozenset({"PROe User"})
        assert found.warnings == ["Corp may not grant SYSADMIN, a default role of Admins"]

    def test_stays_with_who_has_it(self) -> None:
        assert resolved((), "SYSADMIN", org=WITH_SYSADMIN).roles == frozenset({"SYSADMIN", "PROe User"})


class TestANewUser:
    def test_begins_with_the_default_roles_where_a_sync_would_leave_roles_alone(self) -> None:
        for returned in (None, ("Wizard",)):
            found = role_resolution.of_new_user(returned, org=DEFAULT, by=BY)

            assert found.roles == DEFAULT.default_roles
            assert found.steps[-1] == "A new user begins with the default roles of Default."

    def test_gets_what_the_script_says_and_no_default_beside_it(self) -> None:
        assert role_resolution.of_new_user(("Org Admin",), org=DEFAULT, by=BY).roles == frozenset({"Org Admin"})


def test_a_server_without_a_list_may_grant_nothing() -> None:
    by = role_resolution.granting(9, "Other", CONTEXT)

    assert role_resolution.resolve(("PROe User",), current_roles=NOBODY, org=DEFAULT, by=by).roles is None
