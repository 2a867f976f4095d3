"""Data fixes of roles, each through its actions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.data_fix_pages.admin_site import ActingAdmin, by
from orgs.actions import roles
from orgs.models import AuditEntry, Role
from orgs.permissions import Permission


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """A custom role with its permissions as checkboxes."""

    permissions = forms.MultipleChoiceField(
        label=gettext_lazy("Permissions"),
        choices=[(key.value, key.value) for key in Permission],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Role
        fields = ["name", "permissions"]


class RoleAdmin(ActingAdmin):
    """Roles: custom ones can be changed, standard ones are locked."""

    form = RoleForm
    list_display = ("name", "locked")
    list_filter = ("locked",)
    search_fields = ("name",)
    actions = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or not obj.locked)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the action."""
        stored = Role.objects.get(pk=obj.pk) if change else None
        given, who, at = form.cleaned_data, by(request), timezone.now()
        obj.pk = roles.save(role=stored, name=given["name"], permissions=given["permissions"], by=who, at=at).pk
        forgotten = AuditEntry.objects.filter(action="password forgotten", actor=who.user_id, at=at).order_by("pk")
        if names := list(forgotten.values_list("object_label", flat=True)):
            text = _(
                "These users have no local password any more: %(names)s. They hold more now than the person who set it; "
                "set a new one with “Set a password”."
            )
            messages.warning(request, text % {"names": ", ".join(names)})
