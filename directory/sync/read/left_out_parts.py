"""Sentences about what a reading left out by the settings of its server: parts of the tree, and aliases. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from orgs.text import counted

MOST_NAMED = 5


def sentences(referrals: Sequence[str], aliases: int) -> list[str]:
    """Return sentences about referrals that are left out on purpose (as URLs), and about this number of aliases."""
    found = []
    if referrals:
        named = ", ".join(referrals[:MOST_NAMED])
        found.append(f"{counted(len(referrals), 'referral is', 'referrals are')} left out as the settings say: {named}")
    if aliases:
        found.append(
            f"{counted(aliases, 'entry is an alias: whom it points to', 'entries are aliases: whom they point to')} is not read "
            "for that; where people are to be found so, turn “dereference aliases” on"
        )
    return found
