"""Signing in, confirming the password, and signing out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from console.forms.session import ConfirmForm, SignInForm
from console.http.page_requests import render_page
from console.security import security_log, sessions, sign_in_reasons, sign_in_throttle
from console.security.access import ConsoleRequest, require
from orgs.models import User
from orgs.permissions import Permission


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for username and password; redirect users who are signed in already."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        username = form.cleaned_data["username"]
        if user := _proven(request, form, username, form.cleaned_data["password"]):
            login(request, user)
            sessions.begin(request)
            response = redirect(_next(request))
            sign_in_throttle.remember_browser(response, username)
            return response
    return render(request, "session/sign_in.html", {"form": form, "next": _next_parameter(request)})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.CONSOLE_LOGIN)
def confirm(request: ConsoleRequest) -> HttpResponse:
    """Ask the signed-in user for the password again, before a dangerous page."""
    form = ConfirmForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = _proven(request, form, request.user.get_username(), form.cleaned_data["password"])
        if user is not None and user.pk == request.user.pk:
            sessions.confirm(request)
            return redirect(_next(request))
    return render_page(request, "session/confirm.html", {"form": form, "next": _next_parameter(request)})


def _proven(request: HttpRequest, form: Form, username: str, password: str) -> User | None:
    """Return the user with this username and password; without one, show an error in the form and log it."""
    attempt = sign_in_throttle.begin(request, username)
    if attempt is None:
        security_log.note("sign-in refused, too many attempts", request, user=username)
        form.add_error(None, _("Too many attempts. Wait 15 minutes and try again."))
        return None
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        security_log.note("sign-in refused", request, user=username)
        form.add_error(None, sign_in_reasons.refusal(request))
        return None
    sign_in_throttle.forgive(attempt)
    return user


def _next_parameter(request: HttpRequest) -> str:
    return request.POST.get("next") or request.GET.get("next") or ""


def _next(request: HttpRequest) -> str:
    address = _next_parameter(request)
    # A path without a leading slash would be relative to the sign-in page.
    if address.startswith("/") and url_has_allowed_host_and_scheme(address, None, require_https=request.is_secure()):
        return address
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@require_POST
@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("session:sign-in")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without a valid CSRF token: from another site, or from a page that was open too long."""
    user = request.user.get_username() if request.user.is_authenticated else ""
    security_log.note("form refused", request, user=user, method=request.method, path=request.path, reason=reason)
    return security_log.Noted(render(request, "errors/403_csrf.html").content)
