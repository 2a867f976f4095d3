"""Reads the side effects of an applied change, as JSON for rows: who set which state, role grants, devices, archives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from directory.values.plan import Action
from orgs.actions import devices
from orgs.models import Archive, Device, RoleGrant, User

Values = dict[str, Any]

STATES = ("deactivated_by", "deactivated_at", "blocked_by", "blocked_at", "pending_by", "pending_at")
DEVICE_STATE = ("active", "deactivated_by", "deactivated_at", "deactivated_with_user")
DEVICE = (*DEVICE_STATE, "authorized")
ARCHIVE = ("state", "cold_since", "expires_at", "purge_at")
# The only actions that change devices and archives.
_REACHES_DEVICES = {Action.REACTIVATE, Action.DEACTIVATE, Action.MOVE}
# Actions that change nothing beside the account.
_NO_SIDE_EFFECTS = {Action.RENAME, Action.PROFILE}


@dataclass(slots=True)
class SideEffectSnapshot:
    """The state of a user beside the account, as JSON; devices and archives are by their ids as text."""

    states: Values = field(default_factory=dict)
    grants: dict[str, list[str]] = field(default_factory=dict)
    devices: dict[str, Values] = field(default_factory=dict)
    archives: dict[str, Values] = field(default_factory=dict)


def has_side_effects(actions: Collection[str]) -> bool:
    """Return whether these actions change anything beside the account."""
    return not _NO_SIDE_EFFECTS.issuperset(actions)


def read(changes: Mapping[int, Collection[str]]) -> dict[int, SideEffectSnapshot]:
    """Return snapshots of these users; ``changes`` maps user ids to actions.

    Who set which state is always included. Role grants, and devices with their archives, are included if an action can
    change them.
    """
    snapshots = {pk: SideEffectSnapshot() for pk in changes}
    for pk, *values in User.objects.filter(pk__among=changes).values_list("pk", *STATES):
        snapshots[pk].states = _json(STATES, values)
    if regranted := [pk for pk, actions in changes.items() if Action.SET_ROLES in actions]:
        columns = ("user", "role__name", "granted_by", "granted_at")
        for pk, role, granted_by, granted_at in RoleGrant.objects.filter(user__among=regranted).values_list(*columns):
            snapshots[pk].grants[role] = [granted_by, granted_at.isoformat()]
    if reached := [pk for pk, actions in changes.items() if not _REACHES_DEVICES.isdisjoint(actions)]:
        _read_devices(snapshots, reached)
    return snapshots


def _read_devices(snapshots: Mapping[int, SideEffectSnapshot], users: Collection[int]) -> None:
    found = Device.objects.filter(user__among=users).order_by("pk")
    rows = list(found.values_list("pk", "user_id", "name", *DEVICE))
    # The audit entry, not the computer: the one of before may be back.
    changes = devices.computer_changes([pk for pk, *_ in rows])
    for pk, user, name, *values in rows:
        described = {"name": name, "computer_changed": changes.get(pk)}
        snapshots[user].devices[str(pk)] = {**described, **_json(DEVICE, values)}
    stored = Archive.objects.filter(device__user__among=users).order_by("pk")
    columns = ("pk", "device__user_id", "device__name", "size_bytes", *ARCHIVE)
    for pk, user, device, size, *values in stored.values_list(*columns):
        snapshots[user].archives[str(pk)] = {"device": device, "bytes": size, **_json(ARCHIVE, values)}


def between(before: SideEffectSnapshot, after: SideEffectSnapshot) -> Values:
    """Return the side effects between two snapshots, as JSON for a row: all states, and the changes of the rest."""
    return {
        "states": {"before": before.states, "after": after.states},
        "grants": {role: grant for role, grant in before.grants.items() if role not in after.grants},
        "devices": _changed(before.devices, after.devices, DEVICE),
        "archives": _changed(before.archives, after.archives, ARCHIVE),
    }


def _changed(before: Mapping[str, Values], after: Mapping[str, Values], columns: Collection[str]) -> dict[str, Values]:
    found = {}
    for key, old in before.items():
        new = after.get(key)
        if new is not None and only(old, columns) != only(new, columns):
            named = {name: value for name, value in old.items() if name not in columns}
            found[key] = {**named, "before": only(old, columns), "after": only(new, columns)}
    return found


def only(values: Mapping[str, Any], columns: Collection[str]) -> Values:
    """Return the values of these columns."""
    return {name: values[name] for name in columns}


def time(value: str | None) -> datetime | None:
    """Return the time of its text in JSON, or None."""
    return None if value is None else datetime.fromisoformat(value)


def with_datetimes(values: Mapping[str, Any]) -> Values:
    """Return values with times instead of their texts in JSON; names of times end in ``_at`` or ``_since``."""
    return {name: time(value) if name.endswith(("_at", "_since")) else value for name, value in values.items()}


def _json(names: Iterable[str], values: Iterable[Any]) -> Values:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in zip(names, values, strict=True)
    }
