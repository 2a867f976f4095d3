"""What is true of every user, without the times at which it became so: two histories can be compared by it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from directory.models import KnownId, Match
from orgs.models import Archive, Device, RoleGrant, User

Facts = dict[int, dict[str, Any]]
STATES = ("active", "deactivated_by", "blocked", "blocked_by", "pending", "pending_by", "managed_locally")
NAMES = ("username", "email", "first_name", "last_name")


def facts() -> Facts:
    """Return the facts of every user by id."""
    roles: dict[int, set[str]] = defaultdict(set)
    for pk, name in RoleGrant.objects.values_list("user_id", "role__name"):
        roles[pk].add(name)
    devices: dict[int, dict[int, Any]] = defaultdict(dict)
    columns = ("pk", "active", "deactivated_by", "deactivated_with_user", "authorized")
    for owner, *row in Device.objects.values_list("user_id", *columns):
        devices[owner][row[0]] = tuple(row[1:])
    archives: dict[int, dict[int, str]] = defaultdict(dict)
    for owner, pk, state in Archive.objects.values_list("device__user_id", "pk", "state"):
        archives[owner][pk] = state
    held = set(User.objects.on_legal_hold().values_list("pk", flat=True))
    return {
        row["pk"]: {
            **{name: row[name] for name in (*STATES, *NAMES)},
            "org": row["org__name"],
            "roles": roles[row["pk"]],
            "on_hold": row["pk"] in held,
            "devices": devices[row["pk"]],
            "archives": archives[row["pk"]],
        }
        for row in User.objects.values("pk", "org__name", *STATES, *NAMES)
    }


def known_ids() -> dict[int, set[str]]:
    """Return all immutable ids that were ever noted of each user."""
    found: dict[int, set[str]] = defaultdict(set)
    for model in (Match, KnownId):
        for pk, unique_id in model.objects.exclude(unique_id="").values_list("user_id", "unique_id"):
            found[pk].add(unique_id)
    return found


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The facts at one moment, the immutable ids that were known then, and the server that each user was matched on."""

    facts: Facts
    ids: dict[int, set[str]]
    servers: dict[int, int | None]

    @classmethod
    def now(cls) -> Snapshot:
        return cls(facts(), known_ids(), dict(Match.objects.values_list("user_id", "server_id")))

    def changed(self, later: Facts) -> set[int]:
        """Return whose facts are not what they were."""
        return {pk for pk in self.facts.keys() | later.keys() if self.facts.get(pk) != later.get(pk)}


def cut_off(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Return whether somebody was deactivated, blocked or marked for it."""
    return (
        (before["active"] and not after["active"])
        or (after["blocked"] and not before["blocked"])
        or (after["pending"] and not before["pending"])
    )
