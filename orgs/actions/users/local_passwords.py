"""Sets local passwords, and marks users as managed locally."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.errors import Refused
from orgs.actions.users.user_rows import note_all, pick
from orgs.models import User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import password_counts


@transaction.atomic
def set_managed_locally(*, user_ids: Collection[int], managed_locally: bool, by: Actor, at: datetime) -> frozenset[int]:
    """Exclude users from syncs, or include them again. Return the users for whom that is a change.

    In an org that follows LDAP, a local password opens the account of a user who is managed locally. So a user who
    comes to be managed locally and holds more than personal permissions needs a new password: the old one is forgotten
    (``ways_in``).

    Raises:
        Refused: when one of them holds more than ``by``; when the acting person or the last SYSADMIN with a local
            password could not sign in any more.
    """
    locks.users(user_ids)
    changed = pick(user_ids, managed_locally=not managed_locally)
    escalation_guard.refuse_above(user_ids=changed, doing="mark them as managed locally, or not", by=by)
    with local_password_guard.watched(user_ids=changed, by=by, at=at):
        User.objects.filter(pk__among=changed).update(managed_locally=managed_locally)
    note_all(
        changed,
        "managed locally" if managed_locally else "managed by the directory",
        by=by,
        at=at,
        before={"managed_locally": not managed_locally},
        after={"managed_locally": managed_locally},
    )
    return frozenset(changed)


@dataclass(frozen=True, slots=True)
class MailedLink:
    """The link by which a user chooses a password; ``sent_by`` is the administrator, None for the user's own request."""

    sent_by: int | None


@transaction.atomic
def set_password(*, user: User, password: str, by: Actor, at: datetime, link: MailedLink | None = None) -> None:
    """Set a local password and end the user's other sessions.

    With a ``link`` the audit row has who sent it: others may read the mails to the user's address, so a later promotion
    has to know (``local_password_guard``).

    Raises:
        Refused: when the user holds more than ``by``; when the org follows LDAP, so that the password would not count.
    """
    locks.users([user.pk])
    stored = User.objects.select_related("org").get(pk=user.pk)
    escalation_guard.refuse_above(user_ids=[stored.pk], doing="set their password", by=by)
    if not password_counts(stored):
        raise Refused(
            f"{stored.org.name} follows LDAP, so a local password would not open {stored.username}'s account: "
            "mark the user as managed locally first"
        )
    stored.set_password(password)
    User.objects.filter(pk=stored.pk).update(password=stored.password, session_epoch=F("session_epoch") + 1)
    user.password = stored.password
    user.session_epoch = stored.session_epoch + 1
    after = {} if link is None else {"mailed_link": link.sent_by}
    note_all({stored.pk: stored.username}, "password set", by=by, at=at, after=after)


@transaction.atomic
def note_link(*, user: User, by: Actor, at: datetime) -> None:
    """Write that a link to choose a local password is mailed to the user.

    Raises:
        Refused: when the user holds more than ``by``; when a local password would not count, or the user has no address.
    """
    escalation_guard.refuse_above(user_ids=[user.pk], doing="have them choose a password", by=by)
    if not password_counts(user):
        raise Refused(f"{user.org.name} follows LDAP, so a local password would not open {user.username}'s account")
    if not user.email:
        raise Refused(f"{user.username} has no email address")
    note_all({user.pk: user.username}, "password link mailed", by=by, at=at, after={"to": user.email})
