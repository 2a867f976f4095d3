"""Reactivates users by hand; a setting decides whether their devices come back with them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from directory.models import SyncSettings
from orgs.actions.archives import Restored
from orgs.actions.users import deactivation
from orgs.rules.actors import Actor


def with_devices() -> bool:
    """Return whether the settings reactivate devices with their user."""
    return not SyncSettings.objects.filter(reactivate_devices=False).exists()


def reactivate(*, user_ids: Collection[int], by: Actor, at: datetime) -> tuple[frozenset[int], Restored]:
    """Reactivate users. Return those who were deactivated, and the counts of restored and lost archives.

    Raises:
        Refused: when one of them holds more than ``by``, or is in an org that is not active.
    """
    return deactivation.reactivate(user_ids=user_ids, by=by, at=at, with_devices=with_devices())
