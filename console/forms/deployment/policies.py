"""The form of a deployment policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.forms.fields import LinesField, OrgField
from orgs.actions.deployment.policy_values import LONGEST_DAYS, MOST_DEVICES, PolicyValues, version
from orgs.models import DeploymentPolicy, DirectoryService, Org, User
from orgs.permissions import Permission
from orgs.rules.inheritance import effective_settings

_NAME = {"autocomplete": "off", "spellcheck": "false"}
_FIRST_DAYS = 90
_FIRST_LIMIT = 100


def orgs_for_policies(viewer: User) -> Any:
    """Return the orgs that the viewer may make policies of: active ones that follow LDAP, of their part."""
    in_reach = Org.objects.in_reach_of(viewer, Permission.USER).active()
    reached_too = Org.objects.in_reach_of(viewer, Permission.COMPUTER).values("pk")
    following = [each.id for each in effective_settings().values() if each.directory_service == DirectoryService.LDAP]
    return in_reach.filter(pk__in=reached_too).filter(pk__in=following)


class DeploymentPolicyForm(forms.Form):
    """What a policy allows; the org of a stored one stays."""

    name = forms.CharField(
        label=_("Name"),
        max_length=255,
        widget=forms.TextInput(attrs=_NAME),
        help_text=_("For administrators, such as “Laptops of Berlin, spring 2027”."),
    )
    org = OrgField(
        label=_("Registration org"),
        queryset=Org.objects.none(),
        empty_label=None,
        help_text=_(
            "Whose directory has to have the person. New people come into this org, or into the one below it that the org "
            "name script returns. Only orgs that follow LDAP are offered."
        ),
    )
    expires_on = forms.DateField(
        label=_("Expires"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_(
            "The end of this day, a year from now at the latest. The token lies on every computer: keep it short."
        ),
    )
    device_limit = forms.IntegerField(
        label=_("Most devices"),
        min_value=1,
        max_value=MOST_DEVICES,
        help_text=_("How many devices the policy may bring in all. Raise it when a further wave begins."),
    )
    networks = LinesField(
        label=_("Networks"),
        required=False,
        help_text=_(
            "Optional: one a line, such as 10.20.0.0/16 or 2001:db8::/32. Computers register from these networks only. "
            "Empty: from everywhere."
        ),
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, viewer: User, policy: DeploymentPolicy | None = None
    ) -> None:
        today = timezone.localdate()
        initial: dict[str, Any] = {"expires_on": today + timedelta(days=_FIRST_DAYS), "device_limit": _FIRST_LIMIT}
        if policy is not None:
            initial = {
                "name": policy.name,
                "expires_on": timezone.localdate(policy.expires_at),
                "device_limit": policy.device_limit,
                "networks": policy.networks,
                "version": version(policy),
            }
        super().__init__(data, initial=initial)
        self.policy = policy
        self.fields["expires_on"].widget.attrs |= {
            "min": str(today),
            "max": str(today + timedelta(days=LONGEST_DAYS - 1)),
        }
        if policy is None:
            self.fields["org"].queryset = orgs_for_policies(viewer)  # type: ignore[attr-defined]  # a choice of objects
        else:
            del self.fields["org"]

    def values(self) -> PolicyValues:
        """Return what is filled in; a day that was not changed keeps its hour."""
        given = self.cleaned_data
        day = given["expires_on"]
        if self.policy is not None and day == timezone.localdate(self.policy.expires_at):
            expires_at = self.policy.expires_at
        else:
            expires_at = timezone.make_aware(datetime.combine(day, time(23, 59, 59)))
        return PolicyValues(given["name"], expires_at, given["device_limit"], tuple(given["networks"]))

    def take_over_version(self, policy: DeploymentPolicy) -> None:
        """Begin from the present version: what is sent next replaces it."""
        self.data = {name: self.data[name] for name in self.data} | {"version": version(policy)}
