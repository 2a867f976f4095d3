"""Describes each count of a run once: its key, what it counts, and its words wherever it is shown. Pure.

To add a count, add it to ``COUNTS``: stored runs, JSON, pages, lists, filters, log lines and mails take it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from directory.values.plan import Action, Outcome


@dataclass(frozen=True, slots=True)
class RunCount:
    """One count of a run; ``key`` is its name in stored runs, in JSON and in log lines.

    A user is counted by ``outcome``, or by any of ``actions`` unless the action ``unless`` is done to them, too. The first
    action gives the icon and the filter. ``plan_counts`` counts those with neither in its own way.
    ``label`` is the name on pages, and in mails unless ``in_mail`` is set. ``one`` and ``many`` follow the number on the
    command line and in the list of runs; the list has little room, so it takes ``short`` if set, and leaves out the count
    if ``in_list`` is False. ``in_log``: log lines have it. ``in_subject``: the subject of a mail counts it as a change.
    ``in_undo``: an undo, which reads no directory and runs no script, can count it.
    ``listed_by`` is the filter, with its value, that lists the counted users among a run's changes; by default it is the
    outcome or the first action.
    """

    key: str
    label: str
    one: str
    many: str
    outcome: Outcome | None = None
    actions: tuple[Action, ...] = ()
    unless: Action | None = None
    in_mail: str = ""
    short: str = ""
    in_list: bool = True
    in_log: bool = False
    in_subject: bool = False
    in_undo: bool = True
    listed_by: tuple[str, str] | None = None

    def counts(self, outcome: Outcome, actions: frozenset[str]) -> bool:
        """Return whether a user with this outcome and these actions is counted."""
        if self.outcome is not None:
            return outcome is self.outcome
        return not actions.isdisjoint(self.actions) and self.unless not in actions

    @property
    def filter(self) -> tuple[str, str] | None:
        """The filter, with its value, that lists the counted users among a run's changes; None when all are counted."""
        if self.listed_by is None and self.outcome is not None:
            return "outcome", self.outcome.value
        if self.listed_by is None and self.actions:
            return "action", self.actions[0].value
        return self.listed_by


USERS = RunCount("users", "Users checked", "user", "users", in_mail="Users looked at", in_list=False, in_log=True)
DEACTIVATED = RunCount(
    "deactivated",
    "Deactivated",
    "deactivated",
    "deactivated",
    actions=(Action.DEACTIVATE,),
    in_log=True,
    in_subject=True,
)
# Users blocked instead of deactivated, or only marked as pending because a person had blocked them before.
BLOCKED = RunCount(
    "blocked",
    "Blocked, deactivation pending",
    "blocked, deactivation pending",
    "blocked, deactivation pending",
    actions=(Action.SET_PENDING, Action.BLOCK),
    unless=Action.DEACTIVATE,
    in_mail="Blocked, deactivation pending (legal hold)",
    short="blocked",
    in_subject=True,
)
ACTIVATED = RunCount(
    "activated",
    "Reactivated",
    "activated",
    "activated",
    actions=(Action.REACTIVATE, Action.UNBLOCK),
    in_mail="Activated or unblocked",
    in_log=True,
    in_subject=True,
    listed_by=("action", "activated"),
)
MOVED = RunCount(
    "moved",
    "Moved",
    "moved",
    "moved",
    actions=(Action.MOVE,),
    in_mail="Moved to another org",
    in_log=True,
    in_subject=True,
)
ROLES_CHANGED = RunCount(
    "rolesChanged",
    "Roles changed",
    "with other roles",
    "with other roles",
    actions=(Action.SET_ROLES,),
    in_log=True,
    in_subject=True,
)
RENAMED = RunCount("renamed", "Renamed", "renamed", "renamed", actions=(Action.RENAME,))
PROFILE_CHANGED = RunCount(
    "profileChanged",
    "Name or email changed",
    "with another name or email",
    "with another name or email",
    actions=(Action.PROFILE,),
)
SCRIPT_ERRORS = RunCount(
    "scriptErrors", "Script errors", "script error", "script errors", outcome=Outcome.SCRIPT_ERROR, in_undo=False
)
NOT_CHECKED = RunCount(
    "notChecked", "Not checked", "not checked", "not checked", outcome=Outcome.NOT_CHECKED, in_undo=False
)
CONFLICTS = RunCount("conflicts", "Conflicts", "conflict", "conflicts", outcome=Outcome.CONFLICT, in_undo=False)
WARNINGS = RunCount("warnings", "Warnings", "warning", "warnings", in_list=False, listed_by=("warnings", "yes"))

# In the order of pages, mails, logs, JSON and the command line.
COUNTS = (
    USERS,
    DEACTIVATED,
    BLOCKED,
    ACTIVATED,
    MOVED,
    ROLES_CHANGED,
    RENAMED,
    PROFILE_CHANGED,
    SCRIPT_ERRORS,
    NOT_CHECKED,
    CONFLICTS,
    WARNINGS,
)


def filled(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with every key, in order."""
    return {count.key: counts.get(count.key, 0) for count in COUNTS}


def of_actions() -> Iterator[RunCount]:
    """Yield the counts of actions, in order."""
    return (count for count in COUNTS if count.actions)


# A cache: users are many, but combinations of outcome and actions are few.
@lru_cache(maxsize=1024)
def counted_as(outcome: str, actions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of the counts that count a user with this outcome and these actions."""
    ended, done = Outcome(outcome), frozenset(actions)
    return tuple(count.key for count in COUNTS if count.counts(ended, done))
