"""A new local password by a mailed link: asking for the link, and choosing the password."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console.forms.session import ForgottenPasswordForm, LocalPasswordForm
from console.security import account_mails, password_links, security_log, sign_in_throttle
from console.security.client_address import client_address
from orgs.actions.errors import Refused


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten_password(request: HttpRequest) -> HttpResponse:
    """Ask for the username, and have a worker mail a link; the answer is the same for any username."""
    form = ForgottenPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        username = form.cleaned_data["username"]
        if sign_in_throttle.may_request_link(request, username):
            security_log.note("link to choose a password requested", request, user=username)
            account_mails.request_link(username=username, address=client_address(request))
            text = _(
                "If a local password opens the account %(username)s and the account has an email address, a link is on its "
                "way. It works once, and for one hour."
            )
            messages.success(request, text % {"username": username})
            return redirect("session:sign-in")
        security_log.note("link to choose a password refused, too many attempts", request, user=username)
        form.add_error(None, _("Too many attempts. Wait 15 minutes and try again."))
    return render(request, "session/forgotten_password.html", {"form": form})


@never_cache
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_password(request: HttpRequest) -> HttpResponse:
    """Let the holder of a valid link choose a password; they sign in with it afterwards, with their second factor."""
    link = password_links.read(request.GET.get("link", ""))
    if link is None:
        return render(request, "session/new_password.html", {"person": None})
    form = LocalPasswordForm(link.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            password_links.choose(request.GET["link"], form.cleaned_data["new_password1"], at=timezone.now())
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            security_log.note("password chosen by a mailed link", request, user=link.user.username)
            messages.success(request, _("Your password is set, and all your sessions have ended. Sign in with it."))
            return redirect("session:sign-in")
    return render(request, "session/new_password.html", {"person": link.user, "form": form})
