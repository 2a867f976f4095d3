"""The form that edits a user: names, address and notes; what LDAP owns is read-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from directory.provisioning import person_values
from orgs.actions.users.profile_edits import EDITED, version
from orgs.actions.users.user_profiles import Profile
from orgs.models import User
from orgs.text import misleading

NOTES = forms.CharField(
    label=gettext_lazy("Notes"),
    required=False,
    widget=forms.Textarea(attrs={"rows": 4}),
    help_text=gettext_lazy("For administrators; the user does not see them."),
)


class ProfileForm(forms.Form):
    """Username, address, names and notes of a person; values that are changed are checked as those of uploads."""

    username = forms.CharField(
        label=gettext_lazy("Username"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.CharField(
        label=gettext_lazy("Email"), required=False, widget=forms.TextInput(attrs={"type": "email"})
    )
    first_name = forms.CharField(label=gettext_lazy("First name"), required=False)
    last_name = forms.CharField(label=gettext_lazy("Last name"), required=False)
    notes = NOTES

    def clean(self) -> dict[str, Any]:
        """Check each value as that of an uploaded file."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        # Browsers send the line ends of Windows.
        given["notes"] = given.get("notes", "").replace("\r\n", "\n")
        changed = [name for name in EDITED if given.get(name) and given[name] != self.initial.get(name)]
        for name in changed:
            if problem := person_values.problem(name, given[name]):
                self.add_error(name, _("%(problem)s.") % {"problem": problem})
        if "username" in changed and (reason := misleading(given["username"])):
            self.add_error("username", _("It could be taken for another one: %(reason)s.") % {"reason": reason})
        return given

    def profile(self) -> Profile:
        """Return the profile as filled in."""
        given = self.cleaned_data
        return Profile(given["username"], given["email"], given["first_name"], given["last_name"])


class UserEditForm(ProfileForm):
    """A user's profile and notes; with ``locked`` only the notes can be edited."""

    version = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None = None, *, user: User, locked: bool) -> None:
        self.user, self.locked = user, locked
        initial = {name: getattr(user, name) for name in EDITED} | {"version": version(user)}
        super().__init__(data, initial=initial)
        if locked:
            for name in EDITED[:-1]:
                del self.fields[name]

    def stored_now(self) -> dict[str, str]:
        """Return the stored values that differ from the filled in ones, by label, for somebody whom another one overtook."""
        given = self.cleaned_data
        names = [name for name in EDITED if name in given and getattr(self.user, name) != given[name]]
        return {str(self.fields[name].label): getattr(self.user, name) for name in names}

    def take_over_version(self) -> None:
        """Begin from the present version: what is sent next replaces it."""
        self.data = {name: self.data[name] for name in self.data} | {"version": version(self.user)}
