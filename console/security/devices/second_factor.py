"""Checks the second factor of whoever signs in on a device: its token opens an archive for good."""

from __future__ import annotations

from datetime import datetime

from django.core import signing
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from console.http.agent_requests import THROTTLE_SECONDS, AgentRefusal
from console.security import security_log, sessions, sign_in_throttle
from orgs.actions.errors import Refused
from orgs.actions.users import second_factors, sign_in_trail
from orgs.models import User
from orgs.rules.second_factors import has_second_factor

# Proofs that a second factor was shown, for the next request of the same person.
_SALT = "console.security.devices.second_factor"
PROOF_SECONDS = 600
NO_FACTOR = "none"


def shown(request: HttpRequest, user: User, *, code: str, proof: str = "", at: datetime) -> str:
    """Return the kind of the second factor that was shown, ``NO_FACTOR`` if the user has none and needs none.

    A ``proof`` of an earlier request (``proof_of``) stands for a code: a code counts once.

    Raises:
        AgentRefusal: without a right code of a user who has a second factor; when a role needs one that is missing.
    """
    if not has_second_factor(user):
        if roles := user.roles_that_need_a_second_factor():
            sentence = _(
                "Your role %(role)s needs a second factor. Sign in to the console, set one up there, then come back."
            )
            raise AgentRefusal(403, "second-factor-missing", sentence % {"role": roles[0]})
        return NO_FACTOR
    if proof and _proves(proof, user):
        return "shown before"
    if not code:
        raise AgentRefusal(401, "code-needed", _("Enter a code of your code app, or one of your recovery codes."))
    attempt = sign_in_throttle.begin_code(request, user.username)
    if attempt is None:
        security_log.note("second factor refused, too many attempts", request, user=user.username)
        sentence = _("Too many attempts. Wait 15 minutes and try again.")
        raise AgentRefusal(429, "too-many-tries", sentence, retry_after=THROTTLE_SECONDS)
    try:
        kind = second_factors.use_code(user=user, code=code, at=at)
    except Refused as reason:
        raise AgentRefusal(401, "wrong-code", f"{capfirst(str(reason))}.") from reason
    if not kind:
        security_log.note("second factor refused", request, user=user.username)
        sign_in_trail.note_sign_in(user, "second factor refused", origin=sessions.origin(request), at=at)
        raise AgentRefusal(401, "wrong-code", _("This code does not count. A code counts once, and for half a minute."))
    sign_in_throttle.forgive(attempt)
    return str(kind)


def proof_of(user: User) -> str:
    """Return a proof that this user has shown a second factor just now; it stands for no password."""
    return signing.dumps([user.pk, user.get_session_auth_hash()], salt=_SALT)


def _proves(proof: str, user: User) -> bool:
    try:
        found = signing.loads(proof, salt=_SALT, max_age=PROOF_SECONDS)
    except signing.BadSignature:
        return False
    return bool(found == [user.pk, user.get_session_auth_hash()])
