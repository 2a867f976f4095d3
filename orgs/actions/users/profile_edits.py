"""Saves what a person has edited of a user, unless somebody else has saved it since the person began."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.users import user_profiles
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.rules.actors import Actor

# What is compared: everything that can be edited.
EDITED = ("username", "email", "first_name", "last_name", "notes")


class ChangedMeanwhile(Refused):
    """Somebody else has saved the user since the form was opened, so nothing was written."""


def version(user: User) -> str:
    """Return a hash of what can be edited, to notice a change by somebody else."""
    values = [getattr(user, name) for name in EDITED]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@transaction.atomic
def edit(*, user_id: int, profile: Profile | None, notes: str, known: str, by: Actor, at: datetime) -> bool:
    """Save profile and notes of a user; ``profile`` is None to leave it alone. Return whether anything changed.

    ``known`` is the version from which the edit began.

    Raises:
        ChangedMeanwhile: when the user has another version by now.
        Refused: when the username is empty or taken; when the profile changes and the user holds more than ``by``.
    """
    locks.users([user_id])
    stored = User.objects.get(pk=user_id)
    if version(stored) != known:
        raise ChangedMeanwhile(f"somebody else has changed {stored.username} since you began: compare, and save again")
    changed = bool(profile and user_profiles.update_profiles(profiles={user_id: profile}, by=by, at=at))
    if notes != stored.notes:
        User.objects.filter(pk=user_id).update(notes=notes)
        label = profile.username if profile else stored.username
        fact = Fact("user", user_id, label, before={"notes": stored.notes}, after={"notes": notes})
        note([fact], action="notes changed", by=by, at=at)
        changed = True
    return changed
