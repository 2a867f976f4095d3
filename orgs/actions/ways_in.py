"""Keeps watch over local passwords while orgs and users change: none opens by itself, and an administrator keeps one."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import F

from orgs.actions import guard
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.powers import NOTHING, Holding, beyond
from orgs.models import AuditEntry, User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import with_a_closed_password, with_a_local_way_in, with_a_password, with_an_open_password


def no_password() -> str:
    """Return what is stored for a user who has no local password: nothing that anybody can type."""
    return UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20)


@contextmanager
def watched(*, user_ids: Collection[int] | None = None, by: Actor, at: datetime) -> Iterator[None]:
    """Check what an act in the block does to local passwords, inside the caller's transaction.

    A password of an administrator that counted for nothing before and would count after it is forgotten: it may be
    known to whoever made the account when it was a plain one. ``user_ids`` are all whom the act can concern, None for
    anybody. A person's act is refused when they, or the last SYSADMIN who can sign in with a local password, could not
    any more; a sync changes nobody who has a local way in.

    Raises:
        Refused: when somebody would be locked out.
    """
    closed = _closed(user_ids)
    if by.run_id is not None:
        yield
    else:
        mine = _can_sign_in(by.user_id)
        with a_sysadmin_stays(by=by):
            yield
        if mine and not _can_sign_in(by.user_id):
            raise Refused(
                "you could not sign in any more, as your org would follow LDAP: have yourself marked as managed locally "
                "first"
            )
    if closed:
        still = set(with_a_closed_password().filter(pk__among=closed).values_list("pk", flat=True))
        opened_users = User.objects.filter(pk__among=closed - still)
        _forget(opened_users.holding_more_than_personal().values_list("pk", flat=True), by=by, at=at)


@contextmanager
def promotions_watched(*, user_ids: Collection[int], by: Actor, at: datetime) -> Iterator[None]:
    """Forget the local passwords that count of those who come to hold more in the block, where others may know them.

    A run decides about people of a directory, but it may have moved them into a local org a moment before, or, as an
    undo, give roles back in an org that is local by now: no password stays. After a person's act those stay that were
    not set by somebody else who holds less.
    """
    before = guard.holdings(_open(user_ids)) if user_ids else {}
    yield
    if before:
        after = guard.holdings(before.keys())
        promoted = [pk for pk in before if beyond(NOTHING, after[pk], before=before[pk])]
        affected = promoted if by.run_id is not None else [pk for pk in promoted if _set_by_less(pk, after[pk])]
        _forget(affected, by=by, at=at)


def _set_by_less(user_id: int, holding: Holding) -> bool:
    """Return whether somebody else set the user's password who does not hold that much now, by the audit trail.

    Retention keeps the entry. Where there is none, nobody knows who may know the password.
    """
    trail = AuditEntry.objects.that_gave_passwords().filter(object_id=user_id).order_by("-pk")
    given = trail.only("actor").first()
    if given is None:
        return True
    if given.actor_id is None or given.actor_id == user_id:
        return False
    return bool(beyond(guard.acting(Actor(label="", user_id=given.actor_id)) or NOTHING, holding))


@contextmanager
def a_sysadmin_stays(*, by: Actor) -> Iterator[None]:
    """Refuse an act in the block that leaves no SYSADMIN who can sign in with a local password, where there was one.

    Raises:
        Refused: when none is left.
    """
    there_was = by.run_id is None and with_a_local_way_in().sysadmins().exists()
    yield
    if there_was and not with_a_local_way_in().sysadmins().exists():
        raise Refused(
            "no SYSADMIN could sign in with a local password any more, and someone has to when LDAP does not answer: "
            "mark a SYSADMIN as managed locally and set their password first"
        )


def _can_sign_in(user_id: int | None) -> bool:
    return user_id is not None and with_a_local_way_in().filter(pk=user_id).exists()


def _closed(user_ids: Collection[int] | None) -> set[int]:
    if user_ids is None:
        return set(with_a_closed_password().values_list("pk", flat=True))
    # The settings of all orgs are read only where there is anybody to ask about: hardly anybody of a directory is.
    having = having_passwords(user_ids)
    return set(with_a_closed_password().filter(pk__among=having).values_list("pk", flat=True)) if having else set()


def _open(user_ids: Collection[int]) -> list[int]:
    having = having_passwords(user_ids)
    return list(with_an_open_password().filter(pk__among=having).values_list("pk", flat=True)) if having else []


def having_passwords(user_ids: Collection[int]) -> list[int]:
    """Return those of these users who have a local password, whether it counts or not; the others need no watch."""
    if not user_ids:
        return []
    return list(with_a_password().filter(pk__among=user_ids).values_list("pk", flat=True))


def _forget(user_ids: Iterable[int], *, by: Actor, at: datetime) -> None:
    names = dict(User.objects.filter(pk__among=list(user_ids)).order_by("pk").values_list("pk", "username"))
    for pk in names:
        User.objects.filter(pk=pk).update(password=no_password(), session_epoch=F("session_epoch") + 1)
    note([Fact("user", pk, name) for pk, name in names.items()], action="password forgotten", by=by, at=at)
