"""Data fixes of users: every change is one of the actions of orgs.actions.users."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.data_fixes.site import ActingAdmin, by
from directory.models import Match
from directory.scope import orgs_in_scope
from orgs.actions import users
from orgs.actions.users import NewUser, Profile
from orgs.models import Archive, ArchiveState, CreatedBy, Device, Org, Role, User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user with the roles; states are not in it, they have actions."""

    org = forms.ModelChoiceField(label=gettext_lazy("Org"), queryset=Org.objects.active())
    granted_roles = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Roles"),
        queryset=Role.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name", "org", "managed_locally"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["granted_roles"] = list(self.instance.roles.all())

    def profile(self) -> Profile:
        """Return the names as filled in."""
        given = self.cleaned_data
        return Profile(given["username"].strip(), given["email"], given["first_name"], given["last_name"])

    def role_ids(self) -> frozenset[int]:
        """Return the roles that are ticked."""
        return frozenset(role.pk for role in self.cleaned_data["granted_roles"])


class UserAdmin(ActingAdmin):
    """Users: profile, org and roles in the form; states by the actions of the list."""

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

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        """Leave out the states of a user who is not there yet."""
        return self.fields if obj is not None else self.fields[:6]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        """Create the user, or change what differs; each part by its action."""
        who, at = by(request), timezone.now()
        if not change:
            new = NewUser(form.profile(), form.cleaned_data["org"].pk, roles=form.role_ids())
            obj.pk = users.create(users=[new], created_by=CreatedBy.HAND, by=who, at=at)[0].pk
            return
        pk, org = obj.pk, form.cleaned_data["org"]
        users.update_profiles(profiles={pk: form.profile()}, by=who, at=at)
        users.set_managed_locally(user_ids=[pk], managed_locally=form.cleaned_data["managed_locally"], by=who, at=at)
        users.move(moves={pk: org.pk}, strangers=_strangers([pk], org), by=who, at=at)
        users.set_roles(roles={pk: form.role_ids()}, by=who, at=at)

    @admin.action(description=gettext_lazy("Block the chosen users"))
    def block(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Block, after naming the effects."""
        effects = [_("They are signed out everywhere and can't sign in. Archives stay as they are.")]
        if page := self.confirm(request, chosen, action="block", title=_("Block users"), effects=effects):
            return page
        self.act(request, lambda: users.block(user_ids=_ids(chosen), by=by(request), at=timezone.now()), _("Blocked."))
        return None

    @admin.action(description=gettext_lazy("Unblock the chosen users"))
    def unblock(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """Unblock."""
        self.act(
            request, lambda: users.unblock(user_ids=_ids(chosen), by=by(request), at=timezone.now()), _("Unblocked.")
        )

    @admin.action(description=gettext_lazy("Deactivate the chosen users"))
    def deactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> HttpResponse | None:
        """Deactivate, after naming the effects with counts."""
        effects = _effects_of_deactivating(chosen)
        if page := self.confirm(request, chosen, action="deactivate", title=_("Deactivate users"), effects=effects):
            return page
        self.act(
            request,
            lambda: users.deactivate(user_ids=_ids(chosen), by=by(request), at=timezone.now()),
            _("Deactivated; users on legal hold are blocked instead."),
        )
        return None

    @admin.action(description=gettext_lazy("Reactivate the chosen users"))
    def reactivate(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """Reactivate, with devices and unexpired archives."""
        self.act(
            request,
            lambda: users.reactivate(user_ids=_ids(chosen), by=by(request), at=timezone.now()),
            _("Reactivated."),
        )

    @admin.action(description=gettext_lazy("Clear the pending deactivation of the chosen users"))
    def clear_pending(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        """Forget a pending deactivation."""
        self.act(
            request,
            lambda: users.clear_pending(user_ids=_ids(chosen), by=by(request), at=timezone.now()),
            _("Cleared."),
        )


def _ids(chosen: QuerySet[User]) -> list[int]:
    return list(chosen.values_list("pk", flat=True))


def _strangers(user_ids: Collection[int], org: Org) -> list[int]:
    """Return those whom an LDAP server knows that the org does not ask."""
    scope = orgs_in_scope().get(org.pk)
    asked = scope.servers if scope is not None else ()
    matched = Match.objects.filter(user__in=user_ids).values_list("user_id", "server_id")
    return [pk for pk, server in matched if server not in asked]


def _effects_of_deactivating(chosen: QuerySet[User]) -> list[str]:
    held = User.objects.held().filter(pk__in=chosen.values("pk")).count()
    leaving = chosen.filter(active=True).exclude(pk__in=User.objects.held().values("pk"))
    devices = Device.objects.filter(user__in=leaving.values("pk"), active=True).count()
    archives = Archive.objects.filter(device__user__in=leaving.values("pk"), state=ArchiveState.LIVE).count()
    return [
        ngettext("%(count)d user is deactivated.", "%(count)d users are deactivated.", leaving.count())
        % {"count": leaving.count()},
        ngettext("%(count)d device is deactivated.", "%(count)d devices are deactivated.", devices)
        % {"count": devices},
        ngettext("%(count)d archive goes to cold storage.", "%(count)d archives go to cold storage.", archives)
        % {"count": archives},
        ngettext(
            "%(count)d user on legal hold is blocked instead.",
            "%(count)d users on legal hold are blocked instead.",
            held,
        )
        % {"count": held},
    ]
