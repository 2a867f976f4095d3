"""CSV files of users: what they may hold, and which line is wrong."""

from __future__ import annotations

import pytest

from directory.provisioning import csv_file
from directory.provisioning.bad_csv import BadCsv


class TestCsv:
    def test_reads_people_with_and_without_the_optional_columns(self) -> None:
        rows = csv_file.parse("username,org\r\nsean,Staff\r\n\r\nmia,\r\n")

        assert [(row.line, row.username, row.org) for row in rows] == [(2, "sean", "Staff"), (4, "mia", "")]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "line 1: the column username is missing"),
            ("username\n", "line 2: there is nobody in the file"),
            ("user\nsean\n", "line 1: there is no column 'user'"),
            ("username,username\na,b\n", "line 1: the column username stands there twice"),
            ("username,org\nsean\n", "line 2: 1 cell, but the header has 2"),
            ("username\nsean\nSEAN\n", "line 3: the username SEAN stands in line 2 already"),
            ("username,email\n,a@example.com\n", "line 2: the username is empty"),
            ("username,email\nsean,nonsense\n", "line 2, email: nonsense is no email address"),
            ('username,notes\nsean,"open\nmia,x\n', "line 2: a quotation mark is opened and never closed"),
            ("username\nse\u202ean\n", "control characters are not allowed"),
        ],
    )
    def test_names_the_line_of_what_is_wrong(self, text: str, message: str) -> None:
        with pytest.raises(BadCsv, match=message.replace("(", r"\(")):
            csv_file.parse(text)

    def test_keeps_a_row_with_empty_cells_behind_the_last_column(self) -> None:
        secret = "correct horse battery staple"
        rows = csv_file.parse(f"username,password,notes,,\nsean,{secret},here,,\nmia,{secret},,,,\n")

        assert [(row.username, row.password, row.notes) for row in rows] == [
            ("sean", secret, "here"),
            ("mia", secret, ""),
        ]
