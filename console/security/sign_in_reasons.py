"""Keeps with a request why a sign-in was refused: for logs, and the little that a person may know."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

_REASONS, _PROVEN = "sign_in_reasons", "sign_in_password_is_right"


def note(request: HttpRequest | None, reason: str) -> None:
    """Keep a reason for logs; no page shows it."""
    if request is not None:
        request.META.setdefault(_REASONS, []).append(reason)


def take(request: HttpRequest | None) -> list[str]:
    """Return the reasons that were kept, and forget them."""
    return list(request.META.pop(_REASONS, ())) if request is not None else []


def note_right_password(request: HttpRequest | None) -> None:
    """Keep that the directory took the password for right, and wants a new one first."""
    if request is not None:
        request.META[_PROVEN] = True


def refusal(request: HttpRequest) -> str:
    """Return the message for a person whose sign-in was refused.

    It does not show whether the username, the password or the account is the reason, unless the password was right.
    """
    if request.META.get(_PROVEN):
        return _("Your password has to be changed first. Change it in your company's directory, then sign in here.")
    return _(
        "Username and password do not fit together, or this account may not use the console. After several wrong "
        "passwords, wait half an hour."
    )
