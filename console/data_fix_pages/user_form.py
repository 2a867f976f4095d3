"""The form of a user: names, org, roles, and whether they are managed locally."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy

from console.data_fix_pages.single_user_creation import Fate
from directory.provisioning.applicants import Applicant
from orgs.actions.users.user_profiles import Profile
from orgs.models import Org, Role, User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """A user with roles; states have actions instead. ``fate`` is the decision about a new user."""

    fate: ClassVar[Fate | None] = None
    org = forms.ModelChoiceField(label=gettext_lazy("Org"), queryset=Org.objects.active())
    granted_roles = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Roles"),
        queryset=Role.objects.order_by("name"),
        required=False,
        help_text=gettext_lazy(
            "For a new user: where the role name script names roles, these count instead; with none ticked, the org's "
            "default roles."
        ),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = User
        fields = ["username", "email", "first_name", "last_name", "org", "managed_locally"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["granted_roles"] = list(self.instance.roles.all())

    def clean(self) -> dict[str, Any]:
        """Show why a new user can't be created; that is decided before anything is written."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if self.fate is not None and self.fate.problem:
            self.add_error(None, self.fate.problem)
        return given

    def applicant(self) -> Applicant:
        """Return the applicant that is filled in; its roles count if no script names any."""
        given = self.cleaned_data
        return Applicant(
            self.profile(),
            given["org"],
            roles=self.role_ids() or None,
            managed_locally=given["managed_locally"],
        )

    def profile(self) -> Profile:
        """Return the profile as filled in."""
        given = self.cleaned_data
        return Profile(given["username"].strip(), given["email"], given["first_name"], given["last_name"])

    def role_ids(self) -> frozenset[int]:
        """Return the ids of the ticked roles."""
        return frozenset(role.pk for role in self.cleaned_data["granted_roles"])
