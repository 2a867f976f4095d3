"""Requests of backup programs on devices: JSON without a session, a cookie or a form's token."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from console.http import view_guards
from console.http.unavailable import RETRY_AFTER, trouble_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
LARGEST_BODY = 64 * 1024
# A program waits at least so long before it tries a password again.
THROTTLE_SECONDS = 15 * 60


class AgentRefusal(Exception):
    """Why a device is refused: the HTTP status, a code for programs, and a sentence for the person at the computer."""

    def __init__(self, status: int, code: str, sentence: str, *, retry_after: int = 0) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.retry_after = status, code, sentence, retry_after


class Answered(JsonResponse):
    """An answer to a program; the security log has its own line about a refusal, if one is needed."""


def agent_address(*methods: str) -> Callable[[View[P]], View[P]]:
    """Let programs on devices use a view by these methods: no sign-in, no token of a form, refusals as JSON."""

    def guard(view: View[P]) -> View[P]:
        @csrf_exempt
        @login_not_required
        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in methods:
                return HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            response = _answer(view, request, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        view_guards.note(guarded, for_agents=True)
        return guarded

    return guard


def _answer(view: View[P], request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except AgentRefusal as refusal:
        return refused(refusal)
    except (OperationalError, InterfaceError) as error:
        if trouble_of(error) is None:
            raise
        sentence = _("The server does not reach its database. Try again in some minutes.")
        return refused(AgentRefusal(503, "try-again", sentence, retry_after=RETRY_AFTER))


def refused(refusal: AgentRefusal) -> HttpResponse:
    """Return the answer that a refusal means."""
    answer = Answered({"code": refusal.code, "message": refusal.sentence}, status=refusal.status)
    if refusal.retry_after:
        answer["Retry-After"] = str(refusal.retry_after)
    # Django logs a line for each refused request; ours say more, and not as often.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001  # the only way that Django offers
    return answer


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        AgentRefusal: when it is too large, or no JSON object.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise AgentRefusal(400, "bad-request", _("The request is too large."))
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AgentRefusal(400, "bad-request", _("The request is no JSON object."))
    return found


def text_of(body: dict[str, Any], name: str, *, most: int = 255, needed: bool = True) -> str:
    """Return a text in the body, without blanks around it.

    Raises:
        AgentRefusal: when it is missing, no text, too long, or holds a character that can't be shown.
    """
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or not value.strip().isprintable():
        raise AgentRefusal(400, "bad-request", _("This field is no text, or too long: %(name)s.") % {"name": name})
    if needed and not value.strip():
        raise AgentRefusal(400, "bad-request", _("This field is missing: %(name)s.") % {"name": name})
    return value.strip()


def secret_of(body: dict[str, Any], name: str) -> str:
    """Return a password in the body, exactly as it was sent; empty without one.

    Raises:
        AgentRefusal: when it is no text.
    """
    value = body.get(name, "")
    if not isinstance(value, str):
        raise AgentRefusal(400, "bad-request", _("This field is no text, or too long: %(name)s.") % {"name": name})
    return value


def number_of(body: dict[str, Any], name: str, *, most: int, needed: bool = False) -> int:
    """Return a whole number in the body, 0 without one that is not needed.

    Raises:
        AgentRefusal: when it is missing, or no number from 0 to ``most``.
    """
    value = body.get(name, None if needed else 0)
    # A program may send 12.0 seconds; True is a number for Python.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise AgentRefusal(400, "bad-request", _("This field is no number, or too large: %(name)s.") % {"name": name})
    return value


def bearer_of(request: HttpRequest) -> str:
    """Return the token that a device shows; empty without one."""
    scheme, _separator, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.isascii() else ""
