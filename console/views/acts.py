"""Carries out an act that a person has confirmed on a page: calls the action, says what it did or why not, and goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils import timezone

from console.security.access import ConsoleRequest, author
from directory.input_errors import Refused

Result = TypeVar("Result")


def carry_out(
    request: ConsoleRequest,
    action: Callable[..., Result],
    *,
    done: str | Callable[[Result], str],
    back: str,
    refused: str = "",
    refusal: str = "%(reason)s",
) -> HttpResponseRedirect:
    """Call the action as the signed-in user, now; go to the address ``back`` with ``done``, or with why it was refused.

    ``done`` is the sentence to show, or makes it from what the action returns. Nothing is written if the action refuses;
    ``refused`` is where to go then, by default ``back`` as well, and ``refusal`` the sentence that has the ``reason``.
    """
    try:
        result = action(by=author(request), at=timezone.now())
    except Refused as reason:
        messages.error(request, refusal % {"reason": reason})
        return HttpResponseRedirect(refused or back)
    messages.success(request, done(result) if callable(done) else done)
    return HttpResponseRedirect(back)
