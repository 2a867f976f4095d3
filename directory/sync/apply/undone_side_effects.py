"""Puts back what a run has changed beside the accounts: who set a state, grants, devices and archives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from directory.models import RunChange
from directory.sync.plan.rules import undo_devices_archives
from directory.sync.stored import side_effects
from orgs.actions import state_restoration
from orgs.rules.actors import Actor


def put_back_beside_accounts(changes: Sequence[RunChange], *, by: Actor, at: datetime) -> None:
    """Put back the states, grants, devices and archives of these changes; call it once the accounts are put back."""
    remembered = {row.user_id: row.put_back for row in changes if row.user_id is not None}
    state_restoration.states(
        users={pk: side_effects.with_datetimes(each["states"]) for pk, each in remembered.items()}, by=by, at=at
    )
    state_restoration.grants(
        roles={
            (pk, role): (granted_by, datetime.fromisoformat(granted_at))
            for pk, each in remembered.items()
            for role, (granted_by, granted_at) in each["grants"].items()
        }
    )
    devices = [item for each in remembered.values() for item in each["devices"].items()]
    state_restoration.devices(
        remembered={
            int(key): side_effects.with_datetimes(side_effects.only(row["then"], side_effects.DEVICE))
            for key, row in devices
        },
        by=by,
        at=at,
    )
    archives = {int(key): row["then"] for each in remembered.values() for key, row in each["archives"].items()}
    live = [pk for pk, then in archives.items() if then["state"] == undo_devices_archives.LIVE]
    state_restoration.live_archives(archive_ids=live, at=at)
    cold = {
        pk: side_effects.with_datetimes(then)
        for pk, then in archives.items()
        if then["state"] == undo_devices_archives.COLD
    }
    state_restoration.cold_archives(dates=cold, by=by, at=at)
