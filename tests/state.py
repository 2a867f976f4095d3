"""What Rollcall holds, as values that can be compared: before and after something that must change nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.db.models import Model

Rows = dict[str, dict[Any, dict[str, Any]]]

# What follows a person's own doings, and no sync or attack: a session begins, a sign-in is noted.
VOLATILE = frozenset({"last_login"})
USERS = "orgs.User"


def domain_models() -> list[type[Model]]:
    """Return the models whose rows only an action may change: orgs, users, roles, devices, archives, holds, servers.

    The audit trail and the refusals of deployment policies are notes about attempts, refused ones too.
    """
    own = [*apps.get_app_config("orgs").get_models()]
    kept = {"LdapServer", "OrgServer", "ScriptVersion", "SyncSettings", "Match"}
    own += [model for model in apps.get_app_config("directory").get_models() if model.__name__ in kept]
    return [model for model in own if model.__name__ not in {"AuditEntry", "DeploymentRefusal"}]


def snapshot(*, ignoring: Collection[str] = VOLATILE) -> Rows:
    """Return all rows of the domain's tables, by model and key."""
    state: Rows = {}
    for model in domain_models():
        names = [field.attname for field in model._meta.concrete_fields if field.attname not in ignoring]
        state[model._meta.label] = {row[model._meta.pk.attname]: row for row in model._default_manager.values(*names)}
        for relation in model._meta.many_to_many:
            through: Any = relation.remote_field.through
            if through._meta.auto_created:
                state[through._meta.label] = {row["id"]: row for row in through._default_manager.values()}
    return state


def differences(before: Rows, after: Rows) -> list[str]:
    """Return what changed, a line for each row."""
    found = []
    for label, rows in before.items():
        for pk in rows.keys() | after[label].keys():
            old, new = rows.get(pk), after[label].get(pk)
            if old != new:
                names = sorted(name for name in (old or {}) if new and (old or {})[name] != new[name])
                what = ", ".join(f"{name}: {old[name]!r} → {new[name]!r}" for name in names) if old and new else ""
                found.append(f"{label} {pk} {what or ('appeared' if new else 'is gone')}")
    return sorted(found)


def lost(before: Rows, after: Rows) -> int:
    """Count the rows that are gone."""
    return sum(len(rows.keys() - after[label].keys()) for label, rows in before.items())


def changed_users(before: Rows, after: Rows) -> set[int]:
    """Return the ids of the users who are not as they were, in their own row, roles, devices, archives or holds."""
    touched: set[int] = set()
    devices = {**before["orgs.Device"], **after["orgs.Device"]}
    for label, rows in before.items():
        for pk in rows.keys() | after[label].keys():
            old, new = rows.get(pk), after[label].get(pk)
            if old == new:
                continue
            row = new or old or {}
            if label == USERS:
                touched.add(pk)
            elif "user_id" in row:
                touched.add(row["user_id"])
            elif "device_id" in row:
                touched.add(devices[row["device_id"]]["user_id"])
    return touched
