"""Keeps watch over local passwords while orgs and users change: none opens by itself, and an administrator keeps one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import F

from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actors import Actor
from orgs.local_sign_in import with_a_closed_password, with_a_local_way_in
from orgs.models import User


def no_password() -> str:
    """Return what is stored for a user who has no local password: nothing that anybody can type."""
    return UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20)


@contextmanager
def watched(*, by: Actor, at: datetime) -> Iterator[None]:
    """Check what an act in the block does to local passwords, inside the caller's transaction.

    A password of an administrator that counted for nothing before and would count after it is forgotten: it may be
    known to whoever made the account when it was a plain one. The act is refused when the acting person, or the last
    SYSADMIN who can sign in with a local password, could not any more. Syncs are not watched: they change nobody who
    has a local way in.

    Raises:
        Refused: when somebody would be locked out.
    """
    if by.run_id is not None:
        yield
        return
    closed = set(with_a_closed_password().values_list("pk", flat=True))
    mine = _can_sign_in(by.user_id)
    with a_sysadmin_stays(by=by):
        yield
    if mine and not _can_sign_in(by.user_id):
        raise Refused(
            "you could not sign in any more, as your org would follow LDAP: have yourself marked as managed locally first"
        )
    _forget(closed, by=by, at=at)


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


def _forget(closed: set[int], *, by: Actor, at: datetime) -> None:
    if not closed:
        return
    still = set(with_a_closed_password().values_list("pk", flat=True))
    opened = User.objects.filter(pk__among=closed - still).holding_more_than_personal()
    names = dict(opened.order_by("pk").values_list("pk", "username"))
    for pk in names:
        User.objects.filter(pk=pk).update(password=no_password(), session_epoch=F("session_epoch") + 1)
    note([Fact("user", pk, name) for pk, name in names.items()], action="password forgotten", by=by, at=at)
