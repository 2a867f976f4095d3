"""Finds the org of a registration key that a device shows; guesses are limited by address."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from console.http.agent_requests import THROTTLE_SECONDS, AgentRefusal
from console.security import security_log, sign_in_throttle
from orgs.models import Org
from orgs.rules import registration_keys


def org_of_key(request: HttpRequest, typed: str) -> Org:
    """Return the org that has this registration key.

    Raises:
        AgentRefusal: when no org has it; when it was renewed; when this address has tried too many.
    """
    attempt = sign_in_throttle.begin_key(request)
    if attempt is None:
        security_log.note("registration key refused, too many attempts", request)
        sentence = _("Too many attempts. Wait 15 minutes and try again.")
        raise AgentRefusal(429, "too-many-tries", sentence, retry_after=THROTTLE_SECONDS)
    key = registration_keys.normalized(typed)
    org = registration_keys.org_of(key)
    if org is not None:
        sign_in_throttle.give_back(attempt)
        return org
    if registration_keys.was_renewed(key):
        security_log.note("registration key refused, it was renewed", request)
        sentence = _("This registration key was renewed. Ask your administrator for the new one.")
        raise AgentRefusal(403, "renewed-key", sentence)
    security_log.note("registration key refused, nobody has it", request)
    raise AgentRefusal(
        403, "wrong-key", _("No org has this registration key. Compare it with the one that you were given.")
    )
