"""Leads users whose role needs a second factor to setting one up, before they can do anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from console.security.sessions import SECOND_FACTOR
from orgs.models import User
from orgs.rules.second_factors import has_second_factor

SomeView = TypeVar("SomeView", bound=Callable[..., HttpResponseBase])


def open_without_second_factor(view: SomeView) -> SomeView:
    """Let a page open although a second factor is missing; put it above all other decorators of the view."""
    view.open_without_second_factor = True  # type: ignore[attr-defined]  # read below
    return view


def is_missing(request: HttpRequest) -> bool:
    """Return whether a role of the signed-in user needs a second factor, and this session was begun without one."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or SECOND_FACTOR in request.session:
        return False
    return bool(user.roles_that_need_a_second_factor())


class SecondFactorRequiredMiddleware:
    """Redirects every other page to the one that sets up a second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponseBase | None:
        """Redirect, unless the page is needed to set one up or to sign out."""
        if not is_missing(request):
            return None
        address = reverse("account:second-factor")
        if isinstance(request.user, User) and has_second_factor(request.user):
            # It was set up elsewhere, and has to be shown: this session must not set up another one beside it.
            logout(request)
            address = reverse("session:sign-in")
        elif getattr(view, "open_without_second_factor", False):
            return None
        is_htmx = "HX-Request" in request.headers
        return HttpResponseClientRedirect(address) if is_htmx else HttpResponseRedirect(address)
