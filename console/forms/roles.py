"""The forms of roles: the name of a copy, and the permissions of a custom role."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from orgs.permissions import Permission


class RoleNameForm(forms.Form):
    """The name of a role."""

    name = forms.CharField(
        label=_("Name"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Role name scripts return this name; letter case does not count."),
    )


class RolePermissionsForm(RoleNameForm):
    """The name and the permissions of a custom role; ``withheld`` are those that the acting person may not give."""

    permissions = forms.MultipleChoiceField(
        label=_("Permissions"),
        choices=[(key.value, key.value) for key in Permission],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    def __init__(self, *args: Any, withheld: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.withheld = withheld

    @property
    def ticked(self) -> list[str]:
        """The permissions that are ticked in the form as it stands."""
        return list(self["permissions"].value() or [])
