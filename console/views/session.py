"""Signing in and out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from console import throttle
from console.forms.session import SignInForm


@sensitive_post_parameters("password")
@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for username and password; whoever is signed in goes on."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _let_in(request, form):
        return redirect(_next(request))
    return render(request, "session/sign_in.html", {"form": form, "next": request.GET.get("next", "")})


def _let_in(request: HttpRequest, form: SignInForm) -> bool:
    username = form.cleaned_data["username"]
    if not throttle.may_try(request, username):
        form.add_error(None, _("Too many attempts. Wait 15 minutes and try again."))
        return False
    user = authenticate(request, username=username, password=form.cleaned_data["password"])
    if user is None:
        # The same words whether the username, the password or the account is the reason.
        form.add_error(None, _("Username and password do not fit together, or this account may not use the console."))
        return False
    throttle.forgive(request, username)
    login(request, user)
    return True


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)


@require_POST
@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("session:sign-in")
