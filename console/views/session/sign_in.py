"""Signing in with a password and a second factor, and signing out."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.forms.session import CodeForm, SignInForm
from console.security import security_log, sessions, sign_in_throttle
from console.security.second_factors import second_step
from console.security.second_factors.required_by_role import is_missing, open_without_second_factor
from console.views.session.confirmation import must_confirm
from console.views.session.next_address import keeping_next, next_address, parameter
from console.views.session.proofs import factors_to_show, let_in, proven_by_password, proven_by_second_factor
from orgs.actions.users import sign_in_trail
from orgs.models import User
from orgs.rules.second_factors import RECOVERY_CODE, has_second_factor, second_factors_of


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for username and password; redirect users who are signed in already."""
    if request.user.is_authenticated:
        return redirect(next_address(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        username = form.cleaned_data["username"]
        # An earlier attempt may have left which LDAP server had checked that password.
        request.session.pop(sessions.SERVER, None)
        user = proven_by_password(request, form, username, form.cleaned_data["password"])
        if user is not None and has_second_factor(user):
            second_step.begin(request, user, at=timezone.now())
            return redirect(keeping_next(request, "session:second-step"))
        if user is not None:
            let_in(request, user)
            return _go_on(request, user)
    return render(request, "session/sign_in.html", {"form": form, "next": parameter(request)})


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def second_step_page(request: HttpRequest) -> HttpResponse:
    """Ask whoever has given the right password for the second factor, and sign them in."""
    if request.user.is_authenticated:
        return redirect(next_address(request))
    at = timezone.now()
    user = second_step.waiting_user(request, at=at)
    if user is None:
        messages.warning(request, _("Enter your password first: the second step has to follow within ten minutes."))
        return redirect(keeping_next(request, "session:sign-in"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (kind := proven_by_second_factor(request, form, user, at=at)):
        let_in(request, user, second_factor=kind)
        if kind == RECOVERY_CODE:
            _warn_of_few_codes(request, user)
        return _go_on(request, user)
    context = {"form": form, "next": parameter(request), "person": user, **factors_to_show(user)}
    return render(request, "session/second_step.html", context)


def _warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = second_factors_of(user).recovery_codes_left
    text = _("You have signed in with a recovery code. Codes left: %(count)d. Make new ones under “Second factor”.")
    messages.warning(request, text % {"count": left})


def _go_on(request: HttpRequest, user: User) -> HttpResponse:
    response = redirect(next_address(request))
    sign_in_throttle.remember_browser(response, user.username)
    return response


@open_without_second_factor
@require_POST
@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if isinstance(request.user, User):
        sign_in_trail.note_sign_in(request.user, "signed out", origin=sessions.origin(request), at=timezone.now())
    logout(request)
    return redirect("session:sign-in")


@open_without_second_factor
@never_cache
@login_not_required
@require_safe
def state(request: HttpRequest) -> HttpResponse:
    """Return who is signed in, the token for forms, and whether the form needs a confirmation first.

    js/sign_in_place.js asks before it sends a form to the address ``form``.
    """
    user = request.user.get_username() if request.user.is_authenticated else ""
    found = {
        "user": user,
        "token": get_token(request),
        "needs_second_factor": is_missing(request),
        "must_confirm": bool(user) and must_confirm(request),
    }
    return JsonResponse(found)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without a valid CSRF token: from another site, or from a page that was open too long."""
    user = request.user.get_username() if request.user.is_authenticated else ""
    security_log.note("form refused", request, user=user, method=request.method, path=request.path, reason=reason)
    return security_log.Noted(render(request, "errors/403_csrf.html").content)
