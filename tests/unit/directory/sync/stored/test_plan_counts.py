"""What a plan would do, counted by org, by server and by cause."""

from __future__ import annotations

from dataclasses import replace

from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Account, Action, Cause, Change, Outcome
from directory.values.server_limits import Counted

ADA = Account("ada", "", "", "", True, False, False, "Default", 2, frozenset({"SYSADMIN"}))


class TestPlanCounts:
    def test_counts_by_org_and_by_server_and_by_cause(self) -> None:
        counts = PlanCounts(frozenset({"SYSADMIN"}))
        gone = Change(
            1,
            Outcome.PLANNED,
            ADA,
            replace(ADA, active=False, blocked=True),
            (),
            (Action.BLOCK, Action.DEACTIVATE),
            Cause.ABSENT,
        )
        held = replace(gone, user_id=2, actions=(Action.SET_PENDING,), cause=Cause.SCRIPT)

        counts.add(gone, server=7, evaluated=False)
        counts.add(held, server=7, evaluated=True)

        assert counts.totals()["users"] == 2
        assert (counts.totals()["deactivated"], counts.totals()["blocked"]) == (1, 1)
        in_the_org = {Counted.ORG_ABSENT.of(ADA.org_id): 1, Counted.ORG_INACTIVE.of(ADA.org_id): 1}
        assert counts.servers[7].counts == {Counted.ABSENT: 1, Counted.INACTIVE: 1, **in_the_org}
        assert counts.servers[7].evaluated == 1
