"""What role names become, at a sync and for a new user."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.sync.plan.rules.role_resolution import Granting, resolve, resolve_new_user
from directory.values.plan import OrgFacts, PlanContext

ROLES = ("Auditor", "Org Admin", "PROe User", "SYSADMIN")
STAFF = OrgFacts(3, "Staff", frozenset({"PROe User", "SYSADMIN"}), servers=(1,))
CONTEXT = PlanContext(
    orgs={"staff": STAFF},
    roles={role.lower(): role for role in ROLES},
    admin_roles=frozenset({"SYSADMIN"}),
    grantable={1: frozenset({"PROe User", "Org Admin"})},
)
CORP = Granting.of_server(1, "Corp", CONTEXT)
NO_SERVER = Granting.of_no_server(CONTEXT, follows_ldap=True)
BY_HAND = Granting.of_no_server(CONTEXT, follows_ldap=False)
NOBODYS = frozenset[str]()

answers = st.none() | st.lists(st.sampled_from([*ROLES, "org admin", "Nothing", ""]), max_size=4).map(tuple)
some_roles = st.frozensets(st.sampled_from(ROLES))


class TestOfAUserWhoIsThere:
    def test_null_leaves_roles_alone(self) -> None:
        assert resolve(None, current_roles=frozenset({"Auditor"}), org=STAFF, by=CORP).roles is None

    def test_names_are_the_whole_set_of_roles_whatever_their_letter_case(self) -> None:
        found = resolve(
            ("org admin", " PROE USER ", "Org Admin"), current_roles=frozenset({"Auditor"}), org=STAFF, by=CORP
        )

        assert (found.roles, found.warnings) == (frozenset({"Org Admin", "PROe User"}), ())

    @pytest.mark.parametrize(
        ("name", "warning"),
        [
            ("Org Admn", "There is no role Org Admn"),
            ("", "There is no role (an empty name)"),
            ("Auditor", "Corp may not grant the role Auditor"),
        ],
    )
    def test_what_cannot_be_given_is_left_out_with_a_warning(self, name: str, warning: str) -> None:
        found = resolve((name, "Org Admin"), current_roles=NOBODYS, org=STAFF, by=CORP)

        assert (found.roles, found.warnings) == (frozenset({"Org Admin"}), (warning,))
        assert f"{warning}: left out." in found.steps

    def test_a_role_that_the_user_holds_needs_no_servers_leave(self) -> None:
        found = resolve(("Auditor",), current_roles=frozenset({"Auditor"}), org=STAFF, by=CORP)

        assert (found.roles, found.warnings) == (frozenset({"Auditor"}), ())

    def test_where_no_role_is_left_to_give_roles_are_left_alone(self) -> None:
        found = resolve(("Org Admn", "Auditor"), current_roles=NOBODYS, org=STAFF, by=CORP)

        assert found.roles is None
        assert found.steps[-1] == "No role is left to give, so roles are left alone."

    def test_an_empty_list_stands_for_the_orgs_default_roles_but_for_admin_ones_that_the_server_may_not_grant(
        self,
    ) -> None:
        found = resolve((), current_roles=NOBODYS, org=STAFF, by=CORP)

        assert found.roles == frozenset({"PROe User"})
        assert found.warnings == ("Corp may not grant SYSADMIN, a default role of Staff",)

    def test_a_default_role_that_holds_no_admin_needs_no_servers_leave(self) -> None:
        org = OrgFacts(3, "Staff", frozenset({"Auditor"}))

        assert resolve((), current_roles=NOBODYS, org=org, by=CORP).roles == frozenset({"Auditor"})

    def test_a_default_role_that_holds_admin_stays_with_who_has_it(self) -> None:
        found = resolve((), current_roles=frozenset({"SYSADMIN"}), org=STAFF, by=CORP)

        assert (found.roles, found.warnings) == (frozenset({"PROe User", "SYSADMIN"}), ())


class TestOfANewUser:
    @pytest.mark.parametrize("returned", [None, (), ("Nothing",)])
    def test_are_the_orgs_default_roles_where_the_script_gives_none(self, returned: tuple[str, ...] | None) -> None:
        found = resolve_new_user(returned, chosen=None, org=STAFF, by=CORP)

        assert found.roles == frozenset({"PROe User"})
        assert found.warnings[-1] == "Corp may not grant SYSADMIN, a default role of Staff"

    def test_are_those_chosen_by_hand_where_the_script_leaves_roles_alone(self) -> None:
        found = resolve_new_user(None, chosen=frozenset({"Auditor"}), org=STAFF, by=CORP)

        assert (found.roles, found.warnings) == (frozenset({"Auditor"}), ())

    def test_are_those_of_the_script_although_others_were_chosen_by_hand(self) -> None:
        found = resolve_new_user(("Org Admin",), chosen=frozenset({"Auditor"}), org=STAFF, by=CORP)

        assert found.roles == frozenset({"Org Admin"})
        assert found.warnings == ("the role name script of Corp decides, so Auditor is left out",)

    def test_whom_no_server_has_found_are_the_default_roles_without_admin(self) -> None:
        found = resolve_new_user(None, chosen=None, org=STAFF, by=NO_SERVER)

        assert found.roles == frozenset({"PROe User"})
        assert found.warnings == (
            "no LDAP server that may grant SYSADMIN has found this user, so this default role of Staff is left out",
        )

    def test_of_an_org_that_is_managed_locally_are_all_its_default_roles(self) -> None:
        found = resolve_new_user(None, chosen=None, org=STAFF, by=BY_HAND)

        assert (found.roles, found.warnings) == (STAFF.default_roles, ())

    @pytest.mark.parametrize("chosen", [None, frozenset({"PROe User", "SYSADMIN"})], ids=["by default", "chosen"])
    def test_are_none_that_the_acting_person_may_not_give(self, chosen: frozenset[str] | None) -> None:
        by = BY_HAND._replace(withheld={"SYSADMIN": "admin"})

        found = resolve_new_user(None, chosen=chosen, org=STAFF, by=by)

        assert found.roles == frozenset({"PROe User"})
        assert found.warnings == ("you do not hold all that SYSADMIN does (admin), so the role is left out",)


@given(returned=answers, current_roles=some_roles, withheld=some_roles, chosen=st.none() | some_roles)
def test_nobody_gets_a_role_that_neither_server_nor_defaults_nor_the_acting_person_give(
    returned: tuple[str, ...] | None,
    current_roles: frozenset[str],
    withheld: frozenset[str],
    chosen: frozenset[str] | None,
) -> None:
    by = CORP._replace(withheld=dict.fromkeys(withheld, "something"))

    synced = resolve(returned, current_roles=current_roles, org=STAFF, by=CORP).roles or current_roles
    new = resolve_new_user(returned, chosen=chosen, org=STAFF, by=by).roles

    may_give = CORP.grantable | (STAFF.default_roles - CORP.admin_roles)
    assert synced <= may_give | current_roles
    assert new is not None
    assert new <= (may_give | (chosen or NOBODYS)) - withheld
