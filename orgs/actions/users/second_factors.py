"""Sets up, uses, removes and resets second factors, which are stored in rows of allauth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.db import transaction
from django.db.models import F

from orgs.actions import escalation_guard, locks
from orgs.actions.errors import Refused
from orgs.actions.users.user_rows import note_all
from orgs.models import Role, User
from orgs.rules.actors import Actor
from orgs.rules.second_factors import CODE_APP, FACTORS, PASSKEY, RECOVERY_CODE, second_factors_of

# Where the row of a code app keeps the number of the last time step whose code was used.
_LAST_STEP = "last_step"
_KINDS = {Authenticator.Type.TOTP: CODE_APP, Authenticator.Type.WEBAUTHN: PASSKEY}


def matching_step(secret: str, code: str, *, after: int = 0) -> int | None:
    """Return the time step, later than ``after``, whose code this is; None if it is no code of now."""
    steps: Iterator[int] = totp.yield_hotp_counters_from_time()
    for step in steps:
        expected = totp.format_hotp_value(totp.hotp_value(secret, step))
        if step > after and compare_user_code(actual=code, expected=expected):
            return step
    return None


@transaction.atomic
def add_code_app(*, user: User, secret: str, step: int, by: Actor, at: datetime) -> list[str]:
    """Store a code app whose code of the time step ``step`` was just shown; return new recovery codes, if there were none.

    Other sessions of the user end.

    Raises:
        Refused: when the user has a code app already.
    """
    locks.users([user.pk])
    if second_factors_of(user).code_app is not None:
        raise Refused("you have a code app already: remove it first")
    row = totp.TOTP.activate(user, secret).instance
    row.data[_LAST_STEP] = step
    row.save(update_fields=["data"])
    return _added(user, CODE_APP, "", by=by, at=at)


@transaction.atomic
def add_passkey(*, user: User, name: str, credential: Mapping[str, Any], by: Actor, at: datetime) -> list[str]:
    """Store a passkey whose answer was checked; return new recovery codes, if there were none. Other sessions end."""
    locks.users([user.pk])
    WebAuthn.add(user, name, dict(credential))
    return _added(user, PASSKEY, name, by=by, at=at)


def _added(user: User, kind: str, name: str, *, by: Actor, at: datetime) -> list[str]:
    _end_sessions(user)
    after = {"second_factor": kind} | ({"name": name} if name else {})
    note_all({user.pk: user.username}, "second factor set up", by=by, at=at, after=after)
    has_codes = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists()
    return [] if has_codes else _new_codes(user)


def _new_codes(user: User) -> list[str]:
    codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    return codes


@transaction.atomic
def renew_recovery_codes(*, user: User, by: Actor, at: datetime) -> list[str]:
    """Replace the recovery codes, so that the former ones count no longer; return the new ones.

    Raises:
        Refused: when the user has no second factor that they could stand in for.
    """
    locks.users([user.pk])
    if not second_factors_of(user):
        raise Refused("recovery codes stand in for a second factor: set up a code app or a passkey first")
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    note_all({user.pk: user.username}, "recovery codes renewed", by=by, at=at)
    return _new_codes(user)


@transaction.atomic
def remove(*, user: User, factor_id: int, by: Actor, at: datetime) -> None:
    """Remove one of the user's own second factors, with the last one the recovery codes too. Other sessions end.

    Raises:
        Refused: when it is not there; when it is the last one and a role of the user needs one.
    """
    locks.users([user.pk])
    present = second_factors_of(user).all
    row = next((each for each in present if each.pk == factor_id), None)
    if row is None:
        raise Refused("this second factor is not there any more")
    if len(present) == 1:
        needing = Role.objects.filter(grants__user=user, needs_second_factor=True).first()
        if needing is not None:
            raise Refused(f"the role {needing} needs a second factor: set up another one before you remove this one")
        Authenticator.objects.filter(user=user).delete()
    else:
        row.delete()
    _end_sessions(user)
    before = {"second_factor": _KINDS[row.type]} | ({"name": str(row)} if _KINDS[row.type] == PASSKEY else {})
    note_all({user.pk: user.username}, "second factor removed", by=by, at=at, before=before)


@transaction.atomic
def reset(*, user: User, by: Actor, at: datetime) -> None:
    """Remove all second factors and recovery codes of a user who has lost them, and end the user's sessions.

    Raises:
        Refused: when the user holds more than ``by``; when there is nothing to reset.
    """
    locks.users([user.pk])
    escalation_guard.refuse_above(user_ids=[user.pk], doing="reset their second factor", by=by)
    present = second_factors_of(user).all
    if not present:
        raise Refused(f"{user} has no second factor")
    Authenticator.objects.filter(user=user).delete()
    _end_sessions(user)
    before = {"second_factors": [_KINDS[row.type] for row in present]}
    note_all({user.pk: user.username}, "second factor reset", by=by, at=at, before=before)


def _end_sessions(user: User) -> None:
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])


@transaction.atomic
def use_code(*, user: User, code: str, at: datetime) -> str:
    """Use up a code of the user's code app, or a recovery code; return its kind, "" if it is neither.

    The rows are locked, so that of two requests with the same code one is refused. A code of a time step that is not
    later than the last used one is refused too.

    Raises:
        Refused: when the stored secret can't be decrypted.
    """
    rows = Authenticator.objects.select_for_update().filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    found = {row.type: row for row in rows.order_by("pk")}
    app, codes = found.get(Authenticator.Type.TOTP), found.get(Authenticator.Type.RECOVERY_CODES)
    if app is not None:
        step = matching_step(decrypt(app.data["secret"]), code, after=app.data.get(_LAST_STEP, 0))
        if step is not None:
            app.data[_LAST_STEP] = step
            app.last_used_at = at
            app.save(update_fields=["data", "last_used_at"])
            return CODE_APP
    if codes is not None and RecoveryCodes(codes).validate_code(code):
        Authenticator.objects.filter(pk=codes.pk).update(last_used_at=at)
        return RECOVERY_CODE
    return ""


def use_passkey(*, user: User, factor_id: int, at: datetime) -> None:
    """Store that a passkey of the user was used now, after its answer was checked."""
    Authenticator.objects.filter(user=user, pk=factor_id, type__in=FACTORS).update(last_used_at=at)
