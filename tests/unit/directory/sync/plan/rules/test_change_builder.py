"""A change while it is being thought through: what it wants adds up, and what it leaves alone is as it was."""

from __future__ import annotations

from dataclasses import replace

from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.values.plan import Action, Cause, Outcome
from tests.unit.directory.sync.plan.rules.facts import SEAN, known


def builder() -> ChangeBuilder:
    return ChangeBuilder(known(), SEAN)


class TestWhatIsWanted:
    def test_adds_up_with_its_sentences(self) -> None:
        change = builder()
        change.add(Action.BLOCK, "Blocked.", blocked=True)
        change.add(Action.MOVE, "Moved.", org="Staff", org_id=3)

        finished = change.finished(Cause.SCRIPT)

        assert (finished.outcome, finished.cause) == (Outcome.PLANNED, Cause.SCRIPT)
        assert (finished.before, finished.after) == (SEAN, replace(SEAN, blocked=True, org="Staff", org_id=3))
        assert finished.actions == (Action.BLOCK, Action.MOVE)
        assert finished.steps == ("Blocked.", "Moved.")

    def test_is_nothing_where_no_action_came(self) -> None:
        finished = builder().finished(Cause.ABSENT)

        assert (finished.outcome, finished.cause, finished.after) == (Outcome.UNCHANGED, Cause.NONE, SEAN)


def test_a_user_who_is_left_alone_is_as_before_whatever_was_wanted() -> None:
    change = builder()
    change.warnings.append("A warning")
    change.add(Action.BLOCK, "Blocked.", blocked=True)

    left = change.untouched(Outcome.CONFLICT, "Conflict.")

    assert (left.outcome, left.after, left.actions) == (Outcome.CONFLICT, SEAN, ())
    assert left.steps == ("Blocked.", "Conflict.")
    assert left.warnings == ("A warning",)
