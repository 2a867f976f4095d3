"""Before someone is cut off or made powerful, a run asks again; and the last SYSADMIN goes when there is another one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from directory.scripts.sandbox.sandbox import Sandbox
from directory.sync.plan.confirmation import CONFIRMED
from directory.values.ldap import Entry
from directory.values.plan import Outcome
from directory.values.scripts import Verdict
from orgs.models import User
from tests.integration.employer import Employer
from tests.worlds import again, change_of, simulate, simulate_and_sync, user

pytestmark = pytest.mark.django_db


class TestASecondOpinion:
    def test_is_taken_of_everyone_whom_the_active_script_would_cut_off(self, employer: Employer) -> None:
        employer.hires("sean", employeeType="inactive")
        employer.server()
        user("sean")

        run = simulate()

        assert CONFIRMED in change_of(run, "sean").steps

    def test_that_differs_changes_nothing_and_is_a_script_error(
        self, employer: Employer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        employer.hires("sean", employeeType="inactive")
        employer.hires("mia", employeeType="inactive")
        employer.server()
        sean, mia = user("sean"), user("mia")
        honest = Sandbox.second_opinions

        def moody(sandbox: Sandbox, entries: Sequence[Entry]) -> list[Verdict]:
            verdicts = zip(entries, honest(sandbox, entries), strict=True)
            return [Verdict() if entry.dn == employer.dn("sean") else verdict for entry, verdict in verdicts]

        monkeypatch.setattr(Sandbox, "second_opinions", moody)

        run = simulate_and_sync()

        change = change_of(run, "sean")
        assert change.outcome == Outcome.SCRIPT_ERROR
        assert "another answer" in change.steps[-1]
        assert (again(sean).active, again(mia).active) == (True, False)

    def test_is_taken_of_a_grant_that_opens_every_org(self, employer: Employer) -> None:
        employer.hires("sean", title="All Org Admin")
        employer.hires("mia", title="Org Admin")
        employer.server(grantable_roles=["All Org Admin", "Org Admin"])
        user("sean")
        user("mia")

        run = simulate()

        assert CONFIRMED in change_of(run, "sean").steps
        assert CONFIRMED not in change_of(run, "mia").steps


class TestTheLastSysadmin:
    def test_may_go_in_the_run_that_makes_another_one(self, employer: Employer) -> None:
        User.objects.sysadmins().update(blocked=True, blocked_by="person")
        employer.hires("sean", title="Desktop User")
        employer.hires("mia", title="SYSADMIN")
        employer.server(grantable_roles=["SYSADMIN", "Desktop User"])
        sean, mia = user("sean", roles=["SYSADMIN"]), user("mia")

        simulate_and_sync()

        assert set(again(mia).roles.values_list("name", flat=True)) == {"SYSADMIN"}
        assert set(again(sean).roles.values_list("name", flat=True)) == {"Desktop User"}
        assert not simulate().changes.exists()
