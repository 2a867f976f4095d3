"""Describes how a user is in groups through other groups, as a step of a change. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from directory.ldap.errors import plain
from directory.values.distinguished_names import text_of_first
from directory.values.scripts import Scripts

MOST = 10
# A script that contains this text may look at groups.
GROUPS = "groups"


def look_at_groups(scripts: Scripts) -> bool:
    """Return whether any of the scripts may look at groups."""
    return GROUPS in _text(scripts)


def sentence(ways: Sequence[Sequence[str]], scripts: Scripts) -> str:
    """Return the step that describes these ways, with groups that the scripts name first; empty if there are none.

    Each way is a list of DNs: the group that is reached, then those in between, down to the one that lists the user.
    """
    if not ways:
        return ""
    text = _text(scripts)
    named = [list(map(text_of_first, way)) for way in ways]
    # Groups whose DN stands in a script come first; the sort keeps the order of the others.
    named.sort(key=lambda way: way[0].lower() not in text)
    shown = [plain(" ← ".join(way)) for way in named[:MOST]]
    rest = [f"and {len(named) - MOST} more"] if len(named) > MOST else []
    return f"Groups through other groups: {'; '.join([*shown, *rest])}."


def _text(scripts: Scripts) -> str:
    return "\n".join(scripts.values()).lower()
