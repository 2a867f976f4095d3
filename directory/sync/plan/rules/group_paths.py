"""Says by which groups somebody is in other groups, for the steps of a change: those that the scripts name first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from directory.ldap.errors import plain
from directory.values.distinguished_names import text_of_first
from directory.values.scripts import Scripts

MOST = 10
# What stands in a script that looks at groups.
GROUPS = "groups"


def look_at_groups(scripts: Scripts) -> bool:
    """Return whether any of the scripts may look at groups."""
    return GROUPS in _text(scripts)


def sentence(ways: Sequence[Sequence[str]], scripts: Scripts) -> str:
    """Return the step that names how groups are reached; empty where there are none.

    ``ways`` hold DNs: the group that is reached, and those in between, down to the one that names the person.
    """
    if not ways:
        return ""
    text = _text(scripts)
    named = [list(map(text_of_first, way)) for way in ways]
    # In their order otherwise.
    named.sort(key=lambda way: way[0].lower() not in text)
    shown = [plain(" ← ".join(way)) for way in named[:MOST]]
    rest = [f"and {len(named) - MOST} more"] if len(named) > MOST else []
    return f"Groups through other groups: {'; '.join([*shown, *rest])}."


def _text(scripts: Scripts) -> str:
    return "\n".join(scripts.values()).lower()
