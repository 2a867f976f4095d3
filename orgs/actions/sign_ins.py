"""Writes sign-ins into the audit trail, those that were refused too, with the client's address."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.users.sign_in_trail import KIND
from orgs.models import User
from orgs.rules.actors import Actor, person
from orgs.text import fold

# The author of what somebody does who has not signed in.
NOBODY = Actor(label="not signed in")
SIGNED_IN, REFUSED = "signed in", "sign-in refused"
# What is typed as a username may be a password, so a name that nobody has is not kept.
UNKNOWN = "a username that nobody has"


@transaction.atomic
def note_signed_in(*, user: User, origin: Mapping[str, str], checked_by: str, second_factor: str, at: datetime) -> None:
    """Note that a user has signed in; ``checked_by`` is what has checked the password, ``origin`` address and browser."""
    after = {**origin, "checked by": checked_by, "second_factor": second_factor}
    fact = Fact(KIND, user.pk, user.username, after=after)
    note([fact], action=SIGNED_IN, by=person(user), at=at)


@transaction.atomic
def note_refused(*, username: str, address: str, reasons: Collection[str], at: datetime) -> None:
    """Note that a sign-in with this username was refused, and why."""
    after = {"address": address, **({"reason": "; ".join(reasons)} if reasons else {})}
    user = User.objects.filter(username_key=fold(username)).first()
    fact = Fact(KIND, user.pk, user.username, after=after) if user is not None else Fact(KIND, 0, UNKNOWN, after=after)
    note([fact], action=REFUSED, by=NOBODY, at=at)
