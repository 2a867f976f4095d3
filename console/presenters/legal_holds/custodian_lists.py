"""Reads a list of usernames and email addresses, and says what becomes of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from orgs.models import Matter, User
from orgs.text import fold

# An act on more custodians than this takes longer than a request may.
MOST_AT_ONCE = 5000
_HEADS = ("username", "email")
_BINARY = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row of the list: what stands there, whom it means, and what is wrong with it (empty if nothing is)."""

    line: int
    text: str
    user_id: int | None = None
    username: str = ""
    problem: str = ""
    there: bool = False


class BadList(Exception):
    """The list can't be used; the message says why, and what to do."""


def decoded(content: bytes) -> str:
    """Return the text of a file.

    Raises:
        BadList: when it is no text in UTF-8 or UTF-16.
    """
    if content.startswith(_BINARY):
        raise BadList(_("This is no CSV file: save it as CSV (UTF-8)."))
    try:
        text = content.decode("utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        raise BadList(_("The file is not UTF-8: save it as CSV (UTF-8).")) from None
    if "\0" in text:
        raise BadList(_("This is no text file: save it as CSV (UTF-8)."))
    return text


def cells(text: str) -> list[tuple[int, str]]:
    """Return the usernames and addresses of a CSV text with their lines; a row has one, the others of its cells are left out.

    Raises:
        BadList: when there are too many rows, none at all, or a cell is too long.
    """
    separator = next((sign for sign in (",", ";", "\t") if sign in text.partition("\n")[0]), ",")
    reader = csv.reader(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n")), delimiter=separator)
    column, found = 0, list[tuple[int, str]]()
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if not found and (heads := [name for name in _HEADS if name in map(str.lower, values)]):
                column = [value.lower() for value in values].index(heads[0])
            elif any(values):
                found.append((reader.line_num, values[column] if column < len(values) else ""))
            if len(found) > MOST_AT_ONCE:
                raise BadList(_("More than %(rows)s rows: split the list.") % {"rows": MOST_AT_ONCE})
    except csv.Error as error:
        raise BadList(_("Line %(line)d: %(reason)s.") % {"line": reader.line_num, "reason": error}) from None
    if not found:
        raise BadList(_("There is nobody in the list."))
    return found


def fates(found: Iterable[tuple[int, str]], matter: Matter, viewer: User) -> list[ListRow]:
    """Return what becomes of each row, with the users of the viewer's part; a constant number of queries."""
    rows = list(found)
    users = User.objects.visible_to(viewer).managed_by(viewer)
    folded = {fold(text) for _line, text in rows if text}
    by_name = {
        key: (pk, name)
        for key, pk, name in users.filter(username_key__among=folded).values_list("username_key", "pk", "username")
    }
    addresses = {text.lower() for _line, text in rows if "@" in text and fold(text) not in by_name}
    by_address: dict[str, list[tuple[int, str]]] = {}
    chosen = users.annotate(address=Lower("email")).filter(address__among=addresses)
    for address, pk, name in chosen.values_list("address", "pk", "username"):
        by_address.setdefault(address, []).append((pk, name))
    ids = {pk for pk, _name in by_name.values()} | {pk for each in by_address.values() for pk, _name in each}
    present = set(matter.custodians.filter(released_at=None, user__among=ids).values_list("user_id", flat=True))
    result: list[ListRow] = []
    first: dict[int, int] = {}
    for line, text in rows:
        known = by_name.get(fold(text))
        row = _row(line, text, [known] if known else by_address.get(text.lower(), []), first, present)
        result.append(row)
    return result


def _row(line: int, text: str, meant: list[tuple[int, str]], first: dict[int, int], present: set[int]) -> ListRow:
    if not text:
        return ListRow(line, text, problem=_("The cell is empty."))
    if not meant:
        return ListRow(line, text, problem=_("There is no such user in your part."))
    if len(meant) > 1:
        names = ", ".join(sorted(name for _pk, name in meant))
        words = _("Several users have this address: write the username instead (%(names)s).")
        return ListRow(line, text, problem=words % {"names": names})
    ((pk, username),) = meant
    if (earlier := first.setdefault(pk, line)) != line:
        return ListRow(
            line, text, username=username, problem=_("The same user as in line %(line)d.") % {"line": earlier}
        )
    return ListRow(line, text, pk, username, there=pk in present)
