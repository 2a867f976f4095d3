"""Makes and reads the links by which users choose a local password: each works once, and for one hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlencode

from console.security.access import may_sign_in
from orgs.actions import local_password_guard, locks
from orgs.actions.errors import Refused
from orgs.actions.users import local_passwords
from orgs.actions.users.local_passwords import MailedLink
from orgs.models import User
from orgs.rules.actors import person
from orgs.rules.local_sign_in import password_counts

VALID_SECONDS = 3600
_SALT = "console.security.password-link"


@dataclass(frozen=True, slots=True)
class PasswordLink:
    """What a valid link says: whose password is chosen, and the administrator who sent it (None: the user asked)."""

    user: User
    sent_by: int | None


def may_choose(user: User, *, sent_by: int | None) -> bool:
    """Return whether a user may choose a local password by a mailed link; the page that they ask on does not say so."""
    return (
        bool(user.email)
        and may_sign_in(user)
        and password_counts(user)
        and local_password_guard.may_choose_by_link(user, sent_by=sent_by)
    )


def address(user: User, *, sent_by: int | None) -> str:
    """Return the URL of a new link."""
    token = signing.dumps([user.pk, sent_by, _state(user)], salt=_SALT)
    return f"{settings.CONSOLE_ADDRESS}{reverse('session:new-password')}?{urlencode({'link': token})}"


def read(token: str) -> PasswordLink | None:
    """Return what a link says; None if it is not ours, too old or used, or if the user may not choose by it any more."""
    try:
        user_id, sent_by, state = signing.loads(token, salt=_SALT, max_age=VALID_SECONDS)
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.select_related("org").filter(pk=user_id).first()
    if user is None or not constant_time_compare(state, _state(user)) or not may_choose(user, sent_by=sent_by):
        return None
    return PasswordLink(user, sent_by)


@transaction.atomic
def choose(token: str, password: str, *, at: datetime) -> None:
    """Set the password of the link's user, and end the link and the user's sessions.

    Raises:
        Refused: when the link is used already, even a moment before.
    """
    link = read(token)
    if link is not None:
        locks.users([link.user.pk])
        # Read it again under the lock: of two requests with one link the second finds it used.
        link = read(token)
    if link is None:
        raise Refused("this link does not work any more: request another one")
    local_passwords.set_password(
        user=link.user, password=password, by=person(link.user), at=at, link=MailedLink(link.sent_by)
    )


def _state(user: User) -> str:
    """Return a hash of what changes when the link is used, when sessions end, and when the address is another one."""
    facts = f"{user.password}:{user.session_epoch}:{user.email}"
    return salted_hmac(_SALT, facts, algorithm="sha256").hexdigest()
