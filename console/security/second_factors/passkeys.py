"""Asks the browser for a passkey, and checks what it answers; the challenge is kept in the session."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, TypeVar

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder

from orgs.models import User

Checked = TypeVar("Checked")

# Where the session keeps the challenge of a new passkey: confirming it is you begins another one meanwhile.
_TO_ADD = "new_passkey"
# The longest answer of a browser that is looked at.
LONGEST = 20_000
# What the checks raise for an answer that no browser gives: wrong types, missing keys, bytes that are no CBOR or no key.
# Found with 120,000 answers that were changed at random.
_WRONG = (
    ValidationError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    struct.error,
)


def options_to_add(user: User) -> str:
    """Return what the browser needs to make a passkey, as JSON; it begins a new challenge."""
    options = json.dumps(auth.begin_registration(user, passwordless=False), cls=DjangoJSONEncoder)
    context.request.session[_TO_ADD] = auth.get_state()
    auth.clear_state()
    return options


def options_to_use(user: User) -> str:
    """Return what the browser needs to use one of the user's passkeys, as JSON; it begins a new challenge."""
    return json.dumps(auth.begin_authentication(user), cls=DjangoJSONEncoder)


def checked_new(answer: str) -> dict[str, Any] | None:
    """Return the browser's answer with a new passkey if it is right, else None; the challenge counts once."""
    challenge = context.request.session.pop(_TO_ADD, None)

    def check() -> dict[str, Any]:
        credential: dict[str, Any] = json.loads(answer)
        auth.parse_registration_response(credential)
        auth.set_state(challenge)
        auth.complete_registration(credential)
        return credential

    return _checked(answer, check)


def checked_use(user: User, answer: str) -> int | None:
    """Return the id of the passkey with which the browser has answered if the answer is right, else None."""

    def check() -> int:
        credential = json.loads(answer)
        auth.parse_authentication_response(credential)
        used: Authenticator = auth.complete_authentication(user, credential)
        return int(used.pk)

    return _checked(answer, check)


def _checked(answer: str, check: Callable[[], Checked]) -> Checked | None:
    if len(answer) > LONGEST:
        return None
    try:
        return check()
    except _WRONG:
        return None
    finally:
        auth.clear_state()
