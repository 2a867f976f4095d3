"""The forms of orgs: a new org, its name, notes and place in the tree, and each of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.forms.fields import OrgField
from directory.models import LdapServer
from orgs.models import DirectoryService, KeyHolder, Org, Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LONGEST_RETENTION = 36_500
MOST_SNAPSHOTS = 10_000
NAME = {"autocomplete": "off", "spellcheck": "false"}


class OrgNameForm(forms.Form):
    """The name of an org."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=255,
        widget=forms.TextInput(attrs=NAME),
        help_text=gettext_lazy("No two active orgs have the same name; letter case does not count."),
    )


class NewOrgForm(OrgNameForm):
    """The name and the parent of a new org; ``parents`` are the orgs below which the viewer may create one."""

    parent = OrgField(
        label=gettext_lazy("Parent"),
        queryset=Org.objects.none(),
        empty_label=None,
        help_text=gettext_lazy("The new org inherits its settings from here until it overrides them."),
    )

    def __init__(self, *args: Any, parents: QuerySet[Org], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = parents  # type: ignore[attr-defined]  # this is the OrgField above


class OrgPlaceForm(forms.Form):
    """The new parent of an org; ``parents`` are the orgs below which it may lie."""

    parent = OrgField(label=gettext_lazy("New parent"), queryset=Org.objects.none(), empty_label=gettext_lazy("Choose"))

    def __init__(self, *args: Any, parents: QuerySet[Org], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = parents  # type: ignore[attr-defined]  # this is the OrgField above


class OrgNotesForm(forms.Form):
    """The notes about an org."""

    notes = forms.CharField(
        label=gettext_lazy("Notes"),
        required=False,
        max_length=10_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6}),
    )


def _count(label: _StrPromise, help_text: _StrPromise) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=0, max_value=MOST_SNAPSHOTS)


class RetentionForm(forms.Form):
    """The days for which an org's archives stay in cold storage."""

    days = forms.IntegerField(
        label=gettext_lazy("Days in cold storage"),
        min_value=1,
        max_value=LONGEST_RETENTION,
        help_text=gettext_lazy("Afterwards an archive is expired for 20 days, and then purged."),
    )


class SnapshotsForm(forms.Form):
    """How many snapshots archives keep, by kind; none of any kind keeps all."""

    last = _count(gettext_lazy("Last ones"), gettext_lazy("The newest snapshots, whenever they were made."))
    daily = _count(gettext_lazy("Daily ones"), gettext_lazy("The last snapshot of each of so many days."))
    weekly = _count(gettext_lazy("Weekly ones"), gettext_lazy("The last snapshot of each of so many weeks."))
    monthly = _count(gettext_lazy("Monthly ones"), gettext_lazy("The last snapshot of each of so many months."))
    yearly = _count(
        gettext_lazy("Yearly ones"),
        gettext_lazy("The last snapshot of each of so many years. 0 in all fields keeps all."),
    )


class KeyHolderForm(forms.Form):
    """Who gets the passwords of new archives of an org."""

    holder = forms.ChoiceField(
        label=gettext_lazy("The password of a new archive is held"),
        choices=[
            (
                KeyHolder.ROLLCALL,
                gettext_lazy("by Rollcall, encrypted: administrators can restore, and check archives"),
            ),
            (KeyHolder.USER, gettext_lazy("by the user alone: the program shows it once, and Rollcall never has it")),
        ],
        widget=forms.RadioSelect,
    )


class DirectoryServiceForm(forms.Form):
    """Who decides about the users of an org."""

    service = forms.ChoiceField(
        label=gettext_lazy("Users are managed"),
        choices=[
            (DirectoryService.LDAP, gettext_lazy("by LDAP: the org's LDAP servers and their scripts decide")),
            (DirectoryService.LOCAL, gettext_lazy("here: no sync changes them, local passwords open their accounts")),
        ],
        widget=forms.RadioSelect,
    )


class DefaultRolesForm(forms.Form):
    """The roles that new users get, and users for whom the role name script names none."""

    roles = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Default roles"),
        queryset=Role.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, roles: QuerySet[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].queryset = roles  # type: ignore[attr-defined]  # this is the field above


class OrgServersForm(forms.Form):
    """The place of each LDAP server in an org's list; a server without a place is not asked."""

    def __init__(self, *args: Any, servers: Sequence[LdapServer], current: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.servers = servers
        numbers = [("", _("not asked")), *((str(n), _("number %(n)d") % {"n": n}) for n in range(1, len(servers) + 1))]
        for server in servers:
            self.fields[f"server-{server.pk}"] = forms.ChoiceField(
                label=server.name if server.enabled else _("%(name)s (disabled)") % {"name": server.name},
                choices=numbers,
                required=False,
                initial=str(current.index(server.pk) + 1) if server.pk in current else "",
            )

    def chosen(self) -> list[int]:
        """Return the ids of the servers with a place, in order; of two with the same place the first of all servers first."""
        given = [(self.cleaned_data[f"server-{server.pk}"], server.pk) for server in self.servers]
        return [
            pk for number, pk in sorted(((int(number), pk) for number, pk in given if number), key=lambda each: each[0])
        ]

    def clean(self) -> dict[str, Any]:
        """Require a server: to ask none is to let the org inherit, or to manage its users here."""
        found = super().clean() or self.cleaned_data
        if not any(found.get(f"server-{server.pk}") for server in self.servers):
            raise forms.ValidationError(
                _("Give at least one server a number. For none at all, let users be managed here, or inherit the list.")
            )
        return found
