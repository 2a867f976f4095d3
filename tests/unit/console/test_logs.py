"""The log's format, and that no value can forge a line of it."""

from __future__ import annotations

import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.logs import OneLineFormatter, escape
from orgs.log_lines import LogLines

LINE = re.compile(r"\[\d\d\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d{3} (?P<level>[A-Z ]{7,8}) [^]]+\] (?P<message>.*)")


def formatted(message: str, *arguments: object, level: int = logging.INFO, logger: str = "rollcall.sync") -> str:
    return OneLineFormatter().format(logging.LogRecord(logger, level, "", 0, message, arguments, None))


class TestALine:
    def test_has_the_form_that_operators_grep(self) -> None:
        found = LINE.fullmatch(formatted("DIRSYNC:: Submitting for orgs: , [%s]", "2,3"))

        assert found is not None
        assert found["level"] == "INFO   "
        assert found["message"] == "DIRSYNC:: Submitting for orgs: , [2,3]"

    def test_of_another_logger_has_the_columns_of_thread_and_logger(self) -> None:
        for logger, column in (("rollcall.sync.orgs", "rollcall.sync.orgs"), ("a" + "b" * 40, "b" * 40)):
            line = formatted("DIRSYNC:: Running for org:2/Default", logger=logger)

            assert line.endswith("] DIRSYNC:: Running for org:2/Default")
            assert re.search(rf" INFO    MainThread {{11}}{column:<40}\] ", line)

    def test_cannot_be_forged_by_a_value(self) -> None:
        line = formatted("user:%s", "sean\n[07.10.14 13:27:33.207 INFO    MainThread] DIRSYNC:: all is well")

        assert line.count("\n") == 0
        assert "sean\\n[07.10.14" in line

    @given(st.text())
    def test_stays_one_line_whatever_is_in_it(self, value: str) -> None:
        assert len(formatted("%s", value).splitlines()) == 1

    def test_keeps_ordinary_text_as_it_is(self) -> None:
        assert escape("KESTREL\\Zoë Müller-Łukasz 李") == "KESTREL\\Zoë Müller-Łukasz 李"

    @pytest.mark.parametrize(
        ("unsafe", "written"), [("\x1b", "\\x1b"), ("\u202e", "\\u202e"), ("\r", "\\r"), ("\0", "\\x00")]
    )
    def test_writes_out_what_would_hide_text(self, unsafe: str, written: str) -> None:
        assert escape(f"a{unsafe}b") == f"a{written}b"


class TestManyLinesAtOnce:
    @given(st.lists(st.text(), min_size=1))
    def test_are_written_as_if_each_came_alone(self, values: list[str]) -> None:
        record = logging.LogRecord("rollcall", logging.INFO, "", 0, LogLines(values), (), None)
        alone = [logging.LogRecord("rollcall", logging.INFO, "", 0, "%s", (value,), None) for value in values]
        for each in alone:
            each.created, each.msecs = record.created, record.msecs

        assert OneLineFormatter().format(record) == "\n".join(map(OneLineFormatter().format, alone))

    def test_are_text_for_whoever_knows_nothing_of_them(self) -> None:
        record = logging.LogRecord("rollcall", logging.INFO, "", 0, LogLines(["one", "two"]), (), None)

        assert record.getMessage() == "one\ntwo"


class TestATraceback:
    def test_is_indented_so_that_no_line_of_it_passes_for_another(self) -> None:
        try:
            raise ValueError("bad\n[07.10.14 13:27:33.207 INFO    MainThread] forged")
        except ValueError:
            record = logging.LogRecord("rollcall", logging.ERROR, "", 0, "failed", (), sys.exc_info())

        first, *rest = OneLineFormatter().format(record).splitlines()

        assert LINE.fullmatch(first)
        assert rest
        assert all(line.startswith("    ") for line in rest)
