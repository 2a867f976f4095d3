"""Puts back stored facts about states, role grants, devices and archives: who set them, when, and until when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from orgs.actions import archives, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import Archive, ArchiveState, Device, RoleGrant, User
from orgs.rules.actors import Actor

Remembered = Mapping[int, Mapping[str, Any]]

# The states for which a user has "set by" and "set at", and the column values of a user in that state.
STATES: Mapping[str, Mapping[str, bool]] = {
    "deactivated": {"active": False},
    "blocked": {"blocked": True},
    "pending": {"pending": True},
}
DEVICE = ("active", "deactivated_by", "deactivated_at", "deactivated_with_user", "authorized")


@transaction.atomic
def states(*, users: Remembered, by: Actor, at: datetime) -> None:
    """Store again who set the states of these users, and when; skip states that a user is not in.

    The values are ``deactivated_by``, ``deactivated_at`` and the same for ``blocked`` and ``pending``. A time that is
    left out stays as stored.
    """
    locks.users(users)
    columns = [f"{state}_{what}" for state in STATES for what in ("by", "at")]
    stored = {row["pk"]: row for row in User.objects.filter(pk__in=users).values("pk", "username", *columns)}
    for state, while_in_it in STATES.items():
        names = (f"{state}_by", f"{state}_at")
        changes = {
            pk: {name: row[name] for name in names if name in row} for pk, row in users.items() if row.get(names[0])
        }
        _update(User.objects.all(), changes, **while_in_it)
    present = {row["pk"]: row for row in User.objects.filter(pk__in=users).values("pk", *columns)}
    facts = [
        Fact("user", pk, row["username"], before=_as_json(row, changed), after=_as_json(present[pk], changed))
        for pk, row in stored.items()
        if (changed := [name for name in columns if row[name] != present[pk][name]])
    ]
    note(facts, action="states put back", by=by, at=at)


@transaction.atomic
def grants(*, roles: Mapping[tuple[int, str], tuple[str, datetime]]) -> None:
    """Store again who granted these roles (user id and name of the role), and when, if the users still hold them."""
    locks.users({user for user, _ in roles})
    alike: dict[tuple[str, str, datetime], list[int]] = {}
    for (user, role), (granted_by, granted_at) in roles.items():
        alike.setdefault((role, granted_by, granted_at), []).append(user)
    for (role, granted_by, granted_at), users in alike.items():
        RoleGrant.objects.filter(user__among=users, role__name=role).update(
            granted_by=granted_by, granted_at=granted_at
        )


@transaction.atomic
def devices(*, remembered: Remembered, by: Actor, at: datetime) -> None:
    """Put these devices back: active or not, who set that, authorized or not. Archives have their own functions.

    Raises:
        Refused: when a device would be active while its user is not.
    """
    locks.owners_of_devices(remembered)
    stored = {
        row["pk"]: row
        for row in Device.objects.filter(pk__in=remembered).values(
            "pk", "name", "user__username", "user__active", *DEVICE
        )
    }
    for pk, row in stored.items():
        if remembered[pk]["active"] and not row["user__active"]:
            raise Refused(f"{row['name']} belongs to {row['user__username']}, who is deactivated")
    changed = {pk: [name for name in DEVICE if row[name] != remembered[pk][name]] for pk, row in stored.items()}
    _update(Device.objects.all(), {pk: dict(remembered[pk]) for pk, names in changed.items() if names})
    for action, active in (("device reactivated", True), ("device put back", False)):
        facts = [
            Fact("device", pk, stored[pk]["name"], _as_json(stored[pk], names), _as_json(remembered[pk], names))
            for pk, names in changed.items()
            if names and active is (remembered[pk]["active"] and not stored[pk]["active"])
        ]
        note(facts, action=action, by=by, at=at)


@transaction.atomic
def live_archives(*, archive_ids: Collection[int], at: datetime) -> frozenset[int]:
    """Take the unexpired ones of these archives out of cold storage. Return the ids of those that are live."""
    locks.owners_of_archives(archive_ids)
    archives.out_of_cold_storage(archive_ids=archive_ids, at=at)
    live = Archive.objects.filter(pk__among=archive_ids, state=ArchiveState.LIVE)
    return frozenset(live.values_list("pk", flat=True))


@transaction.atomic
def cold_archives(*, dates: Remembered, by: Actor, at: datetime) -> None:
    """Give archives in cold storage their stored dates ``cold_since`` and ``expires_at`` again.

    Skip an archive whose ``expires_at`` has passed: it would be lost at once. It keeps its present dates.
    """
    locks.owners_of_archives(dates)
    future_dates = {pk: {name: row[name] for name in ("cold_since", "expires_at")} for pk, row in dates.items()}
    future_dates = {pk: row for pk, row in future_dates.items() if row["expires_at"] > at}
    cold = Archive.objects.filter(pk__among=future_dates, state=ArchiveState.COLD_STORAGE)
    stored = {row["pk"]: row for row in cold.values("pk", "device__name", "cold_since", "expires_at")}
    _update(Archive.objects.all(), {pk: future_dates[pk] for pk in stored})
    names = ["cold_since", "expires_at"]
    facts = [
        Fact("archive", pk, row["device__name"], before=_as_json(row, names), after=_as_json(future_dates[pk], names))
        for pk, row in stored.items()
    ]
    note(facts, action="archive dates put back", by=by, at=at)


def _update(stored: QuerySet[Any], rows: Remembered, **only: bool) -> None:
    """Set columns of rows, with one statement for all rows with the same values: most rows of one run are alike."""
    alike: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for pk, values in rows.items():
        alike.setdefault(tuple(sorted(values.items())), []).append(pk)
    for same, pks in alike.items():
        stored.filter(pk__among=pks, **only).update(**dict(same))


def _as_json(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: row[name].isoformat() if isinstance(row[name], datetime) else row[name] for name in names}
