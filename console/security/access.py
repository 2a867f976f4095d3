"""Checks local passwords at the sign-in, and the permission and confirmation that pages require."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect

from console.http import view_guards
from console.http.page_requests import PageRequest as HtmxRequest
from console.security import kept_forms, security_log, sign_in_reasons
from console.security.sessions import is_confirmed
from orgs.models import User
from orgs.permissions import Permission
from orgs.rules.actors import Actor, person
from orgs.rules.local_sign_in import password_counts

P = ParamSpec("P")
# For the log only: the sign-in page never shows whether the password was right.
CLOSED = "right local password refused, the user's org follows LDAP and the user is not managed locally"


class ConsoleRequest(HtmxRequest):
    """A request of a signed-in user (for types only)."""

    user: User


class LocalBackend(BaseBackend):
    """Signs in with a local password that counts; ignores the letter case of the username."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        """Return the user with this username and password, if they may use the console."""
        if not username or not password:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            # Take as long as a real check, so that the time does not reveal which usernames exist.
            User().set_password(password)
            return None
        if not user.check_password(password):
            if user.has_usable_password():
                sign_in_reasons.note(request, "wrong local password")
            return None
        if not may_sign_in(user):
            sign_in_reasons.note(request, closed_reason(user))
            return None
        if not password_counts(user):
            sign_in_reasons.note(request, CLOSED)
            if request is not None:
                security_log.note(CLOSED, request, user=user.username)
            return None
        return user

    def get_user(self, user_id: int) -> User | None:
        """Return the user of a session, if they may still use the console and their password still counts."""
        user = User.objects.select_related("org").filter(pk=user_id).first()
        return user if user is not None and may_sign_in(user) and password_counts(user) else None


def may_sign_in(user: User) -> bool:
    """Return whether the user is active, not blocked, and has a role that opens the console."""
    return user.may(Permission.CONSOLE_LOGIN)


def closed_reason(user: User) -> str:
    """Return why the account is closed, for logs."""
    if not user.active:
        return "the account is deactivated"
    return "the account is blocked" if user.blocked else "the account has no role that opens the console"


View = Callable[Concatenate[ConsoleRequest, P], HttpResponseBase]


def require(permission: Permission, *others: Permission) -> Callable[[View[P]], View[P]]:
    """Allow a page to holders of the permission, or of one of the others; the view limits the objects.

    It counts for their own org or for every org.
    """

    def guard(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: ConsoleRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not any(request.user.may(each) for each in (permission, *others)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        view_guards.note(guarded, permission=permission)
        return guarded

    return guard


def confirmed(view: View[P]) -> View[P]:
    """Ask for the password again before a dangerous page, unless it was entered in the last ten minutes.

    Put this decorator below ``require``, so that users without the permission are not asked.
    """

    @functools.wraps(view)
    def guarded(request: ConsoleRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(request, *args, **kwargs) if is_confirmed(request) else ask_to_confirm(request)

    view_guards.note(guarded, confirmed=True)
    return guarded


def confirmed_if(check: Callable[..., bool]) -> Callable[[View[P]], View[P]]:
    """Note that a view asks for the password itself where ``check`` is true; put this decorator below ``require``.

    ``check`` gets a request that has the form's fields in its query, and the arguments of the view.
    """

    def noted(view: View[P]) -> View[P]:
        view_guards.note(view, confirmed_if=check)
        return view

    return noted


def ask_to_confirm(request: HttpRequest) -> HttpResponseBase:
    """Redirect to the page that asks for the password, and from there back; nothing is done yet.

    A form goes along, unless it holds a secret or a file: the page that asks has it, and sends it afterwards.
    """
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else _page_of_the_form(request)
    address = f"{reverse('session:confirm')}?{urlencode({'next': back})}"
    if "HX-Request" in request.headers:
        return HttpResponseClientRedirect(address)
    if request.method != "POST":
        return HttpResponseRedirect(address)
    if kept_forms.can_be_kept(request):
        meant_for = urlencode({"sent": request.get_full_path()})
        return HttpResponseRedirect(f"{address}&{meant_for}", preserve_request=True)
    return HttpResponseRedirect(f"{address}&lost=yes")


def _page_of_the_form(request: HttpRequest) -> str:
    """Return the address, without the host, of the page that the form of a request was on; else that of the dashboard."""
    address = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return reverse("dashboard")
    return urlsplit(address)._replace(scheme="", netloc="").geturl() or reverse("dashboard")


def author(request: ConsoleRequest) -> Actor:
    """Return the signed-in user as the actor of actions."""
    return person(request.user)
