"""Exports: whatever a directory holds, a spreadsheet takes none of it for a formula."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.listing.exports import cell, csv_lines, json_file


class TestACell:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1", '=cmd|" /C calc"!A0']
    )
    def test_does_not_begin_a_formula(self, text: str) -> None:
        assert cell(text) == f"'{text}"

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("Ada", "Ada"),
            (None, ""),
            (True, "yes"),
            (-5, "-5"),
            (["b", "a"], "b, a"),
            (["=x"], "'=x"),
            (datetime(2026, 3, 2, 9, 30, tzinfo=UTC), "2026-03-02T09:30:00+00:00"),
        ],
    )
    def test_shows_values_as_text(self, value: object, shown: str) -> None:
        assert cell(value) == shown

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\uff1d1+1", "'\uff1d1+1"),
            ("\u200b=1", "'\u200b=1"),
            ("\u3000@SUM(A1)", "'\u3000@SUM(A1)"),
            ("a;=1+1", "a;'=1+1"),
            ("a;  +1", "a;'  +1"),
            ("a\n=1", "a\n'=1"),
            ("\r=1", "'\r'=1"),
            ("uid=ada,dc=example", "uid=ada,dc=example"),
            ("a - b; c", "a - b; c"),
        ],
    )
    def test_begins_none_where_cells_are_separated_by_something_else(self, text: str, shown: str) -> None:
        assert cell(text) == shown

    @given(st.text())
    def test_never_begins_with_what_begins_a_formula(self, text: str) -> None:
        assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


class TestAFile:
    def test_is_one_row_for_each(self) -> None:
        lines = "".join(csv_lines(["a", "b"], [["1", 'x"y'], ["2\n3", "=4"]])).removeprefix("\ufeff")

        assert list(csv.reader(lines.splitlines(keepends=True))) == [["a", "b"], ["1", 'x"y'], ["2\n3", "'=4"]]

    @pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": 1}, {"b": "ü"}]])
    @pytest.mark.parametrize("head", [{}, {"run": 1}])
    def test_is_valid_json(self, head: dict[str, int], rows: list[dict[str, object]]) -> None:
        response = json_file("x.json", head, "changes", rows)

        assert json.loads(response.getvalue()) == {**head, "changes": rows}
