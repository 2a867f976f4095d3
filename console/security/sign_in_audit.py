"""Has each sign-in written into the audit trail, whichever page it comes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from console.security import sign_in_reasons
from console.security.client_address import client_address
from console.security.sessions import SECOND_FACTOR, SERVER, origin
from directory.models import LdapServer
from orgs.actions import sign_ins
from orgs.models import User

BY_ROLLCALL = "local password"


def connect() -> None:
    """Receive Django's signals about sign-ins."""
    user_logged_in.connect(_signed_in, dispatch_uid="console.security.sign_in_audit")
    user_login_failed.connect(_refused, dispatch_uid="console.security.sign_in_audit")


def _signed_in(*, request: HttpRequest | None, user: User, **_: Any) -> None:
    # A session that begins without a browser's request, as in tests, is no sign-in.
    if request is not None and client_address(request):
        sign_in_reasons.take(request)
        sign_ins.note_signed_in(
            user=user,
            origin=origin(request),
            checked_by=_checked_by(request, user),
            second_factor=request.session.get(SECOND_FACTOR, "none"),
            at=timezone.now(),
        )


def _checked_by(request: HttpRequest, user: User) -> str:
    if "directory" not in getattr(user, "backend", ""):
        return BY_ROLLCALL
    names = dict(LdapServer.objects.values_list("pk", "name"))
    name = names.get(request.session.get(SERVER, 0))
    return f"LDAP server {name}" if name else "directory"


def _refused(*, credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    address = client_address(request) if request is not None else ""
    username = str(credentials.get("username") or "")
    reasons = list(dict.fromkeys(sign_in_reasons.take(request)))
    sign_ins.note_refused(username=username, address=address, reasons=reasons, at=timezone.now())
