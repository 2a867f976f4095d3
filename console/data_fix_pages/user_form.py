"""The form of a user: names, org, roles, and whether they are managed locally."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from orgs.actions.users.user_profiles import Profile
from orgs.models import Org, Role, User


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no argument
    """A user with roles; states have actions instead."""

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
        """Return the profile as filled in."""
        given = self.cleaned_data
        return Profile(given["username"].strip(), given["email"], given["first_name"], given["last_name"])

    def role_ids(self) -> frozenset[int]:
        """Return the ids of the ticked roles."""
        return frozenset(role.pk for role in self.cleaned_data["granted_roles"])
