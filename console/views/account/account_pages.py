"""The page of one's own account, its local password, and its sessions."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.forms.session import LocalPasswordForm
from console.http.page_requests import render_page
from console.presenters.accounts import account_card, session_rows
from console.security import session_list
from console.security.access import ConsoleRequest, author, require
from console.views.account.own_pages import own_page
from orgs.actions.errors import Refused
from orgs.actions.users import local_passwords
from orgs.permissions import Permission
from orgs.rules.local_sign_in import password_counts


@never_cache
@require_safe
@require(Permission.CONSOLE_LOGIN)
def account(request: ConsoleRequest) -> HttpResponse:
    """Show the signed-in user's own account."""
    context = {
        "card": account_card(request.user),
        "sessions": session_rows(request.user, request=request, at=timezone.now()),
    }
    return render_page(request, "account/detail.html", context)


@own_page
def password(request: ConsoleRequest) -> HttpResponseBase:
    """Set one's own local password, where one counts; the other sessions end."""
    counts = password_counts(request.user)
    form = LocalPasswordForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["new_password1"]
        try:
            local_passwords.set_password(user=request.user, password=new, by=author(request), at=timezone.now())
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, _("Your password is set; your other sessions have ended."))
            return redirect("account:detail")
    context = {"form": form, "counts": counts, "card": account_card(request.user)}
    return render_page(request, "account/password.html", context)


@require_POST
@require(Permission.CONSOLE_LOGIN)
def end_session(request: ConsoleRequest) -> HttpResponse:
    """End one of one's own sessions."""
    key = request.POST.get("session", "")
    if session_list.end_one(request.user, key, by=author(request), at=timezone.now()):
        messages.success(request, _("The session has ended."))
    else:
        messages.warning(request, _("That session had ended already."))
    return redirect("account:detail")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.CONSOLE_LOGIN)
def end_other_sessions(request: ConsoleRequest) -> HttpResponse:
    """Show one's own other sessions, and end all of them."""
    if request.method != "POST":
        rows = session_rows(request.user, request=request, at=timezone.now())
        others = [row for row in rows if not row.is_this]
        return render_page(request, "account/end_other_sessions.html", {"sessions": others})
    # One of them is this one, which goes on.
    count = max(session_list.end_all(user=request.user, by=author(request), at=timezone.now()) - 1, 0)
    update_session_auth_hash(request, request.user)
    words = ngettext("%(count)d other session has ended.", "%(count)d other sessions have ended.", count)
    messages.success(request, words % {"count": count})
    return redirect("account:detail")
