"""The page that edits a user: notes, and the profile unless LDAP owns it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.user_edit import UserEditForm
from console.http.page_requests import render_page
from console.presenters.users.directory_ownership import is_owned
from console.presenters.users.user_acts import UserFacts
from console.security.access import ConsoleRequest, author, require
from console.views.users.user_access import managed_user
from directory.input_errors import Refused
from orgs.actions.users import profile_edits
from orgs.actions.users.profile_edits import ChangedMeanwhile
from orgs.models import User
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.USER)
def edit(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the form; save what was edited, unless somebody else has saved the user meanwhile."""
    user = managed_user(request, pk)
    from_ldap, holds_more = is_owned(user), UserFacts(user, request.user).holds_more
    form = UserEditForm(request.POST or None, user=user, locked=from_ldap or bool(holds_more))
    context: dict[str, Any] = {"subject": user, "form": form, "from_ldap": from_ldap, "holds_more": holds_more}
    if request.method == "POST" and form.is_valid():
        try:
            changed = _save(request, user, form)
        except ChangedMeanwhile as reason:
            context |= {"overtaken": str(reason), "stored_now": form.stored_now()}
            form.take_over_version()
        except Refused as reason:
            form.add_error(None if form.locked else "username", f"{reason}.")
        else:
            messages.success(request, _("The changes are saved.") if changed else _("Nothing was changed."))
            return redirect("users:detail", pk=user.pk)
    return render_page(request, "users/edit.html", context)


def _save(request: ConsoleRequest, user: User, form: UserEditForm) -> bool:
    save = partial(profile_edits.edit, user_id=user.pk, profile=None if form.locked else form.profile())
    return save(
        notes=form.cleaned_data["notes"],
        known=form.cleaned_data["version"],
        by=author(request),
        at=timezone.now(),
    )
