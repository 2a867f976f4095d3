"""Nobody gives an account more than they hold: the rule over permission sets, org by org."""

from __future__ import annotations

import pytest

from orgs.models import Org
from orgs.permissions import STANDARD_ROLES
from orgs.rules.permission_comparison import EVERYWHERE, NOTHING, Holding, beyond, within

TOP, LEFT, LEFT_LOWER, RIGHT = "0001", "00010001", "000100010001", "00010002"


def of(*roles: str, org: str = LEFT) -> Holding:
    """Return what somebody with these standard roles holds."""
    return Holding(frozenset(key.value for role in roles for key in STANDARD_ROLES[role]), org)


def keys(*permissions: str, org: str = LEFT) -> Holding:
    return Holding(frozenset(permissions), org)


@pytest.mark.parametrize("role", STANDARD_ROLES)
@pytest.mark.parametrize("org", [LEFT, LEFT_LOWER])
def test_a_role_may_be_given_by_whoever_holds_it_in_their_org_and_below(role: str, org: str) -> None:
    assert beyond(of(role), of(role, org=org)) == ()


@pytest.mark.parametrize("role", ["Org Admin", "Org Help Desk", "Org Manager"])
@pytest.mark.parametrize("org", [TOP, RIGHT])
def test_a_permission_of_ones_own_org_does_not_reach_another(role: str, org: str) -> None:
    assert beyond(of(role), of(role, org=org))


@pytest.mark.parametrize("role", STANDARD_ROLES)
@pytest.mark.parametrize("org", [TOP, RIGHT, LEFT_LOWER])
def test_whoever_is_at_the_top_of_the_tree_gives_their_own_role_anywhere(role: str, org: str) -> None:
    assert len(TOP) == Org.steplen
    assert beyond(of(role, org=TOP), of(role, org=org)) == ()


@pytest.mark.parametrize("role", STANDARD_ROLES)
def test_a_sysadmin_gives_everything_and_nobody_else_gives_sysadmin(role: str) -> None:
    assert beyond(of("SYSADMIN"), of(role, org=TOP)) == ()
    assert bool(beyond(of(role), of("SYSADMIN"))) == (role != "SYSADMIN")


@pytest.mark.parametrize("role", ["PROe User", "Desktop User"])
def test_personal_permissions_may_be_given_by_whoever_makes_users(role: str) -> None:
    assert beyond(of("Org Admin"), of(role)) == ()
    assert beyond(of("Help Desk"), of(role, org=RIGHT)) == ()


def test_what_is_implied_is_held() -> None:
    assert beyond(keys("admin.user"), keys("admin.user.read")) == ()
    assert beyond(keys("admin.alluser"), keys("admin.user", org=RIGHT)) == ()
    assert beyond(keys("admin.alluser"), keys("admin.alluser.read", org=RIGHT)) == ()
    assert beyond(keys("admin.user.read"), keys("admin.user")) == ("admin.user",)
    assert beyond(keys("admin.user", org=TOP), keys("admin.alluser")) == ("admin.alluser",)


def test_a_permission_without_an_all_form_reaches_ones_own_org_only() -> None:
    assert beyond(keys("admin.restore", "admin.alluser"), keys("admin.restore", org=RIGHT)) == ("admin.restore",)
    assert beyond(keys("admin.restore"), keys("admin.restore", org=LEFT_LOWER)) == ()


def test_what_is_about_the_console_as_a_whole_has_no_org() -> None:
    assert beyond(keys("admin.system"), keys("admin.system", org=RIGHT)) == ()
    assert beyond(keys("admin.system.archive_maintenance"), keys("admin.system", org=LEFT)) == ("admin.system",)


def test_only_what_is_gained_counts() -> None:
    sysadmin = of("SYSADMIN")

    assert beyond(NOTHING, sysadmin, before=sysadmin) == ()
    assert beyond(NOTHING, of("Org Admin"), before=sysadmin) == ()
    assert beyond(of("Org Admin"), of("Org Admin", org=TOP), before=of("Org Admin"))
    assert beyond(NOTHING, of("Org Admin", org=LEFT_LOWER), before=of("Org Admin")) == ()


def test_names_the_roles_that_may_not_be_given_and_why() -> None:
    roles = [(name, frozenset(map(str, STANDARD_ROLES[name]))) for name in ("SYSADMIN", "Org Admin", "PROe User")]

    assert within(of("Org Admin"), roles, org_path=LEFT) == {"SYSADMIN": "admin"}
    assert set(within(of("Org Admin"), roles, org_path=EVERYWHERE)) == {"SYSADMIN", "Org Admin"}
