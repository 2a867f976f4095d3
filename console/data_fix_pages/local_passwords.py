"""The page of Data fixes that sets a local password, one's own or another user's."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from orgs.actions.errors import Refused
from orgs.actions.users import local_passwords
from orgs.models import User
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import password_counts


def password_page(request: HttpRequest, site: AdminSite, user: User, *, by: Actor, back: str) -> HttpResponse:
    """Ask twice for a user's new local password, set it by the action, and go back to ``back``.

    The acting person has confirmed their own password before. The form says so if a local password would not count.
    """
    form: SetPasswordForm[User] = SetPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            local_passwords.set_password(
                user=user, password=form.cleaned_data["new_password1"], by=by, at=timezone.now()
            )
        except Refused as reason:
            form.add_error(None, f"{reason}.")
        else:
            if user.pk == by.user_id:
                # The user's other sessions end; keep this one.
                update_session_auth_hash(request, user)
            text = _("The password of %(name)s is set; other sessions have ended.")
            messages.success(request, text % {"name": user.username})
            return HttpResponseRedirect(back)
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Change the password of %(name)s") % {"name": user.username},
        "form": form,
        "subject": user,
        "counts": password_counts(user),
        "back": back,
    }
    return TemplateResponse(request, "admin/password.html", context)
