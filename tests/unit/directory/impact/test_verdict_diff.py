"""What edited scripts mean beside the stored verdicts: which scripts are asked, what is joined, and what adds up."""

from __future__ import annotations

from typing import Any

import pytest

from directory.impact.verdict_diff import Difference, Totals, difference, edited_scripts, joined
from directory.values.plan import Outcome
from directory.values.scripts import ACTIVE, Script, ScriptError, Scripts, Verdict
from directory.values.scripts import ORG_NAME as ORG
from directory.values.scripts import ROLE_NAME as ROLE
from tests.unit.directory.sync.plan.rules.facts import CONTEXT, found, known

FAILED = Verdict(error=ScriptError(ORG, "oh"))
INACTIVE = Verdict(active=False)


class TestEditedScripts:
    def test_are_those_that_are_not_as_they_are_saved(self) -> None:
        scripts, names = edited_scripts(Scripts("a", "o", "r"), Scripts("a", "o2", "r"))

        assert scripts == Scripts("", "o2", "")
        assert names == {ORG}

    def test_may_be_one_that_was_taken_out(self) -> None:
        assert edited_scripts(Scripts("a", "o", "r"), Scripts("", "o", "r")) == (Scripts(), frozenset({ACTIVE}))

    def test_are_none_where_nothing_was_edited(self) -> None:
        assert edited_scripts(Scripts("a"), Scripts("a")) == (Scripts(), frozenset())


class TestTheVerdictOfAllScripts:
    def test_takes_from_the_edited_ones_what_they_say(self) -> None:
        stored, fresh = Verdict(org_name="Staff", roles=("Org Admin",)), Verdict(org_name="Sales", roles=None)

        assert joined(stored, fresh, {ORG}) == Verdict(org_name="Sales", roles=("Org Admin",))
        assert joined(stored, fresh, {ROLE}) == Verdict(org_name="Staff")

    @pytest.mark.parametrize(
        ("stored", "fresh", "edited", "verdict"),
        [
            (INACTIVE, Verdict(org_name="Sales"), {ORG}, INACTIVE),
            (Verdict(), INACTIVE, {ACTIVE}, INACTIVE),
            (Verdict(org_name="Staff"), FAILED, {ORG}, FAILED),
        ],
    )
    def test_is_one_of_the_two_where_the_other_has_no_say(
        self, stored: Verdict, fresh: Verdict, edited: set[Script[Any]], verdict: Verdict
    ) -> None:
        assert joined(stored, fresh, edited) == verdict

    @pytest.mark.parametrize(
        ("stored", "fresh", "edited"), [(FAILED, Verdict(), {ORG}), (INACTIVE, Verdict(), {ACTIVE})]
    )
    def test_is_not_known_where_the_others_were_never_asked(
        self, stored: Verdict, fresh: Verdict, edited: set[Script[Any]]
    ) -> None:
        assert joined(stored, fresh, edited) is None


def between(stored: Verdict, edited: Verdict) -> Difference:
    return difference(known(), found(stored), edited, CONTEXT)


class TestADifference:
    def test_matters_where_the_user_would_end_otherwise(self) -> None:
        assert between(Verdict(), Verdict(org_name="Staff")).matters
        assert between(Verdict(), INACTIVE).matters

    def test_matters_where_only_a_warning_is_another_one(self) -> None:
        assert between(Verdict(), Verdict(org_name="Nowhere")).matters

    def test_does_not_where_only_the_words_are_others(self) -> None:
        assert not between(Verdict(), Verdict(org_name="Default")).matters


def test_totals_count_both_sides_and_orgs_that_are_not_there() -> None:
    totals = Totals()
    totals.add([between(Verdict(), Verdict(org_name="Nowhere")), between(Verdict(org_name="Staff"), INACTIVE)])

    assert totals.users == 2
    assert totals.unknown_orgs == {"Nowhere": 1}
    assert totals.stored["users"] == totals.edited["users"] == 2
    assert totals.edited != totals.stored
    assert between(Verdict(), INACTIVE).edited.outcome is Outcome.PLANNED
