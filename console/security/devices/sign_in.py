"""Checks username and password of whoever signs in on a device; throttled, logged and audited as the sign-in page does.

Nobody without a right password learns whether a username exists, or where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.http.agent_requests import THROTTLE_SECONDS, AgentRefusal
from console.security import security_log, sessions, sign_in_throttle
from console.security.client_address import client_address
from directory.actions.self_service import key_reach
from directory.sign_in import password_checks
from directory.sign_in.password_checks import DirectorySignIn
from directory.values.sign_in.directory_passwords import PasswordReason, can_be_sent
from orgs.actions import sign_ins
from orgs.actions.users import sign_in_trail
from orgs.backups import gate
from orgs.models import Org, User
from orgs.rules.local_sign_in import follows_directory, password_counts
from orgs.text import fold

_CLOSED_ACCOUNTS = frozenset({PasswordReason.DISABLED, PasswordReason.ACCOUNT_EXPIRED})


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose password was right: a user, or without one a person of the directory that took it."""

    user: User | None
    by_directory: DirectorySignIn | None = None


@dataclass(frozen=True, slots=True)
class _Check:
    """What became of one check: the reason for logs, and whether no directory answered."""

    proven: Proven | None = None
    reason: str = ""
    directory_away: bool = False
    refused_by: PasswordReason | None = None


def proven_by_password(request: HttpRequest, *, username: str, password: str, org: Org | None, at: datetime) -> Proven:
    """Return whose username and password these are; with ``org``, only somebody whom its registration key is for.

    Raises:
        AgentRefusal: when they do not fit together, with the same words for every reason that a stranger must not learn; when
            the account is closed; when too many were tried.
    """
    attempt = sign_in_throttle.begin(request, username)
    if attempt is None:
        security_log.note("device sign-in refused, too many attempts", request, user=username)
        sentence = _("Too many attempts. Wait 15 minutes and try again.")
        raise AgentRefusal(429, "too-many-tries", sentence, retry_after=THROTTLE_SECONDS)
    checked = _checked(request, username, password, org, at)
    if checked.proven is None:
        security_log.note("device sign-in refused", request, user=username, reason=checked.reason)
        sign_ins.note_refused(
            username=username, address=client_address(request), reasons=[checked.reason or "wrong password"], at=at
        )
        raise _refusal(checked)
    sign_in_throttle.forgive(attempt)
    _refuse_closed(request, checked.proven.user)
    return checked.proven


def _checked(request: HttpRequest, username: str, password: str, org: Org | None, at: datetime) -> _Check:
    """Check the local password, then that of a directory; whatever is wrong, both take their time."""
    user: User | None = User.objects.select_related("org").filter(username_key=fold(username)).first()
    if not can_be_sent(password):
        return _Check(reason="the password is empty or can't be sent")
    if user is None:
        User().set_password(password)
    elif user.check_password(password) and _is_theirs(user, org) and password_counts(user):
        return _Check(Proven(user))
    target = _directory_of(user, org)
    attempt = sign_in_throttle.begin_bind(request, username) if target is not None else None
    if target is None or attempt is None:
        answered = password_checks.take_as_long(username=username, at=at, org=org)
        return _Check(reason=_reason_without_directory(user, org), directory_away=not answered)
    if isinstance(target, User):
        found = password_checks.check_password(user=target, password=password, at=at)
    else:
        found = password_checks.check_newcomer(username=username, org=target, password=password, at=at)
    if found.check.accepted and (
        user is None or org is None or key_reach.was_proven_by(found.server_id, user=user, org=org)
    ):
        sign_in_throttle.forgive(attempt)
        return _Check(Proven(user, found))
    if found.check.accepted or not found.may_count_as_wrong:
        sign_in_throttle.give_back(attempt)
    if found.check.accepted:
        return _Check(reason="right password, but the registration key is not for this user")
    return _Check(
        reason=found.sentence,
        directory_away=found.check.reason is PasswordReason.NOT_REACHED,
        refused_by=found.check.reason if found.check.proven else None,
    )


def _directory_of(user: User | None, org: Org | None) -> User | Org | None:
    """Return whose directory checks the password: a user's, or for a newcomer that of the key's org; None for none."""
    if user is None:
        return org if org is not None and follows_directory(org) else None
    return user if _is_theirs(user, org) and not password_counts(user) else None


def _is_theirs(user: User, org: Org | None) -> bool:
    return org is None or key_reach.may_use_key(user, org)


def _reason_without_directory(user: User | None, org: Org | None) -> str:
    if user is None:
        return "nobody has this username, and no directory was asked"
    if not _is_theirs(user, org):
        return "the registration key is not for this user"
    if password_counts(user):
        return "wrong local password"
    return "too many wrong passwords were sent to the directory: it was not asked again"


def _refusal(checked: _Check) -> AgentRefusal:
    if checked.refused_by in _CLOSED_ACCOUNTS:
        return AgentRefusal(
            403, "inactive-entry", _("Your account in the directory is not active. Ask your administrator.")
        )
    if checked.refused_by is not None:
        sentence = _("Your password is right, but your directory lets you in only with a new one, or not now.")
        return AgentRefusal(403, "password-expired", sentence)
    if checked.directory_away:
        sentence = _("The directory can not be asked at this moment. Try again in some minutes.")
        return AgentRefusal(503, "directory-away", sentence, retry_after=60)
    sentence = _(
        "Username and password do not fit together, or this registration key is for other people. After several wrong "
        "passwords, wait half an hour."
    )
    return AgentRefusal(401, "wrong-password", sentence)


def _refuse_closed(request: HttpRequest, user: User | None) -> None:
    if user is None or (user.active and not user.blocked):
        return
    reason = gate.USER_BLOCKED if user.active else gate.USER_INACTIVE
    security_log.note("device sign-in refused", request, user=user.username, reason=reason.code)
    raise AgentRefusal(reason.status, reason.code, str(reason.sentence))


def note_signed_in(request: HttpRequest, user: User, *, proven: Proven, second_factor: str, at: datetime) -> None:
    """Write into the audit trail that a user has signed in on a device, and what has checked the password."""
    found = proven.by_directory
    checked_by = "local password" if found is None else f"LDAP server {found.server}"
    origin = sessions.origin(request)
    sign_in_trail.note_sign_in(
        user, "signed in on a device", origin=origin, at=at, checked_by=checked_by, second_factor=second_factor
    )
