"""Recognizes rows of a CSV file whose cells have moved by one: a cell is missing, or there is one too many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
MOVED = "a cell of this row may be missing, or one too many"
# What a download said about a row, and its values can't show.
_OF_BEFORE = re.compile(r"\d[\d,]* cells?, but the header has \d|(email has no @|org has an address), so ")


def in_words(values: Mapping[str, str]) -> dict[str, str]:
    """Return what looks like a shift, by column; usually nothing."""
    found: dict[str, str] = {}
    email = values.get("email", "").strip()
    if email and "@" not in email:
        has_one = [name for name in ("first_name", "last_name", "org") if _is_address(values.get(name, ""))]
        found["email"] = f"{MOVED}{f', as {has_one[0]} has an address' if has_one else ''}"
    if _is_address(values.get("org", "")):
        found["org"] = f"{values['org'].strip()} is an email address, so {MOVED}"
    return found


def beside_password(values: Mapping[str, str], columns: Sequence[str], password_at: int) -> tuple[str, list[str]]:
    """Return what looks like a shift in a row with a password, and the columns with values onto which it may have moved.

    The sentence has no value, as each may be the password; it is empty where there is no such column. A username in front
    of the password stays: a cell too many moves the password away from it.
    """
    shifts = in_words(values)
    beside = [at for at in (password_at - 1, password_at + 1) if 0 <= at < len(columns)]
    named = [columns[at] for at in beside if columns[at] != "username" or at > password_at]
    hit = [name for name in named if values.get(name, "").strip()]
    if not shifts or not hit:
        return "", []
    return f"{'email has no @' if 'email' in shifts else 'org has an address'}, so {MOVED}", hit


def is_of_before(reason: str) -> bool:
    """Whether this is a sentence about cells that the values of a downloaded row do not show any more."""
    return _OF_BEFORE.match(reason) is not None


def _is_address(value: str) -> bool:
    return _ADDRESS.fullmatch(value.strip()) is not None
