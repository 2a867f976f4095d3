"""Bad CSV files of users: what they hold, and what has to be said about them."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

PAGE, COMMAND = "page", "importusers"
EVERY_WAY = (PAGE, COMMAND)


@dataclass(frozen=True, slots=True)
class File:
    """One file; ``problem`` is in the message, or, where the file is good, ``creates`` are the users that come of it."""

    name: str
    content: bytes | Callable[[], bytes]
    problem: str = ""
    creates: tuple[str, ...] = ()
    ways: tuple[str, ...] = EVERY_WAY
    fast: bool = False

    def read(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content()


def _csv(*rows: str, end: str = "\n") -> bytes:
    return "".join(row + end for row in rows).encode()


def _excel() -> bytes:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    return book.getvalue()


def _bomb() -> bytes:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.csv", b"0" * 200_000_000)
    return book.getvalue()


def _rows(count: int) -> bytes:
    return b"username\n" + b"".join(b"u%d\n" % number for number in range(count))


def _wide(count: int) -> bytes:
    names = io.StringIO()
    csv.writer(names).writerow(["username", *(f"c{number}" for number in range(count - 1))])
    return names.getvalue().encode() + b"sean\n"


def _large() -> bytes:
    notes = "x" * 4000
    return b"username,notes\n" + b"".join(f"u{number},{notes}\n".encode() for number in range(1340))


def _passwords(count: int) -> bytes:
    return b"username,password\n" + b"".join(b"u%d,correct horse %d battery\n" % (n, n) for n in range(count))


REFUSED = (
    File("nothing", b"", "line 1: the column username is missing", fast=True),
    File("a header alone", b"username,email\n", "line 2: there is nobody in the file"),
    File("a header and blank lines", b"username\n\n  \n,\n"[:13], "line 2: there is nobody in the file"),
    File("UTF-16 without a mark", "username\nsean\n".encode("utf-16-le"), "line 1: a NUL character"),
    File("UTF-16 that breaks off", "username\nsean\n".encode("utf-16")[:-1], "not UTF-16"),
    File("a surrogate in UTF-8", b"username\nsean\xed\xa0\x80\n", "line 2: not UTF-8"),
    File("an overlong slash in UTF-8", b"username\n..\xc0\xafetc\n", "line 2: not UTF-8"),
    File("NUL", b"username\nse\0an\n", "line 2: a NUL character", fast=True),
    File("a quotation mark that is never closed", _csv("username,notes", "mia,", 'sean,"open', "tom,x", "eva,y"), "line 3: a quotation mark is opened and never closed", fast=True),
    File("a quotation mark that ends too early", _csv("username,notes", 'sean,"a"b'), "line 2: a quotation mark is closed in the middle of a cell"),
    File("line ends of old Macs", b"username\rsean\rmia\r", "line 1: a line ends in a carriage return alone"),
    File("one column of another name", _csv("login", "sean"), "line 1: there is no column 'login'"),
    File("65 columns", lambda: _wide(65), "line 1: 65 columns"),
    File("half a million columns", lambda: _wide(500_000), "line 1: 500000 columns", ways=(PAGE,)),
    File("a row of 200,000 cells", lambda: b"username\n" + b"x," * 199_999 + b"x\n", "line 2: 200000 cells, but the header has 1"),
    File("no column username", _csv("email,org", "s@example.com,Left"), "line 1: the column username is missing"),
    File("a column twice", _csv("username,email,Email", "sean,a@example.com,b@example.com"), "line 1: the column email stands there twice"),
    File("the header again in line 3", _csv("username,email", "sean,", "username,email"), "line 3, email: email is no email address"),
    File("a cell too many", _csv("username,email", "sean,s@example.com,SYSADMIN"), "line 2: 3 cells, but the header has 2", fast=True),
    File("a cell too few", _csv("username,email", "sean,s@example.com", "mia"), "line 3: 1 cell, but the header has 2"),
    File("a comma in a name without quotation marks", _csv("username,last_name", "sean,Ryan, Jr."), "line 2: 3 cells"),
    File("50,001 rows", lambda: _rows(50_001), "more than 50000 rows: split the file", ways=(PAGE,)),
    File("500,001 rows", lambda: _rows(500_001), "more than 500000 rows: split the file", ways=(COMMAND,)),
    File("5.1 MB", _large, "larger than 5 MB", ways=(PAGE,), fast=True),
    File("a cell of 200 KB", lambda: b"username,notes\nsean," + b"x" * 200_000 + b"\n", "line 2: a cell is longer than 131072 characters"),
    File("a cell of 5,000 characters", lambda: b"username,notes\nsean," + b"x" * 5_000 + b"\n", "line 2, notes: 5000 characters, 4096 are the most"),
    File("a username of 300 characters", lambda: b"username\n" + b"x" * 300 + b"\n", "line 2, username: 300 characters"),
    File("somebody twice", _csv("username", "sean", "mia", "sean"), "line 4: the username sean stands in line 2 already"),
    File("somebody twice, in capitals", _csv("username", "sean", "SEAN"), "line 3: the username SEAN stands in line 2 already", fast=True),
    File("somebody twice, é composed and decomposed", "username\nrené\nrene\u0301\n".encode(), "line 3: the username"),
    File("somebody twice, with a full-width letter", "username\nsean\n\uff53ean\n".encode(), "line 3: the username"),
    File("a user whom there is", _csv("username", "mia", "wendy"), "line 3: the username wendy is taken", fast=True),
    File("a user whom there is, spelled otherwise", _csv("username", "WENDY"), "line 2: the username wendy is taken"),
    File("another org's user", _csv("username,org", "stan,Left"), "line 2: the username stan is taken", fast=True),
    File("an org outside the uploader's part", _csv("username,org", "mia,Right"), "line 2, org: there is no org Right whose users you administer", ways=(PAGE,), fast=True),
    File("the org above", _csv("username,org", "mia,ADMIN"), "line 2, org: there is no org ADMIN", ways=(PAGE,)),
    File("an org that does not exist", _csv("username,org", "sean,", "mia,Lfet"), "line 3, org: there is no org Lfet", ways=(PAGE,)),
    File("a column with roles", _csv("username,roles", "sean,SYSADMIN"), "line 1: there is no column 'roles'", fast=True),
    File("a column role", _csv("username,role", "sean,Org Admin"), "line 1: there is no column 'role'"),
    File("a column is_superuser", _csv("username,is_superuser", "sean,1"), "line 1: there is no column 'is_superuser'"),
    File("columns of the database", _csv("username,id,org_id,active,legal_hold", "sean,1,1,1,1"), "line 1: there are no columns 'id', 'org_id', 'active', 'legal_hold'"),
    File("an email address that is none", _csv("username,email", "sean,sean at example.com"), "line 2, email: sean at example.com is no email address"),
    File("an email address with a line break", b'username,email\nsean,"s@example.com\nBcc: all@example.com"\n', "line 2, email: control characters", fast=True),
    File("an email address of 400 characters", lambda: b"username,email\nsean," + b"a" * 388 + b"@example.com\n", "line 2, email: 400 characters"),
    File("an Excel file called .csv", _excel, "line 1: this is an Excel or ZIP file", fast=True),
    File("a ZIP bomb called .csv", _bomb, "line 1: this is an Excel or ZIP file"),
    File("a gzip file", lambda: gzip.compress(_csv("username", "sean")), "line 1: this is a gzip file"),
    File("a PDF file", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "line 1: this is a PDF file"),
    File("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 1: this is a picture"),
    File("a web page", b"<!DOCTYPE html><html><body>Sign in</body></html>", "line 1: there is no column '<!DOCTYPE html>"),
    File("a sign that turns the direction of text", "username\nse\u202ean\n".encode(), "line 2, username: control characters are not allowed", fast=True),
    File("a line separator", "username,last_name\nsean,Ry\u2028an\n".encode(), "line 2, last_name: control characters"),
    File("an escape sequence of terminals", b"username,first_name\nsean,\x1b[2J\n", "line 2, first_name: control characters"),
    File("a sign without width", "username\nse\u200ban\n".encode(), "line 2, username: control characters"),
    File("a turned direction in the notes", "username,notes\nsean,a\u202eb\n".encode(), "line 2, notes: control characters"),
    File("a row without a username", _csv("username,email", ",s@example.com"), "line 2: the username is empty"),
    File("a username of a no-break space", "username,email\n\xa0,s@example.com\n".encode(), "line 2: the username is empty"),
    File("a short password", _csv("username,password", "sean,geheim"), "line 2, password: This password is too short", fast=True),
    File("201 passwords", lambda: _passwords(201), "more than 200 rows have a password"),
    File("150 wrong rows", lambda: b"username,email\n" + b"".join(b"u%d,x\n" % n for n in range(150)), "only the first 100 are named here", ways=(COMMAND,)),
    File("150 wrong rows, all named on the page", lambda: b"username,email\n" + b"".join(b"u%d,x\n" % n for n in range(150)), "line 151, email: x is no email address", ways=(PAGE,)),
    File("all that is wrong with a header", _csv("email,email,roles,department", "a,b,c,d"), "line 1: there are no columns 'roles', 'department'"),
    File("all that is wrong with a row", _csv("username,email,password", "se\u202ean,nonsense,geheim"), "line 2: email has no @"),
    File("UTF-8 with one byte of Windows-1252", "username,last_name\nsean,Müller\n".encode() + b"mia,M\xfcller\n", "line 3: not UTF-8"),
    File("bytes that Windows-1252 does not have", b"username\nse\x81an\n", "line 2: not UTF-8"),
)  # fmt: skip

ACCEPTED = (
    File("UTF-8 with a mark, as Excel saves it", b"\xef\xbb\xbfusername\r\nsean\r\n", creates=("sean",), fast=True),
    File("UTF-16 with a mark, little end first", b"\xff\xfe" + "username\nsean\n".encode("utf-16-le"), creates=("sean",)),
    File("UTF-16 with a mark, big end first", b"\xfe\xff" + "username\nsean\n".encode("utf-16-be"), creates=("sean",)),
    File("Windows-1252, as old programs save it", "username,last_name\nsean,Müller\n".encode("cp1252"), creates=("sean",), fast=True),
    File("bytes that are letters of Windows-1252 only", b"username\nsean\n\xff\xfe\xfa\n", creates=("sean", "ÿþú")),
    File("semicolons, as Excel saves it in Europe", _csv("username;email;notes", 'sean;s@example.com;"a;b, c"'), creates=("sean",), fast=True),
    File("tabs", _csv("username\temail", "sean\ts@example.com"), creates=("sean",)),
    File("UTF-16 with tabs, as Excel saves Unicode text", "username\temail\r\nsean\ts@example.com\r\n".encode("utf-16"), creates=("sean",), fast=True),
    File("vertical bars", _csv("username|email", "sean|s@example.com"), creates=("sean",)),
    File("other names of columns, in another order", _csv("E-Mail,First Name,LastName,User name", "s@example.com,Sean,Ryan,sean"), creates=("sean",), fast=True),
    File("empty cells behind the last column", _csv("username,email,,", "sean,s@example.com,,", "mia,,,"), creates=("sean", "mia")),
    File("blank lines", b"username,email\n\nsean,\n\n , \nmia,\n\n", creates=("sean", "mia")),
    File("mixed line ends, and none at the end", b"username,email\r\nsean,\nmia,", creates=("sean", "mia")),
    File("a header in capitals with spaces", b" UserName , EMAIL\nsean,s@example.com\n", creates=("sean",)),
    File("quotation marks in the middle", b'username,notes\nsean,5" disk\n', creates=("sean",)),
    File("notes with line breaks", b'username,notes\nsean,"one\ntwo"\nmia,x\n', creates=("sean", "mia")),
    File("formulas", b"username,first_name,last_name,notes\n=1+1,@SUM(A1),+1,\"=cmd|' /C calc'!A0\"\n", creates=("=1+1",), fast=True),
    File("markup", b"username,first_name,last_name\n<b>x</b>,<script>alert(1)</script>,\"<img src=x onerror=alert(1)>\"\n", creates=("<b>x</b>",), fast=True),
    File("a path", b"username,notes\n../../etc/passwd,../x\n", creates=("../../etc/passwd",)),
    File("templates", b"username,first_name\n{{ 7*7 }},{% debug %}\n", creates=("{{ 7*7 }}",)),
    File("SQL", b"username\n'; DROP TABLE orgs_user; --\n", creates=("'; DROP TABLE orgs_user; --",)),
    File("an LDAP filter", b"username\n*)(uid=*\n", creates=("*)(uid=*",)),
    File("names of all scripts of the world", "username,first_name,last_name\nолег,Олег,Ąžuolas\n李明,明,李\nmoshe,משה,لیلا\n".encode(), creates=("олег", "李明", "moshe")),
    File("an org of the uploader's part, in capitals", b"username,org\nsean,LEFT LOWER\n", creates=("sean",)),
)  # fmt: skip
