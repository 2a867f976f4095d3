"""The form for a user who is added by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from console.forms.user_edit import ProfileForm
from directory.provisioning.applicants import Applicant
from orgs.models import Org, Role


class UserAddForm(ProfileForm):
    """Org, profile, notes, roles; ``orgs`` and ``roles`` are those in which and of which the viewer may give."""

    org = OrgField(
        label=_("Org"),
        queryset=Org.objects.none(),
        empty_label=None,
        help_text=_("Where it follows LDAP, the directory is asked, and its scripts decide about org and roles."),
    )
    managed_locally = forms.BooleanField(
        label=_("Managed locally"),
        required=False,
        help_text=_("Not looked for in the directory, and no sync changes this user."),
    )
    roles = forms.ModelMultipleChoiceField(
        label=_("Roles"),
        queryset=Role.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Where the role name script names roles, these count instead; with none ticked, the org's default roles."
        ),
    )
    field_order = ("org", "username", "email", "first_name", "last_name", "notes", "managed_locally", "roles")

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        orgs: QuerySet[Org],
        roles: QuerySet[Role],
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial or {})
        self.fields["org"].queryset = orgs  # type: ignore[attr-defined]  # a choice of objects
        self.fields["roles"].queryset = roles  # type: ignore[attr-defined]
        help_text = _("As in the directory. What it has of the person replaces what is filled in below.")
        self.fields["username"].help_text = help_text

    def applicant(self) -> Applicant:
        """Return the applicant that is filled in; chosen roles count if no script names any."""
        given = self.cleaned_data
        return Applicant(
            self.profile(),
            given["org"],
            notes=given["notes"],
            roles=frozenset(role.pk for role in given["roles"]) or None,
            managed_locally=given["managed_locally"],
        )
