"""The last SYSADMIN stays, whatever the plan says."""

from __future__ import annotations

from dataclasses import replace

from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.values.plan import Account, Action, Change, Outcome

ADA = Account("ada", "", "", "", True, False, False, "Default", 2, frozenset({"SYSADMIN"}))


class TestLastSysadmin:
    def losing(self, user_id: int) -> Change:
        after = replace(ADA, active=False, blocked=True)
        return Change(user_id, Outcome.PLANNED, ADA, after, ("Absent.",), (Action.BLOCK, Action.DEACTIVATE))

    def test_keeps_the_last_one_and_lets_the_others_go(self) -> None:
        guard = LastSysadmin({1, 2}, frozenset({"SYSADMIN"}))

        passed = guard.passes(self.losing(1)), guard.passes(self.losing(2))
        kept = guard.keep(self.losing(2))

        assert passed == (True, False)
        assert (kept.outcome, kept.actions, kept.after) == (Outcome.KEPT, (), ADA)

    def test_does_not_mind_who_is_none(self) -> None:
        guard = LastSysadmin({1}, frozenset({"SYSADMIN"}))

        assert guard.passes(self.losing(7))

    def test_lets_the_last_one_go_once_someone_else_has_become_one(self) -> None:
        guard = LastSysadmin({1}, frozenset({"SYSADMIN"}))
        before = replace(ADA, roles=frozenset())
        gain = Change(2, Outcome.PLANNED, before, ADA, ("Granted.",), (Action.SET_ROLES,))

        early, _, late = guard.passes(self.losing(1)), guard.passes(gain), guard.passes(self.losing(1))

        assert (early, late) == (False, True)
