"""A script moves nobody to where their roles reach further, unless the server may grant these roles."""

from __future__ import annotations

from typing import Any

import pytest

from directory.models import RunChange
from orgs.models import User
from tests.integration.employer import Employer
from tests.worlds import again, org, simulate_and_sync, user

pytestmark = pytest.mark.django_db

LIMITED: dict[str, Any] = {"grantable_roles": ["PROe User", "Desktop User"]}


def moved(employer: Employer, person: User, to: str, title: str = "", **server: Any) -> str:
    employer.hires(person.username, departmentNumber=to, **({"title": title} if title else {}))
    simulate_and_sync(employer.server(**server))
    return str(again(person).org.name)


class TestSomebodyWithRolesThatReachTheirOrg:
    @pytest.mark.parametrize("role", ["Org Admin", "Server Administrator"])
    def test_is_not_moved_up(self, employer: Employer, role: str) -> None:
        """By their own script a Server Administrator of one org would restore everybody's files."""
        sam = user("sam", roles=[role])

        assert moved(employer, sam, "ADMIN", **LIMITED) == "Default"

        warnings = RunChange.objects.about(sam).latest("pk").warnings
        assert warnings == [f"{role} would reach further in ADMIN, and Corp may not grant it: stays in Default"]

    def test_is_not_moved_to_an_org_beside_theirs(self, employer: Employer) -> None:
        for name in ("Corp", "Branch"):
            org(name, parent="ADMIN")
        sam = user("sam", org_name="Corp", roles=["Org Admin"])

        assert moved(employer, sam, "Branch", orgs=("Corp", "Branch"), **LIMITED) == "Corp"

    def test_is_moved_where_the_server_may_grant_the_role(self, employer: Employer) -> None:
        sam = user("sam", roles=["Org Admin"])

        assert moved(employer, sam, "ADMIN", grantable_roles=["Org Admin"]) == "ADMIN"

    def test_is_moved_down(self, employer: Employer) -> None:
        org("Lyon")
        sam = user("sam", roles=["Org Admin"])

        assert moved(employer, sam, "Lyon", **LIMITED) == "Lyon"

    def test_is_moved_where_the_role_goes_with_it(self, employer: Employer) -> None:
        sam = user("sam", roles=["Org Admin"])

        assert moved(employer, sam, "ADMIN", title="PROe User", **LIMITED) == "ADMIN"


def test_somebody_with_personal_roles_is_moved_anywhere(employer: Employer) -> None:
    mia = user("mia", roles=["Desktop User"])

    assert moved(employer, mia, "ADMIN", **LIMITED) == "ADMIN"


def test_somebody_whose_roles_reach_every_org_anyway_is_moved_anywhere(employer: Employer) -> None:
    user("eve", org_name="ADMIN", roles=["SYSADMIN"])
    ada = user("ada", roles=["SYSADMIN"])

    assert moved(employer, ada, "ADMIN", **LIMITED) == "ADMIN"
