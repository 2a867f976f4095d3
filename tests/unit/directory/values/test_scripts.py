"""How an error of a script is told, and when two verdicts are the same."""

from __future__ import annotations

from directory.values.scripts import ScriptError, ScriptName, Verdict


def test_an_error_names_its_script_and_the_line_where_there_is_one() -> None:
    assert str(ScriptError(ScriptName.ORG_NAME, "x is not defined", 3)) == "org name script, line 3: x is not defined"
    assert str(ScriptError(ScriptName.ACTIVE, "took too long")) == "active script: took too long"


def test_verdicts_are_the_same_whether_or_not_they_may_be_others_later() -> None:
    assert Verdict(org_name="Staff") == Verdict(org_name="Staff", varies=True)
    assert Verdict(roles=()) != Verdict(roles=None)
