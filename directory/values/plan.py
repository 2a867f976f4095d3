"""Users, matches and changes: what a plan is decided from and made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from directory.values.ldap import Identity
from directory.values.scripts import Verdict


class MatchedBy(StrEnum):
    """By what an entry was taken for a user."""

    ID = "immutable id"
    USERNAME = "username"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who an entry may be; ``competing_users`` are other users with a claim to the same entry."""

    user_id: int
    by: MatchedBy
    competing_users: tuple[int, ...] = ()


class Presence(StrEnum):
    """Whether the directory has one user."""

    FOUND = "found"
    ABSENT = "absent"
    NOT_LOOKED_FOR = "not looked for"
    NOT_CHECKED = "not checked"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What a lookup of one user in the directory gave, with the verdict of the scripts where an entry was found.

    ``known_id`` is an immutable id that is known of the user. ``entry_id`` is the stored entry, 0 for none;
    ``newly_matched`` says that it is another one than is noted, or has ids that are not. ``waits`` is the reason why it
    is too early to act on an absence. ``proofs`` are sentences of the confirmation. ``unchecked`` is the LDAP server and
    the reason as many users share them who could not be checked; ``reason`` is about this user. ``elsewhere`` is where
    a user who is not found was last, if their org does not ask there. ``namesakes`` are entries of other people with
    the username of somebody absent. ``ways`` is one sentence: by which groups the user is in others.
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
        """Whether the username stands for another immutable id than is known of the user, or for none."""
        if not self.known_id:
            return False
        by_name = self.presence is Presence.FOUND and self.matched_by != MatchedBy.ID
        return by_name or bool(self.namesakes)


@dataclass(frozen=True, slots=True)
class Account:
    """The state of one user that a sync can change; wanted and stored accounts have this same shape."""

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
    """One user as stored: the account, and the facts that decide what a sync may do with it.

    ``session_epoch`` grows with every change of roles and with whatever else ends the user's sessions.
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
    """What a sync may do to a user; the order is the order in which the actions are applied."""

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
    """How a user fared: what was decided, and for a planned change how applying it ended."""

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


# Of whoever fares so nobody knows which entry is theirs: the match that is noted stays.
DOUBTFUL = Outcome.CONFLICT.value


class Cause(StrEnum):
    """Why a user is deactivated or blocked; limits count them apart."""

    NONE = ""
    ABSENT = "absent"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Change:
    """What one run wants for one user: before, after and the steps that led there."""

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
    """What is decided for one user, and what it was decided from.

    ``put_back`` is what an undo puts back beside the account, as the change's row keeps it.
    """

    change: Change
    user: StoredUser
    lookup: LookupResult
    put_back: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OrgFacts:
    """What a plan needs of one org; ``servers`` are ids in the order in which they are searched.

    ``path`` is the org's place in the tree: it begins with that of each org above.
    """

    id: int
    name: str
    default_roles: frozenset[str] = frozenset()
    synchronized: bool = True
    servers: tuple[int, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What verdicts are read against: active orgs and roles by folded name, and the setting that spares people's work.

    ``grantable`` holds the role names that each LDAP server, by id, may grant; ``powerful_roles`` hold ``admin`` or an
    ``admin.all…`` permission, so that a grant by mistake would open every org. What ``org_roles`` allow reaches the org of
    whoever holds them, and those below it. ``by_id`` has the same orgs by id.
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
