"""Data fixes of users; every change is an action of ``orgs.actions.users``."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.data_fix_pages.admin_site import ActingAdmin, by
from console.data_fix_pages.user_form import UserForm
from console.data_fix_pages.user_list_actions import LIST_ACTIONS
from directory.actions.users import org_moves_by_hand
from orgs.actions import locks
from orgs.actions.users import local_passwords, role_grants, user_profiles
from orgs.models import User


class UserAdmin(ActingAdmin):
    """Users: the form has profile, org and roles; actions of the list change states."""

    form = UserForm
    fields = (
        "username",
        "email",
        "first_name",
        "last_name",
        "org",
        "granted_roles",
        "managed_locally",
        "active",
        "deactivated_by",
        "deactivated_at",
        "blocked",
        "blocked_by",
        "blocked_at",
        "pending",
        "pending_by",
        "pending_at",
        "created_by",
        "created_at",
        "last_login",
    )
    readonly_fields = fields[7:]
    list_display = ("username", "email", "org", "active", "blocked", "pending", "managed_locally")
    list_filter = ("active", "blocked", "pending", "managed_locally", "created_by")
    list_select_related = ("org",)
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username_key",)
    actions = ("block", "unblock", "deactivate", "reactivate", "clear_pending")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """Go to the page of the console, which asks the directory and its scripts."""
        return HttpResponseRedirect(reverse("users:add"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Change the parts that differ, each by its action."""
        who, at = by(request), timezone.now()
        pk, org = obj.pk, form.cleaned_data["org"]
        # The order of locks: roles and orgs before users, for all actions below.
        locks.roles()
        locks.orgs([org.pk])
        had_password = User.objects.get(pk=pk).has_usable_password()
        user_profiles.update_profiles(profiles={pk: form.profile()}, by=who, at=at)
        local = form.cleaned_data["managed_locally"]
        # Set the mark before the move, and remove it after: so the user has a way in all the time.
        if local:
            local_passwords.set_managed_locally(user_ids=[pk], managed_locally=True, by=who, at=at)
        org_moves_by_hand.move(user_ids=[pk], org=org, by=who, at=at)
        if not local:
            local_passwords.set_managed_locally(user_ids=[pk], managed_locally=False, by=who, at=at)
        role_grants.set_roles(roles={pk: form.role_ids()}, by=who, at=at)
        if (local or had_password) and not User.objects.get(pk=pk).has_usable_password():
            text = _("The user %(name)s has no local password: set one with “Set a password”, or they can't sign in.")
            messages.warning(request, text % {"name": obj})

    def _list_action(self, request: HttpRequest, chosen: QuerySet[User], name: str) -> HttpResponse | None:
        """Show the effects and ask; then call the action for the chosen users, and show the answer."""
        action = LIST_ACTIONS[name]
        if page := self.confirm(request, chosen, action=name, title=action.title, effects=action.effects(chosen)):
            return page
        ids = _ids(chosen)
        self.act(request, lambda: action.do(ids, by(request), timezone.now()), action.answer)
        return None

    @admin.action(description=gettext_lazy("Block the chosen users"))
    def block(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Block."""
        return self._list_action(request, chosen, "block")

    @admin.action(description=gettext_lazy("Unblock the chosen users"))
    def unblock(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Unblock."""
        return self._list_action(request, chosen, "unblock")

    @admin.action(description=gettext_lazy("Deactivate the chosen users"))
    def deactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Deactivate."""
        return self._list_action(request, chosen, "deactivate")

    @admin.action(description=gettext_lazy("Reactivate the chosen users"))
    def reactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Reactivate, with devices if the settings say so."""
        return self._list_action(request, chosen, "reactivate")

    @admin.action(description=gettext_lazy("Clear the pending deactivation of the chosen users"))
    def clear_pending(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Clear pending deactivations."""
        return self._list_action(request, chosen, "clear_pending")


def _ids(chosen: QuerySet[User]) -> list[int]:
    return list(chosen.values_list("pk", flat=True))
