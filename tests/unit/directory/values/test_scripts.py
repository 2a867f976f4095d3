"""What the registry promises of its scripts, how an error is worded, and when two verdicts are the same."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from directory.values.scripts import (
    ACTIVE,
    ORG_NAME,
    ROLE_NAME,
    SCRIPTS,
    Script,
    ScriptError,
    Scripts,
    Verdict,
    script_named,
)


class TestTheRegistry:
    def test_holds_each_name_and_each_result_once(self) -> None:
        for one, other in combinations(SCRIPTS, 2):
            assert one.name != other.name
            assert one.result != other.result

    @pytest.mark.parametrize("script", SCRIPTS, ids=str)
    def test_has_a_result_without_a_source_that_a_stored_verdict_may_hold(self, script: Script[Any]) -> None:
        assert script.returns.check(script.unset) == script.unset
        assert script.result not in {"error", "varies"}

    def test_finds_a_script_by_its_name(self) -> None:
        assert script_named("org name") is ORG_NAME
        with pytest.raises(ValueError, match="there is no shoe size script"):
            script_named("shoe size")

    def test_names_the_column_and_the_label_of_a_script(self) -> None:
        assert (ROLE_NAME.column, ROLE_NAME.label, str(ROLE_NAME)) == (
            "role_name_script", "role name script", "role name"
        )  # fmt: skip


class TestScripts:
    def test_are_empty_where_no_source_is_given(self) -> None:
        assert dict(Scripts("a", role_name="c")) == {ACTIVE: "a", ORG_NAME: "", ROLE_NAME: "c"}

    def test_are_equal_by_their_sources(self) -> None:
        assert Scripts("a", "b") == Scripts(active="a", org_name="b") != Scripts("a")

    def test_of_another_name_are_refused(self) -> None:
        with pytest.raises(TypeError, match="shoe_size"):
            Scripts(shoe_size="x")


def test_an_error_names_its_script_and_the_line_where_there_is_one() -> None:
    assert str(ScriptError(ORG_NAME, "x is not defined", 3)) == "org name script, line 3: x is not defined"
    assert str(ScriptError(ACTIVE, "took too long")) == "active script: took too long"


class TestVerdicts:
    def test_are_the_same_whether_or_not_they_may_be_others_later(self) -> None:
        assert Verdict(org_name="Staff") == Verdict(org_name="Staff", varies=True)
        assert hash(Verdict(org_name="Staff")) == hash(Verdict(org_name="Staff", varies=True))
        assert Verdict(roles=()) != Verdict(roles=None)
        assert Verdict() != Verdict(error=ScriptError(ACTIVE, "oh"))

    def test_hold_for_a_script_without_a_source_what_the_registry_says(self) -> None:
        assert [Verdict().of(script) for script in SCRIPTS] == [script.unset for script in SCRIPTS]

    def test_take_results_of_other_verdicts(self) -> None:
        stored, edited = Verdict(org_name="Staff", roles=("A",)), Verdict(org_name="North", varies=True)

        found = stored.with_results(edited, {ORG_NAME})

        assert (found, found.varies) == (Verdict(org_name="North", roles=("A",)), True)

    def test_hold_nothing_that_no_script_returns(self) -> None:
        with pytest.raises(TypeError, match="shoe_size"):
            Verdict(shoe_size=43)
