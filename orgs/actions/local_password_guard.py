"""Watches local passwords while orgs and users change: none starts to count unnoticed, and one SYSADMIN keeps one."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import F

from orgs.actions import escalation_guard
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import AuditEntry, User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import with_a_closed_password, with_a_local_way_in, with_a_password, with_an_open_password
from orgs.rules.permission_comparison import NOTHING, Holding, beyond

# The actions that can set an email address.
_SET_ADDRESSES = ("profile updated", "user created")


def no_password() -> str:
    """Return the stored value for a user without a local password; no typed password matches it."""
    return UNUSABLE_PASSWORD_PREFIX + secrets.token_hex(20)


@contextmanager
def watched(*, user_ids: Collection[int] | None = None, by: Actor, at: datetime) -> Iterator[None]:
    """Check the effect of the block on local passwords, inside the caller's transaction.

    If the password of an administrator did not count before the block and counts after it, forget it: the person who
    created the account, when it held less, may know it. ``user_ids`` are all users that the block can affect, None for
    all. When a person acts, refuse the change if that person, or the last SYSADMIN with a local password, could not
    sign in any more. A sync needs no such check: it changes nobody who has a local way in.

    Raises:
        Refused: when one of these would be locked out.
    """
    closed = _closed(user_ids)
    if by.run_id is not None:
        yield
    else:
        could_sign_in = _can_sign_in(by.user_id)
        with a_sysadmin_stays(by=by):
            yield
        if could_sign_in and not _can_sign_in(by.user_id):
            raise Refused(
                "you could not sign in any more, as your org would follow LDAP: have yourself marked as managed locally "
                "first"
            )
    if closed:
        still_closed = set(with_a_closed_password().filter(pk__among=closed).values_list("pk", flat=True))
        opened_users = User.objects.filter(pk__among=closed - still_closed)
        _forget(opened_users.holding_more_than_personal().values_list("pk", flat=True), by=by, at=at)


@contextmanager
def promotions_watched(*, user_ids: Collection[int], by: Actor, at: datetime) -> Iterator[None]:
    """Forget local passwords of users who gain permissions in the block, if others may know these passwords.

    Only passwords that count are forgotten. A run forgets all of them: it may have moved the users into a local org a
    moment before, or, as an undo, give roles back in an org that is local by now. When a person acts, a password stays
    unless somebody else, who holds less than the user, has set it.
    """
    before = escalation_guard.holdings(_open(user_ids)) if user_ids else {}
    yield
    if before:
        after = escalation_guard.holdings(before.keys())
        promoted = [pk for pk in before if beyond(NOTHING, after[pk], before=before[pk])]
        affected = promoted if by.run_id is not None else [pk for pk in promoted if _set_by_less(pk, after[pk])]
        _forget(affected, by=by, at=at)


def forget_passwords_of_promoted(*, user_ids: Collection[int], by: Actor, at: datetime) -> None:
    """Forget local passwords that count, of users who have come to reach further, where somebody who holds less set them.

    For changes that leave the users and their roles alone: an org has come below theirs.
    """
    holdings = escalation_guard.holdings(_open(user_ids)) if user_ids else {}
    _forget([pk for pk, holding in holdings.items() if _set_by_less(pk, holding)], by=by, at=at)


def _set_by_less(user_id: int, holding: Holding) -> bool:
    """Return whether somebody who now holds less than ``holding`` may know the user's password.

    The audit trail is the source; retention keeps the newest entry. A password that the user set is as safe as the one
    before, which opened the session. One that was set by a mailed link is as safe as who sent the link, or, if the user
    requested it at the sign-in, as who set the address. Without an entry the answer is yes: anybody may know it.
    """
    trail = AuditEntry.objects.that_gave_passwords().filter(object_id=user_id).order_by("-pk")
    for given in trail.only("actor", "after"):
        if "mailed_link" in given.after:
            return _link_read_by_less(user_id, given.after["mailed_link"], holding)
        if given.actor_id is None:
            return False
        if given.actor_id != user_id:
            return _holds_less(given.actor_id, holding)
    return True


def may_choose_by_link(user: User, *, sent_by: int | None) -> bool:
    """Return whether a mailed link may let a user choose a password: nobody who holds less than the user may have got it.

    ``sent_by`` is the administrator who sent it, None for the user's own request.
    """
    return not _link_read_by_less(user.pk, sent_by, Holding(user.permission_keys(), user.org.path))


def _link_read_by_less(user_id: int, sent_by: int | None, holding: Holding) -> bool:
    return _address_set_by_less(user_id, holding) if sent_by is None else _holds_less(sent_by, holding)


def _address_set_by_less(user_id: int, holding: Holding) -> bool:
    """Return whether somebody who now holds less than ``holding`` has set the user's email address, and may read mails to it.

    A sync may have taken the address from any directory, so it counts as somebody who holds nothing.
    """
    trail = AuditEntry.objects.filter(object_type="user", object_id=user_id, action__in=_SET_ADDRESSES).order_by("-pk")
    for given in trail.only("actor", "action", "after", "run_id"):
        if given.action == "user created" or "email" in given.after:
            if given.run_id is not None:
                return bool(beyond(NOTHING, holding))
            return given.actor_id is not None and _holds_less(given.actor_id, holding)
    return bool(beyond(NOTHING, holding))


def _holds_less(user_id: int, holding: Holding) -> bool:
    return bool(beyond(escalation_guard.acting(Actor(label="", user_id=user_id)) or NOTHING, holding))


@contextmanager
def a_sysadmin_stays(*, by: Actor) -> Iterator[None]:
    """Refuse a change in the block after which no SYSADMIN can sign in with a local password, if one could before.

    Raises:
        Refused: when none is left.
    """
    had_one = by.run_id is None and with_a_local_way_in().sysadmins().exists()
    yield
    if had_one and not with_a_local_way_in().sysadmins().exists():
        raise Refused(
            "no SYSADMIN could sign in with a local password any more, and someone has to when LDAP does not answer: "
            "mark a SYSADMIN as managed locally and set their password first"
        )


def _can_sign_in(user_id: int | None) -> bool:
    return user_id is not None and with_a_local_way_in().filter(pk=user_id).exists()


def _closed(user_ids: Collection[int] | None) -> set[int]:
    if user_ids is None:
        return set(with_a_closed_password().values_list("pk", flat=True))
    # Read the settings of all orgs only if needed: hardly any user of a directory has a local password.
    having = having_passwords(user_ids)
    return set(with_a_closed_password().filter(pk__among=having).values_list("pk", flat=True)) if having else set()


def _open(user_ids: Collection[int]) -> list[int]:
    having = having_passwords(user_ids)
    return list(with_an_open_password().filter(pk__among=having).values_list("pk", flat=True)) if having else []


def having_passwords(user_ids: Collection[int]) -> list[int]:
    """Return those of these users who have a local password, whether it counts or not; others need no watch."""
    if not user_ids:
        return []
    return list(with_a_password().filter(pk__among=user_ids).values_list("pk", flat=True))


def _forget(user_ids: Iterable[int], *, by: Actor, at: datetime) -> None:
    names = dict(User.objects.filter(pk__among=list(user_ids)).order_by("pk").values_list("pk", "username"))
    for pk in names:
        User.objects.filter(pk=pk).update(password=no_password(), session_epoch=F("session_epoch") + 1)
    note([Fact("user", pk, name) for pk, name in names.items()], action="password forgotten", by=by, at=at)
