"""How a user signs in, seen by an administrator: local password, second factor, sessions."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from console.forms.session import LocalPasswordForm
from console.http.page_requests import render_page
from console.presenters.accounts import account_card, session_rows
from console.security import account_mails, session_list
from console.security.access import ConsoleRequest, author, confirmed, may_sign_in, require
from console.views.acts import carry_out
from console.views.users.user_access import managed_user
from orgs.actions.errors import Refused
from orgs.actions.users import local_passwords, second_factors
from orgs.models import User
from orgs.permissions import Permission
from orgs.rules.actors import Actor


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed
def password(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Set a user's local password, where one counts; the user's sessions end."""
    user = managed_user(request, pk)
    if user.pk == request.user.pk:
        return redirect("account:password")
    form = LocalPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["new_password1"]
        try:
            local_passwords.set_password(user=user, password=new, by=author(request), at=timezone.now())
        except Refused as reason:
            form.add_error(None, f"{capfirst(str(reason))}.")
        else:
            account_mails.send_notice(user=user, about="password set")
            text = _("The password of %(name)s is set; all sessions of this account have ended.")
            messages.success(request, text % {"name": user.username})
            return redirect("users:detail", pk=user.pk)
    return render_page(request, "users/password.html", {"subject": user, "form": form, "card": account_card(user)})


@require_POST
@require(Permission.USER)
@confirmed
def mail_password_link(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Mail a user a link by which they choose a local password."""
    user = managed_user(request, pk)
    text = _("A link is on its way to %(address)s. It works once, and for one hour.")
    return carry_out(
        request,
        partial(_mail_link, user, request.user.pk),
        done=text % {"address": user.email},
        back=reverse("users:detail", args=[user.pk]),
        refusal=_("Nothing was mailed: %(reason)s."),
    )


def _mail_link(user: User, sent_by: int, *, by: Actor, at: datetime) -> None:
    if not account_mails.can_mail():
        raise Refused("no mail server is set: Status has what to do")
    if not may_sign_in(user):
        raise Refused(f"{user} can't sign in to the console, by their state or their roles")
    with transaction.atomic():
        local_passwords.note_link(user=user, by=by, at=at)
        transaction.on_commit(partial(account_mails.send_link, user=user, sent_by=sent_by))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed
def end_sessions(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Show a user's sessions, and end all of them."""
    user = managed_user(request, pk)
    if user.pk == request.user.pk:
        return redirect("account:end-other-sessions")
    if request.method != "POST":
        rows = session_rows(user, at=timezone.now())
        return render_page(request, "users/end_sessions.html", {"subject": user, "sessions": rows})
    return carry_out(
        request,
        partial(session_list.end_all, user=user),
        done=lambda count: _ended(count, user),
        back=reverse("users:detail", args=[user.pk]),
    )


def _ended(count: int, user: User) -> str:
    words = ngettext("%(count)d session of %(name)s has ended.", "%(count)d sessions of %(name)s have ended.", count)
    return words % {"count": count, "name": user.username}


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
@confirmed
def reset_second_factor(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Ask; then remove a user's second factors, for somebody who has lost them."""
    user = managed_user(request, pk)
    if user.pk == request.user.pk:
        return redirect("account:second-factor")
    if request.method != "POST":
        context = {"subject": user, "card": account_card(user), "sessions": session_rows(user, at=timezone.now())}
        return render_page(request, "users/reset_second_factor.html", context)
    text = _("The second factor of %(name)s is reset, and all sessions of this account have ended.")
    return carry_out(
        request,
        partial(_reset, user),
        done=text % {"name": user.username},
        back=reverse("users:detail", args=[user.pk]),
        refusal=_("Nothing was reset: %(reason)s."),
    )


def _reset(user: User, *, by: Actor, at: datetime) -> None:
    second_factors.reset(user=user, by=by, at=at)
    account_mails.send_notice(user=user, about="second factor reset")
