"""Data fixes of orgs, each through its actions."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.data_fix_pages.admin_site import ActingAdmin, by
from directory.org_scope import servers_by_org
from directory.org_server_changes import left_behind
from orgs.actions import orgs
from orgs.models import Org
from orgs.rules.inheritance import TriedSettings, effective_settings
from orgs.rules.local_sign_in import closed_to_administrators


class OrgForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """An org's own settings; for a new org also its parent."""

    left_behind = forms.BooleanField(label=gettext_lazy("Leave users behind whom nobody looks for"), required=False)
    parent = forms.ModelChoiceField(label=gettext_lazy("Parent"), queryset=Org.objects.active(), required=False)

    class Meta:
        model = Org
        fields = [
            "name",
            "directory_service",
            "archive_retention_days",
            "own_default_roles",
            "default_roles",
            "notes",
        ]
        widgets = {"default_roles": forms.CheckboxSelectMultiple}

    def clean(self) -> dict[str, Any]:
        """Require a confirmation if some users were found on no server that the org would use; name these users."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        service = found.get("directory_service", self.instance.directory_service)
        if self.instance.pk and not found.get("left_behind"):
            changed = effective_settings(TriedSettings(services={self.instance.pk: service}))
            if sentences := left_behind(servers_by_org(), servers_by_org(changed)):
                how = _("Tick “%(box)s” below to do it all the same.") % {"box": self.fields["left_behind"].label}
                self.add_error("directory_service", " ".join([*sentences, how]))
        return found


class OrgAdmin(ActingAdmin):
    """Orgs: the form has the settings; actions of the list take orgs out of use and renew keys."""

    form = OrgForm
    list_display = ("name", "directory_service", "registration_key", "active")
    list_filter = ("active", "directory_service")
    search_fields = ("name", "registration_key")
    ordering = ("path",)
    readonly_fields = ("registration_key", "active", "path", "created_at")
    actions = ("take_out_of_use", "bring_back", "renew_key")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the parent of a new org; show the fixed values of a stored one."""
        return (
            ["parent", *OrgForm.Meta.fields]
            if obj is None
            else [*OrgForm.Meta.fields, "left_behind", *self.readonly_fields]
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the org through the action."""
        who, at, given = by(request), timezone.now(), dict(form.cleaned_data)
        parent, default_roles = given.pop("parent", None), given.pop("default_roles")
        given.pop("left_behind", None)
        if not change:
            obj.pk = orgs.create(name=given.pop("name"), parent=parent, by=who, at=at).pk
        orgs.change(org=obj, by=who, at=at, default_roles=default_roles, **given)
        path = Org.objects.get(pk=obj.pk).path
        if closed := sorted(name for name, at in closed_to_administrators().items() if at.startswith(path)):
            text = _(
                "These administrators can't sign in with their local passwords, as their org follows LDAP: %(names)s."
            )
            messages.warning(request, text % {"names": ", ".join(closed)})

    @admin.action(description=gettext_lazy("Take the chosen orgs out of use"))
    def take_out_of_use(self, request: HttpRequest, chosen: QuerySet[Org]) -> HttpResponse | None:
        """Show the effects, then take the chosen orgs out of use."""
        effects = [_("Nobody can be put into them, and no sync looks for their users. It can be undone.")]
        title = _("Take orgs out of use")
        if page := self.confirm(request, chosen, action="take_out_of_use", title=title, effects=effects):
            return page
        self._set_active(request, chosen, active=False, done=_("Out of use."))
        return None

    @admin.action(description=gettext_lazy("Bring the chosen orgs back into use"))
    def bring_back(self, request: HttpRequest, chosen: QuerySet[Org]) -> HttpResponse | None:
        """Show the effects, then bring the chosen orgs back into use."""
        effects = [_("People can be put into them again, and syncs look for their users where they follow LDAP.")]
        title = _("Bring orgs back into use")
        if page := self.confirm(request, chosen, action="bring_back", title=title, effects=effects):
            return page
        self._set_active(request, chosen, active=True, done=_("In use again."))
        return None

    def _set_active(self, request: HttpRequest, chosen: QuerySet[Org], *, active: bool, done: str) -> None:
        for org in chosen:
            self.act(
                request,
                partial(orgs.set_active, org=org, active=active, by=by(request), at=timezone.now()),
                f"{org.name}: {done}",
            )

    @admin.action(description=gettext_lazy("Give the chosen orgs new registration keys"))
    def renew_key(self, request: HttpRequest, chosen: QuerySet[Org]) -> HttpResponse | None:
        """Show the effects, then renew the keys."""
        effects = [_("The old keys stop working at once: installers and instructions that hold them fail.")]
        title = _("New registration keys")
        if page := self.confirm(request, chosen, action="renew_key", title=title, effects=effects):
            return page
        for org in chosen:
            self.act(
                request,
                partial(orgs.renew_registration_key, org=org, by=by(request), at=timezone.now()),
                partial(_new_key, org.name),
            )
        return None


def _new_key(org_name: str, key: str) -> str:
    return _("%(org)s has the new key %(key)s.") % {"org": org_name, "key": key}
