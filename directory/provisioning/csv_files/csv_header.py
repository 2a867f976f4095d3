"""Reads the header of a CSV file of users: the columns, those with unknown names, and those that look like passwords."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from directory.provisioning.csv_files.bad_csv import BadCsv
from orgs.text import counted

COLUMNS = ("username", "email", "first_name", "last_name", "org", "password", "notes")
# The column of reasons in a download of rows; when they are uploaded again, only what values do not show is read of it.
REASONS = "problems"
# Names of columns that other programs write.
_ALSO_CALLED = {
    "user_name": "username",
    "e_mail": "email",
    "email_address": "email",
    "firstname": "first_name",
    "given_name": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "organization": "org",
}
# More columns than these are no list of people.
_MOST_COLUMNS = 64
# Parts of names that columns of passwords have in several languages, without spaces and accents.
_LIKE_PASSWORD = re.compile(
    "passw|passord|passphrase|passcode|pwd|kennwort|motdepasse|contrasena|wachtwoord|losenord|kodeord|adgangskode|haslo|"
    "salasana|jelszo|lozinka|парол|密码|密碼|パスワード"
)
# What columns about passwords have in their names, which hold none: pwdLastSet, PasswordExpired.
_ABOUT_PASSWORD = re.compile("last|set|expir|never|chang|age|count|hint|polic|history|must|required|date|reset")
# Short ones count as whole words only.
_ALSO_PASSWORD = frozenset({"pass", "pw", "mdp", "clave", "senha", "heslo", "geslo", "parola", "sifre", "secret"})


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The name of each column, empty for one that is not read; the unknown ones, and those that look like passwords.

    ``password_at`` is the position of the first column of passwords, read or not; None if there is none.
    """

    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    like_passwords: tuple[str, ...]
    password_at: int | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not read, and probably should have been."""
        if not self.like_passwords:
            return ()
        one = len(self.like_passwords) == 1
        begin = "The column {} looks like passwords and was" if one else "The columns {} look like passwords and were"
        names = ", ".join(self.like_passwords)
        return (
            f"{begin.format(names)} not read: nobody gets a password from this file. Call it password to have it read.",
        )


def read_header(cells: list[str], *, ignore_unknown: bool) -> CsvHeader:
    """Return the columns that a first line names.

    Raises:
        BadCsv: with all problems at once; unknown columns are none with ``ignore_unknown``.
    """
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > _MOST_COLUMNS:
        raise BadCsv(
            f"line 1: {counted(len(cells), 'column', 'columns')}: there are {len(COLUMNS)}: {', '.join(COLUMNS)}"
        )
    names = [_column(cell) for cell in cells]
    unknown = {at: shown(cell.strip()) for at, cell in enumerate(cells) if names[at] not in (*COLUMNS, REASONS)}
    secret = [at for at in unknown if _looks_like_password(cells[at])]
    passwords = sorted([*secret, *(at for at, name in enumerate(names) if name == "password")])
    header = CsvHeader(
        columns=tuple("" if at in unknown else name for at, name in enumerate(names)),
        unknown=tuple(unknown.values()),
        like_passwords=tuple(unknown[at] for at in secret),
        password_at=passwords[0] if passwords else None,
    )
    if problems := _problems(header, ignore_unknown=ignore_unknown):
        raise BadCsv(*problems)
    return header


def _problems(header: CsvHeader, *, ignore_unknown: bool) -> list[str]:
    named, unknown = header.columns, header.unknown
    problems = [f"line 1: the column {name} stands there twice" for name in COLUMNS if named.count(name) > 1]
    if unknown and not ignore_unknown:
        one = "is no column" if len(unknown) == 1 else "are no columns"
        problems.append(f"line 1: there {one} {', '.join(unknown)}; the columns are {', '.join(COLUMNS)}")
    if "username" not in named and not (unknown and not ignore_unknown and len(named) == 1):
        problems.append("line 1: the column username is missing")
    return problems


def shown(text: str) -> str:
    """Return a value from the file for a message: quoted, shortened, and with control characters escaped."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _column(cell: str) -> str:
    name = "_".join(cell.strip().lower().replace("-", " ").replace("_", " ").split())
    return _ALSO_CALLED.get(name, name)


def _looks_like_password(cell: str) -> bool:
    plain = unicodedata.normalize("NFKD", cell.casefold().replace("ł", "l").replace("\u0131", "i"))
    words = re.findall(r"\w+", "".join(sign for sign in plain if not unicodedata.combining(sign)).replace("_", " "))
    if (match := _LIKE_PASSWORD.search(joined := "".join(words))) is not None:
        return _ABOUT_PASSWORD.search(joined[: match.start()] + " " + joined[match.end() :]) is None
    return not _ALSO_PASSWORD.isdisjoint(words)
