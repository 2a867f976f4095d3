"""Checks what a user gives to prove who they are: a password, a code, a passkey; throttled, logged and audited."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import authenticate, login
from django.forms import Form
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from console.forms.session import PasskeyForm
from console.security import security_log, sessions, sign_in_reasons, sign_in_throttle
from console.security.second_factors import passkeys, second_step
from orgs.actions.errors import Refused
from orgs.actions.users import second_factors, sign_in_trail
from orgs.models import User
from orgs.rules.second_factors import CODE_APP, PASSKEY, second_factors_of


def factors_to_show(user: User) -> dict[str, object]:
    """Return what a page that asks for a second factor shows; it begins a new challenge for passkeys."""
    found = second_factors_of(user)
    return {"factors": found, "passkey_options": passkeys.options_to_use(user) if found.passkeys else ""}


def proven_by_password(request: HttpRequest, form: Form, username: str, password: str) -> User | None:
    """Return the user with this username and password; without one, show an error in the form and log it."""
    attempt = sign_in_throttle.begin(request, username)
    if attempt is None:
        security_log.note("sign-in refused, too many attempts", request, user=username)
        form.add_error(None, _("Too many attempts. Wait 15 minutes and try again."))
        return None
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        security_log.note("sign-in refused", request, user=username)
        form.add_error(None, sign_in_reasons.refusal(request))
        return None
    sign_in_throttle.forgive(attempt)
    return user


def proven_by_second_factor(request: HttpRequest, form: Form, user: User, *, at: datetime) -> str:
    """Return the kind of the second factor that the request shows; without one, show an error in ``form`` and log it.

    ``form`` has the code. A request with a browser's answer about a passkey has no code.
    """
    by_passkey = "answer" in request.POST
    answer = PasskeyForm(request.POST)
    if not (answer if by_passkey else form).is_valid():
        return ""
    attempt = sign_in_throttle.begin_code(request, user.username)
    if attempt is None:
        security_log.note("second factor refused, too many attempts", request, user=user.username)
        form.add_error(None, _("Too many attempts. Wait 15 minutes and try again."))
        return ""
    try:
        kind = (
            _by_passkey(user, answer.cleaned_data["answer"], at=at)
            if by_passkey
            else second_factors.use_code(user=user, code=form.cleaned_data["code"], at=at)
        )
    except Refused as reason:
        form.add_error(None, f"{capfirst(str(reason))}.")
        return ""
    if kind:
        sign_in_throttle.forgive(attempt)
        return kind
    tried = PASSKEY if by_passkey else CODE_APP
    security_log.note("second factor refused", request, user=user.username, second_factor=tried)
    sign_in_trail.note_sign_in(
        user, "second factor refused", origin=sessions.origin(request), at=at, second_factor=tried
    )
    form.add_error(
        None,
        _("This passkey does not belong to the account, or the page was open too long.")
        if by_passkey
        else _("This code does not count. A code counts once, and for half a minute: check the clock of its device."),
    )
    return ""


def _by_passkey(user: User, answer: str, *, at: datetime) -> str:
    factor_id = passkeys.checked_use(user, answer)
    if factor_id is None:
        return ""
    second_factors.use_passkey(user=user, factor_id=factor_id, at=at)
    return PASSKEY


def let_in(request: HttpRequest, user: User, *, second_factor: str = "") -> None:
    """Sign a user in who has proven everything; ``second_factor`` is the kind of the one that was shown.

    The audit row is written when Django says that somebody has signed in (``console.security.sign_in_audit``).
    """
    second_step.end(request)
    request.session.pop(sessions.SECOND_FACTOR, None)
    if second_factor:
        request.session[sessions.SECOND_FACTOR] = second_factor
    login(request, user)
    sessions.begin(request)
