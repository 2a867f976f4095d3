"""The change that goes back: for each thing that a run did, and for each reason why it can't be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from directory.sync.undo import inverse
from directory.sync.undo.inverse import Done, PresentState
from directory.values.plan import Account, Action, Change, Outcome, StoredUser
from tests.unit.directory.sync.plan.rules.facts import SEAN, known

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STATES: dict[str, Any] = {
    f"{state}_{what}": None if what == "at" else ""
    for state in ("deactivated", "blocked", "pending")
    for what in ("by", "at")
}
BY_SYNC = STATES | {
    "deactivated_by": "sync",
    "deactivated_at": "2026-01-04T12:00:00+00:00",
    "blocked_by": "sync",
    "blocked_at": "2026-01-04T12:00:00+00:00",
}
LEFT = replace(SEAN, active=False, blocked=True)
PENDING = replace(SEAN, blocked=True, pending=True)
BY_SYNC_PENDING = STATES | {
    "blocked_by": "sync",
    "blocked_at": "2026-01-04T12:00:00+00:00",
    "pending_by": "sync",
    "pending_at": "2026-01-04T12:00:00+00:00",
}


def side_effects(
    before: Mapping[str, Any] = STATES, after: Mapping[str, Any] = STATES, **grants: Any
) -> dict[str, Any]:
    return {"states": {"before": before, "after": after}, "grants": grants, "devices": {}, "archives": {}}


def undo(
    before: Account,
    after: Account,
    *,
    now: StoredUser | None = None,
    left: Mapping[str, Any] | None = None,
    **present: Any,
) -> tuple[Change, dict[str, Any]]:
    """Take back what a run made of an account, for a user who is as the run left them unless ``now`` says otherwise."""
    left = side_effects() if left is None else left
    world = {
        "orgs": {2: "Default", 3: "Staff"},
        "roles": ["PROe User", "Org Admin"],
        "states": left["states"]["after"] if left else {},
        "devices": {},
        "archives": {},
    }
    done = Done(7, ("something",), before, after, left)
    return inverse.decide(now or known(after), done, PresentState(NOON, **{**world, **present}))


class TestWhatARunDid:
    def test_goes_back_names_org_and_roles(self) -> None:
        after = replace(
            SEAN,
            username="sryan",
            email="s@example.com",
            org="Staff",
            org_id=3,
            roles=frozenset({"Org Admin"}),
        )

        change, _ = undo(SEAN, after)

        assert change.outcome is Outcome.PLANNED
        assert change.after == SEAN
        assert change.actions == (Action.RENAME, Action.PROFILE, Action.MOVE, Action.SET_ROLES)

    def test_goes_back_to_active_and_unblocked(self) -> None:
        change, _ = undo(SEAN, LEFT, left=side_effects(STATES, BY_SYNC))

        assert change.actions == (Action.REACTIVATE, Action.UNBLOCK)
        assert change.after == SEAN

    def test_goes_back_to_deactivated_by_whom_it_was(self) -> None:
        change, beside = undo(LEFT, SEAN, left=side_effects(BY_SYNC, STATES))

        assert change.actions == (Action.BLOCK, Action.DEACTIVATE)
        assert change.steps[-1] == "Deactivated, set by a sync on 2026-01-04, as before."
        assert beside["states"] == BY_SYNC

    def test_says_who_had_granted_the_roles_that_come_back(self) -> None:
        before = replace(SEAN, roles=SEAN.roles | {"Org Admin"})
        grants = {"Org Admin": {"by": "ada"}, "PROe User": {"by": "bob"}}

        _, beside = undo(before, SEAN, left=side_effects(**grants))

        assert beside["grants"] == {"Org Admin": {"by": "ada"}}


class TestNothingIsPutBack:
    def test_for_somebody_who_is_managed_locally_since(self) -> None:
        change, beside = undo(SEAN, LEFT, now=known(LEFT, managed_locally=True))

        assert (change.outcome, change.after, beside) == (Outcome.KEPT, LEFT, {})

    def test_where_the_run_noted_nothing(self) -> None:
        change, _ = undo(SEAN, LEFT, left={})

        assert change.outcome is Outcome.REFUSED

    def test_where_everything_is_as_before_already(self) -> None:
        change, _ = undo(SEAN, LEFT, now=known(SEAN), states=STATES, left=side_effects(STATES, BY_SYNC))

        assert change.outcome is Outcome.KEPT

    def test_where_somebody_has_changed_the_user_since(self) -> None:
        change, _ = undo(SEAN, replace(SEAN, email="a@example.com"), now=known(replace(SEAN, email="b@example.com")))

        assert change.outcome is Outcome.CHANGED_MEANWHILE
        assert change.steps[-1] == (
            "Changed meanwhile: email was a@example.com and is b@example.com. Nothing is put back."
        )

    def test_where_the_same_state_was_set_by_somebody_else_since(self) -> None:
        change, _ = undo(SEAN, LEFT, left=side_effects(STATES, BY_SYNC), states=BY_SYNC | {"deactivated_by": "person"})

        assert change.outcome is Outcome.CHANGED_MEANWHILE
        assert "deactivated by was a sync and is a person" in change.steps[-1]

    def test_where_nothing_can_be(self) -> None:
        change, _ = undo(SEAN, replace(SEAN, org="Staff", org_id=3), orgs={3: "Staff"})

        assert change.outcome is Outcome.REFUSED
        assert change.warnings == ("The org Default is not active any more: stays in Staff",)


class TestWhatIsNotThereAnyMore:
    def test_a_username_that_another_user_has_stays_theirs(self) -> None:
        change, _ = undo(SEAN, replace(SEAN, username="sryan", email="x@example.com"), name_is_taken=True)

        assert (change.after.username, change.after.email) == ("sryan", SEAN.email)
        assert change.warnings == ("The username sean is another user's now: stays sryan",)

    def test_a_role_that_is_gone_is_left_out(self) -> None:
        before = replace(SEAN, roles=frozenset({"PROe User", "Wizard"}))

        change, _ = undo(before, replace(SEAN, roles=frozenset({"Org Admin"})))

        assert change.after.roles == {"PROe User"}
        assert change.warnings == ("There is no role Wizard any more: left out",)

    def test_nobody_loses_all_roles_because_theirs_are_gone(self) -> None:
        change, _ = undo(replace(SEAN, roles=frozenset({"Wizard"})), SEAN)

        assert (change.outcome, change.after.roles) == (Outcome.REFUSED, SEAN.roles)

    def test_an_org_with_another_name_is_the_same_org(self) -> None:
        change, _ = undo(SEAN, replace(SEAN, org="Staff", org_id=3), orgs={2: "Main", 3: "Staff"})

        assert change.after.org == "Main"


class TestALegalHold:
    def test_that_came_since_keeps_the_user_with_the_deactivation_pending(self) -> None:
        change, beside = undo(LEFT, SEAN, now=known(SEAN, on_hold=True), left=side_effects(BY_SYNC, STATES))

        assert change.after == PENDING
        assert beside["states"] == {
            "blocked_by": "sync",
            "blocked_at": "2026-01-04T12:00:00+00:00",
            "pending_by": "sync",
        }

    @pytest.mark.parametrize(("on_hold", "after"), [(True, PENDING), (False, LEFT)])
    def test_that_has_gone_since_lets_the_deactivation_be_carried_out(self, on_hold: bool, after: Account) -> None:
        change, _ = undo(PENDING, SEAN, now=known(SEAN, on_hold=on_hold), left=side_effects(BY_SYNC_PENDING, STATES))

        assert change.after == after
