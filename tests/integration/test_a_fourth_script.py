"""One more script is one more entry in the registry, and one more column: everything else finds it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from directory.models import LdapServer, ScriptVersion
from directory.values.scripts import SCRIPTS, Script
from tests.directories import Directory
from tests.integration.employer import Employer
from tests.integration.fourth_script import NOTE, SOURCE

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def facts() -> Any:
    """What a process says whose registry has a fourth script, the note."""
    with Directory() as directory:
        employer = Employer(directory)
        for uid, room in {"mia": "12", "bob": "13", "sean": "14", "ina": "0"}.items():
            employer.hires(uid, roomNumber=room)
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        command = [sys.executable, "-m", "tests.integration.fourth_script", directory.url, directory.base]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False
        )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


class TestAFourthScript:
    def test_needs_one_column_whose_migration_django_writes(self, facts: dict[str, Any]) -> None:
        assert facts["migration"][1:] == ["+ Add field note_script to ldapserver"]

    def test_runs_in_the_sandbox_for_the_entries_of_a_directory(self, facts: dict[str, Any]) -> None:
        verdicts = facts["verdicts"]

        assert (verdicts["uid=mia"]["note"], verdicts["uid=sean"]["note"]) == ("in room 12", "in room 14")
        assert verdicts["uid=mia"]["active"] is True

    def test_is_named_where_it_fails_or_returns_something_else(self, facts: dict[str, Any]) -> None:
        assert facts["outcomes"]["bob"][0] == "script error"
        assert facts["outcomes"]["bob"][-1] == "note script, line 2: Error: bad luck. Nothing changes."
        assert facts["outcomes"]["ina"][-1].startswith("note script: returned a number instead of a note as text.")
        assert facts["verdicts"]["uid=ina"]["error"]["script"] == "note"

    def test_has_one_verdict_however_it_is_evaluated_and_stored(self, facts: dict[str, Any]) -> None:
        found = facts["alone"]

        assert found["in batches"][0].startswith("Verdict(active=True, org_name='Staff', roles=None, ")
        assert found["in batches"][0].endswith(", note='in room 12', error=None, varies=False)")
        assert found["errors"] == [
            "note script: Error: bad luck", "note script: returned a number instead of a note as text"
        ]  # fmt: skip
        assert found["in batches"] == found["in fresh realms"] == found["one script after the other"]
        assert found["in batches"] == found["through JSON"]

    def test_counts_for_the_attributes_that_are_requested_and_watched(self, facts: dict[str, Any]) -> None:
        assert "roomNumber" in facts["needed"]
        assert "roomNumber" in facts["named"]
        assert facts["counted"]["roomnumber"] == 4

    def test_makes_other_fingerprints_with_another_source(self, facts: dict[str, Any]) -> None:
        assert facts["unlike"] == [True, True]

    def test_leaves_the_digest_of_servers_on_which_it_is_empty_so_that_nobody_has_to_simulate_again(
        self, facts: dict[str, Any]
    ) -> None:
        assert facts["without"] == LdapServer(**facts["server"]).configuration_digest

    def test_is_a_key_of_the_json_format_and_normalized_there(self, facts: dict[str, Any]) -> None:
        assert facts["shown"] == facts["command"] == SOURCE
        assert facts["wrong_type"] == {"note_script": "must be text"}

    def test_is_compiled_before_it_is_saved(self, facts: dict[str, Any]) -> None:
        [(field, message)] = facts["refused"].items()

        assert (field, message.startswith("note script, line 1: SyntaxError")) == ("note_script", True)

    def test_has_versions(self, facts: dict[str, Any]) -> None:
        assert ["note", SOURCE] in facts["versions"]

    def test_is_a_field_of_the_page_with_hints(self, facts: dict[str, Any]) -> None:
        page = facts["page"]

        assert (page["label"], page["help"], page["value"]) == ("Note script", NOTE.help, SOURCE)
        assert page["shown"] is True
        [[field, label, [hint]]] = page["hints"]
        assert (field, label, "does not resolve" in hint) == ("note_script", "Note script", True)

    def test_is_in_the_presets(self, facts: dict[str, Any]) -> None:
        assert set(facts["presets"].values()) == {NOTE.sample}

    def test_is_in_the_impact_of_an_edit(self, facts: dict[str, Any]) -> None:
        verdicts, users = facts["impact"]

        # Two get another note, one no error any more, and so does the one who had a number: nothing goes by notes yet.
        assert (verdicts, users) == (4, 2)


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
class TestEachScript:
    def test_has_its_column(self, script: Script[Any]) -> None:
        field: Any = LdapServer._meta.get_field(script.column)

        assert (field.default, field.verbose_name) == (script.default, script.label)

    def test_has_a_name_that_fits_where_versions_keep_it(self, script: Script[Any]) -> None:
        assert len(script.name) <= (ScriptVersion._meta.get_field("script").max_length or 0)
