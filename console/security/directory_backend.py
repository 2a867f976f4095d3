"""Signs users in with the password of their org's directory."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest
from django.utils import timezone

from console.security import security_log, sign_in_reasons, sign_in_throttle
from console.security.access import closed_reason, may_sign_in
from console.security.sessions import SERVER
from directory.sign_in import password_checks
from directory.sign_in.password_checks import DirectorySignIn
from directory.values.sign_in.directory_passwords import can_be_sent
from orgs.models import User
from orgs.rules.local_sign_in import password_counts
from orgs.text import fold


class DirectoryBackend(BaseBackend):
    """Signs in users whose org follows LDAP; makes and changes nobody.

    A sign-in that is refused takes about as long for any username: a directory is asked each time.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user with this username, if a directory of their org takes the password."""
        if not username or not password or not can_be_sent(password):
            return None
        at = timezone.now()
        user: User | None = User.objects.select_related("org").filter(username_key=fold(username)).first()
        if user is None or not may_sign_in(user) or password_counts(user):
            if user is not None and not password_counts(user):
                sign_in_reasons.note(request, closed_reason(user))
            password_checks.take_as_long(username=username, at=at)
            return None
        attempt = sign_in_throttle.begin_bind(request, user.username)
        if attempt is None:
            sign_in_reasons.note(request, "too many wrong passwords were sent to the directory: it was not asked again")
            password_checks.take_as_long(username=username, at=at)
            return None
        found = password_checks.check_password(user=user, password=password, at=at)
        if found.check.accepted:
            sign_in_throttle.forgive(attempt)
            if request is not None and hasattr(request, "session"):
                request.session[SERVER] = found.server_id
            return user
        if not found.may_count_as_wrong:
            sign_in_throttle.give_back(attempt)
        _note(request, user, found)
        return None

    def get_user(self, user_id: int) -> User | None:
        """Return the user of a session, if they may still use the console and their org still follows LDAP."""
        user = User.objects.select_related("org").filter(pk=user_id).first()
        return user if user is not None and may_sign_in(user) and not password_counts(user) else None


def _note(request: HttpRequest | None, user: User, found: DirectorySignIn) -> None:
    sign_in_reasons.note(request, found.sentence)
    if found.check.wants_a_new_password:
        sign_in_reasons.note_right_password(request)
    if request is not None:
        security_log.note(
            "refused by the directory", request, user=user.username, reason=found.check.reason, server=found.sentence
        )
