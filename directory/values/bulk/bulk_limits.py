"""The limits of acts on many users: when the number of people has to be typed, and when the act is held back first. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from orgs.text import counted

# An act on at most so many people needs no further confirmation.
FREE = 100
# Shares of the active users of the acting person's part, and the count that is too many in any part.
CUT_OFF_PERCENT = 5
CUT_OFF_MOST = 500
CHANGED_PERCENT = 20
# So many grants of a role that holds ``admin`` pass, as in a sync.
ADMIN_GRANTS = 5


@dataclass(frozen=True, slots=True)
class BulkFigures:
    """How many people an act concerns.

    ``earlier`` is how many the same person has changed, or is about to change, by such acts in the last 24 hours, so that many small
    acts count as one large one. ``active`` is the number of active users in the person's part. ``cuts_off`` is true for
    acts that shut people out, ``grants_admin`` for a role that holds ``admin``. ``earlier_admins`` are those of the
    earlier people who were given such a role.
    """

    people: int
    earlier: int
    active: int
    cuts_off: bool
    grants_admin: bool = False
    earlier_admins: int = 0

    @property
    def together(self) -> int:
        """The people of this act and of the earlier ones."""
        return self.people + self.earlier


def needs_count(figures: BulkFigures) -> bool:
    """Return whether the person has to type the number of people."""
    return figures.together > FREE or bool(passed(figures))


def passed(figures: BulkFigures) -> list[str]:
    """Return the limits that the act passes, as sentences for the person who confirms it."""
    found, people = [], counted(figures.together, "person", "people")
    active = counted(figures.active, "active user", "active users")
    if figures.grants_admin and (admins := figures.people + figures.earlier_admins) > ADMIN_GRANTS:
        holders = counted(admins, "person", "people")
        found.append(f"{holders} would get a role that holds admin; the limit is {ADMIN_GRANTS}")
    if figures.together <= FREE:
        return found
    share = CUT_OFF_PERCENT if figures.cuts_off else CHANGED_PERCENT
    if figures.together * 100 > share * figures.active:
        found.append(f"{people} are more than {share} % of the {active} of your part")
    elif figures.cuts_off and figures.together > CUT_OFF_MOST:
        found.append(f"{people} would be shut out; the limit is {CUT_OFF_MOST}")
    if found and figures.earlier:
        found.append(f"{figures.earlier} of them are in your other acts of the last 24 hours")
    return found
