"""The forms of legal holds: what a matter says, what a policy says, and a list of custodians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms.fields import OrgField
from orgs.actions.matters.matter_edits import MatterText, version
from orgs.models import Matter, Org, PreservationPolicy, User
from orgs.permissions import Permission

_NAME = {"autocomplete": "off", "spellcheck": "false"}
_PLAIN = {"rows": 4}


def _orgs_of(viewer: User) -> Any:
    return Org.objects.in_reach_of(viewer, Permission.USER)


class _OwnedForm(forms.Form):
    """A form with the org to which a thing belongs; only administrators of all orgs may choose all of them."""

    org = OrgField(
        label=_("Belongs to"),
        queryset=Org.objects.none(),
        required=False,
        empty_label=_("All orgs"),
        help_text=_("Administrators of this org and of those above it act on it."),
    )

    def limit_orgs(self, viewer: User) -> None:
        """Offer the orgs of the viewer's part."""
        field: Any = self.fields["org"]
        field.queryset = _orgs_of(viewer)
        if not viewer.may_everywhere(Permission.USER):
            field.required, field.empty_label = True, None
            self.initial.setdefault("org", viewer.org_id)


class MatterForm(_OwnedForm):
    """What a matter says; ``matter`` is None for a new one."""

    name = forms.CharField(label=_("Name"), max_length=255, widget=forms.TextInput(attrs=_NAME))
    reference = forms.CharField(
        label=_("Reference"),
        max_length=255,
        required=False,
        widget=forms.TextInput(attrs=_NAME),
        help_text=_("Optional: the number of the case, as others know it."),
    )
    policy = forms.ModelChoiceField(
        label=_("Preservation policy"),
        queryset=PreservationPolicy.objects.none(),
        required=False,
        empty_label=_("None"),
        help_text=_("What is kept, in words. Whatever it says, no archive of a custodian expires or is purged."),
    )
    notes = forms.CharField(
        label=_("Description"), required=False, max_length=10_000, widget=forms.Textarea(attrs=_PLAIN)
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False)
    field_order = ("name", "reference", "policy", "org", "notes")

    def __init__(self, data: Mapping[str, Any] | None = None, *, viewer: User, matter: Matter | None = None) -> None:
        self.matter = matter
        initial: dict[str, Any] = {}
        if matter is not None:
            initial = {name: getattr(matter, name) for name in ("name", "reference", "notes")}
            initial |= {"policy": matter.preservation_policy_id, "org": matter.org_id, "version": version(matter)}
        super().__init__(data, initial=initial)
        self.limit_orgs(viewer)
        policies: Any = self.fields["policy"]
        policies.queryset = PreservationPolicy.objects.visible_to(viewer)
        if matter is not None and matter.preservation_policy_id:
            # The matter keeps a policy that the viewer does not see elsewhere.
            policies.queryset |= PreservationPolicy.objects.filter(pk=matter.preservation_policy_id)

    def text(self) -> MatterText:
        """Return what is filled in."""
        given = self.cleaned_data
        notes = given["notes"].replace("\r\n", "\n")
        return MatterText(given["name"], given["reference"], notes, given["policy"], given["org"])

    def take_over_version(self, matter: Matter) -> None:
        """Begin from the present version: what is sent next replaces it."""
        self.data = {name: self.data[name] for name in self.data} | {"version": version(matter)}


class PolicyForm(_OwnedForm):
    """What a preservation policy says; the org of a stored one stays."""

    name = forms.CharField(label=_("Name"), max_length=255, widget=forms.TextInput(attrs=_NAME))
    kept = forms.CharField(
        label=_("What is kept"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs=_PLAIN),
        help_text=_(
            "For the people who read it, such as “All mail since 2012”. Rollcall keeps all archives of custodians."
        ),
    )
    before_name = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
    before_kept = forms.CharField(widget=forms.HiddenInput, required=False, strip=False)
    field_order = ("name", "kept", "org")

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, viewer: User, policy: PreservationPolicy | None = None
    ) -> None:
        initial: dict[str, Any] = {}
        if policy is not None:
            initial = {"name": policy.name, "kept": policy.kept, "before_name": policy.name, "before_kept": policy.kept}
        super().__init__(data, initial=initial)
        if policy is None:
            self.limit_orgs(viewer)
        else:
            del self.fields["org"]

    def known(self) -> tuple[str, str]:
        """Return name and text as they were when the edit began."""
        given = self.cleaned_data
        return given["before_name"], given["before_kept"].replace("\r\n", "\n")

    def take_over_values(self, policy: PreservationPolicy) -> None:
        """Begin from what is stored now: what is sent next replaces it."""
        now = {"before_name": policy.name, "before_kept": policy.kept}
        self.data = {name: self.data[name] for name in self.data} | now


class CustodianListForm(forms.Form):
    """Usernames or email addresses, as a file or as text."""

    file = forms.FileField(
        label=_("CSV file"),
        required=False,
        help_text=_("A column username or email, or no heads at all: then the first column counts."),
    )
    names = forms.CharField(
        label=_("Or usernames and email addresses, one a line"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
