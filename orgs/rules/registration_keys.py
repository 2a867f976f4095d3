"""Finds the org of a registration key, and tells a renewed key from one that never was."""

from __future__ import annotations

import hashlib

from orgs.models import Org, RenewedKey

_LETTERS = 16


def normalized(typed: str) -> str:
    """Return a typed key in the form XXXX-XXXX-XXXX-XXXX; empty if it can't be a key."""
    letters = "".join(each for each in typed.upper() if each not in "- \t")
    if len(letters) != _LETTERS or not (letters.isascii() and letters.isalnum()):
        return ""
    return "-".join(letters[start : start + 4] for start in range(0, _LETTERS, 4))


def digest(key: str) -> str:
    """Return what is remembered of a key of before: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def org_of(key: str) -> Org | None:
    """Return the active org with this key."""
    found: Org | None = Org.objects.active().filter(registration_key=key).first() if key else None
    return found


def was_renewed(key: str) -> bool:
    """Return whether an org had this key before."""
    return bool(key) and RenewedKey.objects.filter(sha256=digest(key)).exists()
