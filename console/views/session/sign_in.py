"""Signing in with a password and a second factor, confirming it is you, and signing out."""

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

from console.forms.session import CodeForm, ConfirmForm, SignInForm
from console.http.page_requests import render_page
from console.security import security_log, sessions, sign_in_throttle
from console.security.access import ConsoleRequest, require
from console.security.second_factors import passkeys, second_step
from console.security.second_factors.required_by_role import is_missing, open_without_second_factor
from console.views.session.next_address import keeping_next, next_address, parameter
from console.views.session.proofs import let_in, proven_by_password, proven_by_second_factor
from orgs.actions.users import sign_in_trail
from orgs.models import User
from orgs.permissions import Permission
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
    context = {"form": form, "next": parameter(request), "person": user, **_factors(user)}
    return render(request, "session/second_step.html", context)


def _factors(user: User) -> dict[str, object]:
    """Return what a page that asks for a second factor shows; it begins a new challenge for passkeys."""
    found = second_factors_of(user)
    return {"factors": found, "passkey_options": passkeys.options_to_use(user) if found.passkeys else ""}


def _warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = second_factors_of(user).recovery_codes_left
    text = _("You have signed in with a recovery code. Codes left: %(count)d. Make new ones under “Second factor”.")
    messages.warning(request, text % {"count": left})


def _go_on(request: HttpRequest, user: User) -> HttpResponse:
    response = redirect(next_address(request))
    sign_in_throttle.remember_browser(response, user.username)
    return response


@open_without_second_factor
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.CONSOLE_LOGIN)
def confirm(request: ConsoleRequest) -> HttpResponse:
    """Ask the signed-in user for the password or the second factor again, before a dangerous page."""
    form, code_form = ConfirmForm(), CodeForm()
    if request.method == "POST":
        form, code_form, proven = _confirmation(request)
        if proven:
            sessions.confirm(request)
            return redirect(next_address(request))
    context = {"form": form, "code_form": code_form, "next": parameter(request), **_factors(request.user)}
    return render_page(request, "session/confirm.html", context)


def _confirmation(request: ConsoleRequest) -> tuple[ConfirmForm, CodeForm, bool]:
    """Return both forms with their errors, and whether the request proves who the user is."""
    if {"code", "answer"} & request.POST.keys() and has_second_factor(request.user):
        code_form = CodeForm(request.POST)
        kind = proven_by_second_factor(request, code_form, request.user, at=timezone.now())
        return ConfirmForm(), code_form, bool(kind)
    form = ConfirmForm(request.POST)
    if not form.is_valid():
        return form, CodeForm(), False
    user = proven_by_password(request, form, request.user.get_username(), form.cleaned_data["password"])
    return form, CodeForm(), user is not None and user.pk == request.user.pk


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
    """Return who is signed in, and the token for forms; js/sign_in_place.js asks before it sends a form."""
    user = request.user.get_username() if request.user.is_authenticated else ""
    found = {"user": user, "token": get_token(request), "needs_second_factor": is_missing(request)}
    return JsonResponse(found)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without a valid CSRF token: from another site, or from a page that was open too long."""
    user = request.user.get_username() if request.user.is_authenticated else ""
    security_log.note("form refused", request, user=user, method=request.method, path=request.path, reason=reason)
    return security_log.Noted(render(request, "errors/403_csrf.html").content)
