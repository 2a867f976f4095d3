"""Users, matches, lookup results and changes: the values from which a plan is decided and made. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from directory.values.ldap import Identity
from directory.values.scripts import Verdict


class MatchedBy(StrEnum):
    """By what an entry was matched to a user."""

    ID = "immutable id"
    USERNAME = "username"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A user to whom an entry may belong; ``competing_users`` are other users with a claim to the same entry."""

    user_id: int
    by: MatchedBy
    competing_users: tuple[int, ...] = ()


class Presence(StrEnum):
    """Whether a user was found in the directory."""

    FOUND = "found"
    ABSENT = "absent"
    NOT_LOOKED_FOR = "not looked for"
    NOT_CHECKED = "not checked"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class LookupResult:
    """The result of looking up one user in the directory, with the verdict of the scripts if an entry was found.

    ``known_id`` is a stored immutable id of the user. ``entry_id`` is the stored entry, 0 for none. ``newly_matched``: the
    entry differs from the stored match, or has ids that are not stored. ``waits`` is the reason why it is too early to act
    on an absence. ``proofs`` are sentences that confirm an absence. ``unchecked`` is the LDAP server and the general reason
    why users could not be checked; ``reason`` is about this user alone. ``elsewhere`` is where a missing user was last
    found, if their org does not use that server. ``namesakes`` are entries of other people with the username of an absent
    user. ``ways`` is one sentence: through which groups the user is in others.
    """

    presence: Presence
    server: str = ""
    server_id: int = 0
    identity: Identity | None = None
    verdict: Verdict | None = None
    matched_by: str = ""
    known_id: str = ""
    reason: str = ""
    entry_id: int = 0
    newly_matched: bool = False
    waits: str = ""
    proofs: tuple[str, ...] = ()
    unchecked: tuple[str, str] | None = None
    elsewhere: str = ""
    namesakes: tuple[Identity, ...] = ()
    ways: str = ""

    @property
    def lost_id(self) -> bool:
        """Whether the entry with the username has another immutable id than the user's known one, or none."""
        if not self.known_id:
            return False
        by_name = self.presence is Presence.FOUND and self.matched_by != MatchedBy.ID
        return by_name or bool(self.namesakes)


@dataclass(frozen=True, slots=True)
class Account:
    """The state of one user that a sync can change; wanted and stored accounts have the same shape."""

    username: str
    email: str
    first_name: str
    last_name: str
    active: bool
    blocked: bool
    pending: bool
    org: str
    org_id: int
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredUser:
    """One stored user: the account, and the facts that decide what a sync may do with it.

    ``session_epoch`` grows with every change of roles, and with every other change that ends the user's sessions.
    """

    id: int
    account: Account
    on_hold: bool = False
    managed_locally: bool = False
    deactivated_by_sync: bool = False
    blocked_by_sync: bool = False
    pending_by_sync: bool = False
    session_epoch: int = 0


class Action(StrEnum):
    """What a sync may do to a user, in the order in which the actions are applied."""

    REACTIVATE = "reactivate"
    UNBLOCK = "unblock"
    CLEAR_PENDING = "clear pending"
    RENAME = "rename"
    PROFILE = "update profile"
    MOVE = "move"
    SET_ROLES = "set roles"
    BLOCK = "block"
    DEACTIVATE = "deactivate"
    SET_PENDING = "deactivation pending"


class Outcome(StrEnum):
    """The outcome for one user: the decision, or how the application of a planned change ended."""

    PLANNED = "planned"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    SCRIPT_ERROR = "script error"
    CONFLICT = "conflict"
    NOT_CHECKED = "not checked"
    WAITING = "waiting"
    APPLIED = "applied"
    CHANGED_MEANWHILE = "changed meanwhile"
    REFUSED = "refused"


# With this outcome the user's entry is unclear: the stored match stays.
DOUBTFUL = Outcome.CONFLICT.value


class Cause(StrEnum):
    """Why a user is deactivated or blocked; limits count each cause separately."""

    NONE = ""
    ABSENT = "absent"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Change:
    """The change that one run wants for one user: before, after and the steps that led to it."""

    user_id: int
    outcome: Outcome
    before: Account
    after: Account
    steps: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    cause: Cause = Cause.NONE
    warnings: tuple[str, ...] = ()
    unknown_org: str = ""


class DecidedUser(NamedTuple):
    """The decision for one user, and what it is based on.

    ``put_back`` is what an undo restores besides the account, in the form of the change's row.
    """

    change: Change
    user: StoredUser
    lookup: LookupResult
    put_back: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OrgFacts:
    """The facts that a plan needs of one org; ``servers`` are ids in search order.

    ``path`` is the org's path in the tree: it begins with the path of each org above.
    """

    id: int
    name: str
    default_roles: frozenset[str] = frozenset()
    synchronized: bool = True
    servers: tuple[int, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What verdicts are turned into changes with: active orgs and roles by folded name, and a setting about reactivation.

    ``grantable`` has the role names that each LDAP server may grant, by the server's id. ``powerful_roles`` hold ``admin`` or
    an ``admin.all…`` permission: a grant by mistake would open every org. Permissions of ``org_roles`` reach the org of the
    role's holder, and the orgs below it. ``by_id`` has the same orgs by id.
    """

    orgs: Mapping[str, OrgFacts]
    roles: Mapping[str, str]
    admin_roles: frozenset[str] = frozenset()
    powerful_roles: frozenset[str] = frozenset()
    org_roles: frozenset[str] = frozenset()
    grantable: Mapping[int, frozenset[str]] = field(default_factory=dict)
    reactivate_set_by_person: bool = False
    by_id: Mapping[int, OrgFacts] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {org.id: org for org in self.orgs.values()})
