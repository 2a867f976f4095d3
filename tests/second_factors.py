"""A code app and recovery codes for tests: what a phone would show now, and the codes on the paper."""

from __future__ import annotations

import time

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value

from orgs.models import User

PERIOD = 30


def make_code_app(user: User) -> str:
    """Set up a code app for a user, and recovery codes; return the app's secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def code_now(secret: str, *, later: int = 0) -> str:
    """Return the code that the app shows now, or in the time step ``later``."""
    step = int(time.time()) // PERIOD + later
    shown: str = format_hotp_value(hotp_value(secret, step))
    return shown


def recovery_codes(user: User) -> list[str]:
    """Return the user's recovery codes that count."""
    codes: list[str] = RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).get_unused_codes()
    return codes
