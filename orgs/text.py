"""Compares names the way a directory does: by case-folded, normalized text with single spaces."""

from __future__ import annotations

import secrets
import unicodedata


def fold(text: str) -> str:
    """Return the key under which two spellings of one name are the same (after RFC 4518's caseIgnoreMatch)."""
    if text.isascii():
        # What normalizing leaves alone, and nearly all names are.
        return " ".join(text.casefold().split())
    once = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", once).split())


def registration_key() -> str:
    """Return a new key ``XXXX-XXXX-XXXX-XXXX`` of letters and digits that are hard to mistake for each other."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))
