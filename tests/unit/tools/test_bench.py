"""The pure parts of the benchmark: its statistics, its table, its people, its file of results and its pictures."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import __main__ as runner
from tests.bench import options, people, pictures, publishing, results
from tests.bench.claims import growth, peers, statements
from tests.bench.figures import percentile, rate, ratio, seconds, short
from tests.bench.measuring import CommandFailed, Measured, run
from tests.bench.postgres import MARK, statement
from tests.bench.results import Result
from tests.bench.rows import Goal, Row, from_json, markdown, not_measured
from tests.bench.suite import Suite

CLAIM = Row("unchanged", "sync with nothing changed", "`ldapsearch`", Goal(3.0))
MACHINE: dict[str, Any] = {"date": "2026-03-02T09:30:00+00:00", "revision": "abc1234", "cpu": "a processor"} | {
    "cores": 2,
    "memory_gb": 8.0,
    "kernel": "6.1",
    "python": "3.11.2",
    "slapd": "2.5",
    "postgresql": "15",
    "postgresql_settings": {"fsync": "on"},
    "packages": {"Django": "5.2"},
}


def measured(key: str, number: float, **samples: Any) -> Row:
    return Row(key, f"what {key} is", "something", Goal(3.0), number, "3 s against 1 s", samples=samples)


class TestFigures:
    def test_a_ratio_is_of_medians(self) -> None:
        assert ratio([9.0, 2.0, 1.0], [1.0, 100.0, 0.5]) == 2.0

    def test_a_rate_is_by_the_median_time(self) -> None:
        assert rate(100, [1.0, 2.0, 50.0]) == 50.0

    @given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
    def test_a_percentile_is_one_of_the_values_that_enough_do_not_exceed(
        self, values: list[float], percent: float
    ) -> None:
        found = percentile(values, percent)

        assert found in values
        assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-6

    @pytest.mark.parametrize(
        ("number", "text"), [(0.123, "0.12"), (3.456, "3.46"), (45.67, "45.7"), (61234.5, "61,234")]
    )
    def test_numbers_have_as_many_digits_as_are_read(self, number: float, text: str) -> None:
        assert short(number) == text

    def test_short_times_are_in_milliseconds(self) -> None:
        assert (seconds([0.25]), seconds([2.5])) == ("250 ms", "2.50 s")


class TestARow:
    @pytest.mark.parametrize(
        ("goal", "number", "held"),
        [
            (Goal(3.0), 3.0, True),
            (Goal(3.0), 3.01, False),
            (Goal(0.6, at_least=True), 0.6, True),
            (Goal(0.6, at_least=True), 0.59, False),
            (None, 1.0, None),
        ],
    )
    def test_says_whether_its_goal_was_held(self, goal: Goal | None, number: float, held: bool | None) -> None:
        assert Row("key", "what", "against", goal, number).held is held

    def test_without_a_number_says_what_is_missing_and_holds_nothing(self) -> None:
        row = not_measured(CLAIM, "there is only one core")

        assert row.shown == "not measured: there is only one core"
        assert row.held is None
        assert row.verdict == ""

    def test_is_the_same_after_it_was_kept(self) -> None:
        row = measured("unchanged", 2.5, seconds=[1.0, 2.0])

        assert from_json(row.as_json()) == row
        assert from_json(CLAIM.as_json()) == CLAIM

    def test_becomes_a_line_of_the_table(self) -> None:
        lines = markdown([measured("a|b", 4.0)]).splitlines()

        assert lines[0] == "| what | against | goal | measured |  | in figures |"
        assert lines[2] == "| what a\\|b is | something | at most 3 × | 4.00 × | **missed** | 3 s against 1 s |"


class TestThePeople:
    def test_are_the_same_for_the_same_seed_only(self) -> None:
        assert list(people.people(50, seed=3)) == list(people.people(50, seed=3))
        assert list(people.people(50, seed=3)) != list(people.people(50, seed=4))

    def test_are_in_six_to_eight_groups_each_and_in_none_twice(self) -> None:
        sizes = Counter(len(person.groups) for person in people.people(500))

        assert set(sizes) == {6, 7, 8}
        assert all(len(set(person.groups)) == len(person.groups) for person in people.people(500))

    def test_are_all_active_and_few_hold_a_group_that_grants_a_role(self) -> None:
        everybody = list(people.people(2000))
        granted = [person for person in everybody if any("Support" in dn or "Managers" in dn for dn in person.groups)]

        assert "inactive" not in {person.attributes["employeeType"] for person in everybody}
        assert 0 < len(granted) < 40
        assert not any("Admins" in dn for person in everybody for dn in person.groups)

    def test_are_in_departments_of_which_the_first_holds_its_share(self) -> None:
        count = 4001
        first = [person for person in people.people(count) if person.attributes["departmentNumber"] == "0"]

        assert len(first) == peers._in_the_first_department(count) == 2000

    def test_are_written_one_after_the_other(self, tmp_path: Path) -> None:
        people.write_ldif(tmp_path / "people.ldif", 20)
        text = (tmp_path / "people.ldif").read_text()

        assert text.count("dn: uid=") == 20
        assert text.count("dn: ou=") == len(people.UNITS)
        assert 120 <= text.count("memberOf: cn=") <= 160

    def test_are_what_a_sync_reads(self) -> None:
        (person,) = people.people(1)
        entry = person.entry()

        assert entry.dn == person.dn
        assert entry.values("uid") == ("u0000001",)
        assert entry.values("memberof") == person.groups


class TestTheResults:
    def test_are_the_same_after_they_were_kept(self, tmp_path: Path) -> None:
        found = [Result(measured("unchanged", 2.0), MACHINE), Result(CLAIM, MACHINE | {"revision": "def"})]

        results.save(tmp_path / "bench" / "results.json", found)

        assert results.load(tmp_path / "bench" / "results.json") == found

    def test_that_are_new_replace_the_old_ones_in_the_order_of_the_claims(self) -> None:
        before = [Result(measured(key, 1.0), MACHINE) for key in ("a", "b", "gone")]
        now = [Result(measured("c", 2.0), MACHINE), Result(measured("a", 2.0), MACHINE)]

        kept = results.joined(before, now, ["a", "b", "c"])

        assert [(each.row.key, each.row.measured) for each in kept] == [("a", 2.0), ("b", 1.0), ("c", 2.0)]

    def test_that_were_not_measured_again_stay(self) -> None:
        before = [Result(measured("a", 1.0), MACHINE)]
        now = [Result(Row("a", "what", "against", None, missing="not today"), MACHINE)]

        assert results.joined(before, now, ["a"]) == before

    def test_stand_between_the_marks_of_the_page(self, tmp_path: Path) -> None:
        page = tmp_path / "speed.md"
        page.write_text(f"before\n{publishing.START}\nold\n{publishing.END}\nafter\n")

        publishing.publish([Result(measured("unchanged", 2.0), MACHINE)], page)
        text = page.read_text()

        assert text.startswith(f"before\n{publishing.START}\n| what |")
        assert text.endswith(f"{publishing.END}\nafter\n")
        assert "revision abc1234" in text
        assert "old" not in text

    def test_have_marks_in_the_page(self) -> None:
        text = publishing.PAGE.read_text()

        assert "new" in publishing.placed(text, "new")
        with pytest.raises(ValueError, match="needs"):
            publishing.placed("no marks", "new")


ROWS = {
    "unchanged": measured("unchanged", 2.0, users=1000, seconds=[2.0], against=[1.0]),
    "first": measured("first", 4.0, users=1000, seconds=[4.0], against=[1.0]),
    "django_auth_ldap-unchanged": measured("django_auth_ldap-unchanged", 9.0, **{"sample": 10, "their seconds": [1.0]}),
    "growth": Row(
        "growth",
        "a & b",
        "",
        None,
        9.0,
        samples={"first": {"1000": 1.5, "10000": 9}, "unchanged": {"1000": 1, "10000": 4}},
    ),
}


class TestAPicture:
    @pytest.mark.parametrize("draw", [pictures.peers, pictures.growth])
    def test_is_well_formed_and_brings_its_colours_for_light_and_dark(self, draw: Any) -> None:
        text = draw(ROWS)
        root = ET.fromstring(text)

        assert root.tag.endswith("svg")
        assert "prefers-color-scheme:dark" in text
        assert root.attrib["aria-label"]

    def test_of_the_peers_names_each_with_its_speed(self) -> None:
        text = pictures.peers(ROWS)

        assert "django-auth-ldap, populate_user" in text
        assert ">500<" in text

    @pytest.mark.parametrize("draw", [pictures.peers, pictures.growth])
    def test_is_not_drawn_of_nothing(self, draw: Any) -> None:
        assert draw({}) == ""
        assert draw({key: not_measured(row, "not today") for key, row in ROWS.items()}) == ""


class TestTenTimesAsMany:
    def test_are_judged_by_the_worse_kind_of_run(self) -> None:
        megabyte = 1024**2
        few = {"first": [Measured(2.0, 100 * megabyte)], "unchanged": [Measured(1.0, 100 * megabyte)]}
        many = {"first": [Measured(18.0, 120 * megabyte)], "unchanged": [Measured(12.0, 160 * megabyte)]}

        memory, largest, time = growth._compared({1000: few, 10_000: many}, 1000, 10_000)

        assert (memory.measured, largest.measured, time.measured) == (1.6, 160.0, 12.0)
        assert (memory.held, largest.held, time.held) == (False, True, False)
        assert time.what == "wall time, 10,000 users"
        assert "unchanged: 12.0 s against 1.00 s" in time.details


class TestTheLogOfPostgresql:
    @pytest.mark.parametrize(
        ("line", "found"),
        [
            (f"{MARK}LOG:  statement: SELECT 1\n", "SELECT 1"),
            (f"{MARK}LOG:  execute <unnamed>: SELECT $1\n", "SELECT $1"),
            (f"{MARK}LOG:  checkpoint starting: time\n", ""),
            (f"{MARK}DETAIL:  parameters: $1 = '5'\n", ""),
            ("   FROM somewhere\n", ""),
        ],
    )
    def test_has_a_statement_where_one_begins(self, line: str, found: str) -> None:
        assert statement(line) == found

    def test_statements_that_differ_in_values_only_are_the_same(self) -> None:
        one, other = statements.shape("SELECT 'a' WHERE x = 15"), statements.shape("SELECT 'bcd' WHERE x = 2")

        assert one == other == "SELECT ? WHERE x = ?"


class TestMeasuring:
    def test_tells_time_output_and_the_peak_of_the_largest_process_below(self) -> None:
        child = "x = bytearray(150_000_000); import time; time.sleep(1)"
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{child}']); print('done')"

        found = run([sys.executable, "-c", parent])

        assert found.output == "done\n"
        assert found.seconds > 1
        assert 150_000_000 < found.peak < 250_000_000

    def test_of_what_fails_is_an_error_with_its_words(self) -> None:
        with pytest.raises(CommandFailed, match="status 3: no luck"):
            run([sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"])


class TestTheRunner:
    def test_knows_each_claim_once(self) -> None:
        assert len(runner.ORDER) == len(set(runner.ORDER))

    def test_takes_its_options_from_the_command_line(self) -> None:
        chosen = options.parse(["--only", "reading", "--users", "20000", "--million"], list(runner.GROUPS))

        assert (chosen.only, chosen.users, chosen.smaller, chosen.million) == (("reading",), 20_000, 2_000, True)
        assert chosen.publish

    def test_publishes_nothing_that_was_quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QUICK", "1")
        chosen = options.parse([], list(runner.GROUPS))

        assert (chosen.users, chosen.repeats, chosen.publish) == (2000, 1, False)

    def test_publishes_only_what_is_like_production(self) -> None:
        assert not options.parse(["--database", "sqlite"], list(runner.GROUPS)).publish

    def test_refuses_less_than_a_page(self) -> None:
        with pytest.raises(SystemExit):
            options.parse(["--users", "10"], list(runner.GROUPS))

    def test_keeps_what_was_measured_when_the_rest_is_ended(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        row = measured("sandbox", 1.5)

        def ended(_suite: Suite) -> NoReturn:
            raise KeyboardInterrupt

        groups = {"first": SimpleNamespace(measure=lambda _suite: [row]), "second": SimpleNamespace(measure=ended)}
        monkeypatch.setattr(runner, "GROUPS", groups)
        monkeypatch.setattr(runner, "SCRATCH", tmp_path)

        with pytest.raises(KeyboardInterrupt):
            runner.main(["--quick"])

        assert [result.row.measured for result in results.load(tmp_path / "results.json")] == [1.5]
