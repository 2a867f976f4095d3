"""CSV files of users: what they may hold, and which line is wrong."""

from __future__ import annotations

import csv
import io

import pytest

from directory.provisioning.csv_files import csv_file
from directory.provisioning.csv_files.bad_csv import BadCsv
from directory.provisioning.csv_files.csv_file import CsvPeople


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


MOVED = "a cell of this row may be missing, or one too many"
SECRET = "correct horse battery staple"


def people(text: str, *, ignore_unknown: bool = False) -> CsvPeople:
    return csv_file.read_open(io.BytesIO(text.encode()), size=csv_file.ON_THE_PAGE, ignore_unknown=ignore_unknown)


def reasons(row: csv_file.Row) -> list[str]:
    return [str(problem) for problem in csv_file.problems_of(row)]


class TestColumnsThatLookLikePasswords:
    @pytest.mark.parametrize(
        "name", ["pwdLastSet", "PasswordLastSet", "PasswordExpired", "PasswordNeverExpires", "badPwdCount"]
    )
    def test_are_not_those_about_passwords(self, name: str) -> None:
        assert people(f"username,{name}\nsean,2026-01-01\n", ignore_unknown=True).warnings == ()

    @pytest.mark.parametrize(
        "name",
        [
            "Passwort",
            "pwd",
            "Kennwort",
            "Mot de passe",
            "motdepasse",
            "user_password",
            "Contraseña",
            "Initial PW",
            "hasło",
        ],
    )
    def test_are_named_when_they_are_ignored(self, name: str) -> None:
        found = people(f"username,{name}\nsean,{SECRET}\n", ignore_unknown=True)

        assert found.warnings == (
            (
                f"The column '{name}' looks like passwords and was not read: nobody gets a password from this file. "
                "Call it password to have it read."
            ),
        )

    @pytest.mark.parametrize("name", ["Department", "Passenger seats", "spawn", "PWA", "compass"])
    def test_are_no_others(self, name: str) -> None:
        assert people(f"username,{name}\nsean,x\n", ignore_unknown=True).warnings == ()

    def test_count_as_passwords_where_a_row_has_moved(self) -> None:
        found = people(f"username,Passwort,last_name\nsean,Connery,{SECRET},x\n", ignore_unknown=True)

        assert SECRET not in repr(found.rows[0].last_name)
        assert found.rows[0].last_name == ""


class TestRowsThatHaveMoved:
    def test_with_no_at_sign_in_the_email_say_so_and_where_an_address_is(self) -> None:
        (row,) = people("username,first_name,email,org\nsean,sean@example.com,Staff,\n").rows

        assert reasons(row) == [f"email: Staff is no email address; {MOVED}, as first_name has an address"]

    def test_with_an_address_as_org_say_so(self) -> None:
        (row,) = people("username,email,org\nsean,,sean@example.com\n").rows

        assert reasons(row) == [f"org: sean@example.com is an email address, so {MOVED}"]

    def test_lose_what_stands_where_the_password_may_have_moved(self) -> None:
        (row,) = people(f"username,email,last_name,password\nsean,Connery,{SECRET},\n").rows
        why = "password and last_name are dropped, because a password may stand in the wrong cell"

        assert (row.username, row.email, row.last_name, row.password) == ("sean", "Connery", "", "")
        assert f"email has no @, so {MOVED}: {why}" in reasons(row)
        assert SECRET not in str(reasons(row))

    def test_keep_their_values_where_no_password_can_have_moved(self) -> None:
        (row,) = people(f"username,email,org,password,notes\nsean,nonsense,,{SECRET},\n").rows

        assert (row.email, row.password, row.lasting) == ("nonsense", SECRET, ())

    def test_are_no_others(self) -> None:
        (row,) = people(f"username,email,org,password\nsean@example.com,sean@example.com,Staff,{SECRET}\n").rows

        assert (reasons(row), row.password) == ([], SECRET)


class TestRefusedRowsUploadedAgain:
    def again(self, row: csv_file.Row, *, reason: str) -> CsvPeople:
        lines = io.StringIO()
        csv.writer(lines).writerows(
            [["username", "email", "org", "problems"], [row.username, row.email, row.org, reason]]
        )
        return people(lines.getvalue())

    @pytest.mark.parametrize(
        "text",
        [
            "username,email,org\nsean,Staff\n",
            "username,email,org\nsean,s@example.com,Staff,more\n",
            "username,email,org\nsean,nonsense,\n",
            "username,email,org,password\nsean,,Staff,short\n",
            f"username,email,org,password\nsean,Staff,{SECRET},\n",
        ],
    )
    def test_have_the_same_reasons_until_they_are_mended(self, text: str) -> None:
        (row,) = people(text).rows
        before = reasons(row)

        found = self.again(row, reason="; ".join(before))
        mended = self.again(row, reason="")

        assert before
        assert reasons(found.rows[0]) == before
        assert not any("were not read" in note for note in found.notes)
        assert not mended.rows[0].lasting

    def test_with_a_password_by_now_do_not_complain_of_the_former(self) -> None:
        (row,) = people(f"username,password,problems\nsean,{SECRET},password: too short\n").rows

        assert (reasons(row), row.password) == ([], SECRET)
