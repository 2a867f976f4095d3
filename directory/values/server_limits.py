"""Describes each limit of an LDAP server once: its setting, default, bounds and words, and what it counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

# Among fewer users or entries any share is a large one.
NEVER_HELD_UNDER = 10
# A limit that lets this many percent pass is as good as none.
NEARLY_ALL = 90


class Counted(StrEnum):
    """What limits count in a plan."""

    ABSENT = "absent"
    INACTIVE = "inactive"
    ORG_ABSENT = "absent of org"
    ORG_INACTIVE = "inactive of org"
    SCRIPT_ERRORS = "script errors"
    LOST_IDS = "lost ids"
    MOVES = "moves"
    ROLE_CHANGES = "role changes"
    ROLE_LOSSES = "losses of role"
    ADMIN_GRANTS = "admin grants"
    RENAMES = "renames"
    PROFILE_CHANGES = "profile changes"
    REACTIVATIONS = "reactivations"

    def of(self, subject: object) -> str:
        """Return the key of this count for one org (by id) or one role (by name)."""
        return f"{self.value}/{subject}"


class LimitUnit(StrEnum):
    """The unit of a limit's number."""

    PERCENT = "percent"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: the setting ``limit_<name>`` of a server, and the ``sentence`` for a plan that passes it.

    Each of ``counted`` is counted separately. The number limits a count, or a share of a whole: of active users, entries, or
    holders of a role. Fewer than ``never_under`` are always allowed as a share, and so is any share of a whole below
    ``counts_from``. With ``over_time`` the changes of runs in the last 24 hours count, too. With the number ``off`` the
    limit holds nothing back. Limits without ``counted`` are about the entries that were read.
    """

    name: str
    default: int
    label: str
    held_back: str
    counted: tuple[Counted, ...] = ()
    sentence: str = ""
    unit: LimitUnit = LimitUnit.PERCENT
    least: int = 1
    most: int = 100
    off: int = 100
    never_under: int = NEVER_HELD_UNDER
    counts_from: int = 0
    over_time: bool = True
    deactivations: bool = False

    @property
    def setting(self) -> str:
        """The name of the setting."""
        return f"limit_{self.name}"

    @property
    def nearly_off(self) -> int:
        """The number from which on the limit holds back almost nothing."""
        if self.unit is LimitUnit.COUNT:
            return self.off // 10
        return NEARLY_ALL if self.off > self.default else 100 - NEARLY_ALL

    def is_off(self, number: int) -> bool:
        """Return whether the limit holds back nothing, or almost nothing, with this number."""
        return number >= self.nearly_off if self.off > self.default else number <= self.nearly_off

    @property
    def help(self) -> str:
        """A sentence for the page: what the limit counts."""
        few = (
            f" Fewer than {self.never_under} never hold a run back."
            if self.unit is LimitUnit.PERCENT and self.never_under > 1
            else ""
        )
        return f"Held back by: {self.held_back}.{few}"


_CUT_OFF = "would be deactivated or blocked"
LIMITS = (
    Limit(
        "deactivations_percent",
        5,
        "deactivations, percent",
        "deactivations and blocks, of the active users; absent and inactive users are counted apart",
        (Counted.ABSENT, Counted.INACTIVE),
        "{count} of {whole} active users " + _CUT_OFF + "{cause}",
        deactivations=True,
    ),
    Limit(
        "deactivations_count",
        500,
        "deactivations, count",
        "deactivations and blocks, however many active users there are",
        (Counted.ABSENT, Counted.INACTIVE),
        "{count} of {whole} active users " + _CUT_OFF + "{cause}",
        unit=LimitUnit.COUNT,
        most=1_000_000,
        off=1_000_000,
        deactivations=True,
    ),
    Limit(
        "org_deactivations_percent",
        20,
        "deactivations in one org, percent",
        "the same in one org of at least 50 active users",
        (Counted.ORG_ABSENT, Counted.ORG_INACTIVE),
        "{count} of {whole} active users of the org {subject} " + _CUT_OFF + "{cause}",
        counts_from=50,
        deactivations=True,
    ),
    Limit(
        "entries_percent",
        80,
        "entries, percent of the last complete reading",
        "entries that were read, less than this share of the last complete reading",
        off=1,
    ),
    Limit(
        "script_errors_percent",
        1,
        "script errors, percent",
        "script errors, of the entries that are users",
        (Counted.SCRIPT_ERRORS,),
        "script errors in {count} of {whole} entries",
        never_under=NEVER_HELD_UNDER + 1,
        # The same entries fail in each run.
        over_time=False,
    ),
    Limit(
        "lost_ids_percent",
        1,
        "immutable ids that are missing or others, percent",
        "usernames that stand for another immutable id than is known of their users, or for none, of the active users",
        (Counted.LOST_IDS,),
        "the immutable ids of {count} of {whole} active users are missing or others than before",
        never_under=NEVER_HELD_UNDER + 1,
        # The same ids are missing in each run.
        over_time=False,
    ),
    Limit(
        "moves_percent",
        20,
        "moves, percent",
        "moves to another org, of the active users",
        (Counted.MOVES,),
        "{count} of {whole} active users would move to another org",
    ),
    Limit(
        "role_changes_percent",
        20,
        "role changes, percent",
        "changes of roles, of the active users",
        (Counted.ROLE_CHANGES,),
        "the roles of {count} of {whole} active users would change",
    ),
    Limit(
        "role_losses_percent",
        50,
        "losses of one role, percent of its holders",
        "users who lose one role, of its active holders where these are 3 or more",
        (Counted.ROLE_LOSSES,),
        "{count} of {whole} holders of the role {subject} would lose it",
        # Administrators are few: a share of all users would never show that they lose a role.
        never_under=1,
        counts_from=3,
    ),
    Limit(
        "admin_grants",
        5,
        "grants of a role that holds admin",
        "grants of a role that holds admin",
        (Counted.ADMIN_GRANTS,),
        "{users} would be granted a role that holds the admin permission",
        unit=LimitUnit.COUNT,
        least=0,
        most=1000,
        off=1000,
    ),
    Limit(
        "renames_percent",
        5,
        "renames, percent",
        "new usernames, of the active users",
        (Counted.RENAMES,),
        "{count} of {whole} active users would get another username",
    ),
    Limit(
        "profile_changes_percent",
        20,
        "name or email changes, percent",
        "changes of names or email addresses, of the active users",
        (Counted.PROFILE_CHANGES,),
        "the name or email of {count} of {whole} active users would change",
    ),
    Limit(
        "reactivations_percent",
        5,
        "reactivations, percent",
        "users who are reactivated or unblocked, as a share of the active users",
        (Counted.REACTIVATIONS,),
        "{users} would be reactivated or unblocked, and {whole} are active",
    ),
    Limit(
        "vanished_attributes_percent",
        5,
        "attributes that no entry has any more, percent of the entries that had them",
        "an attribute that the mapping or a script names has come from no entry, and at the last complete reading from "
        "at least this share of the entries",
    ),
)
BY_NAME: Mapping[str, Limit] = MappingProxyType({limit.name: limit for limit in LIMITS})


@dataclass(frozen=True, slots=True)
class Limits:
    """One server's numbers by the names of limits; a missing one has its default."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    canary: str = ""

    def of(self, name: str) -> int:
        """Return the number of the limit with this name."""
        return self.numbers.get(name, BY_NAME[name].default)
