"""The forms of the sync's settings: mail, reactivation and interval."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.forms.fields import LinesField
from directory.models import SyncSettings


class NotificationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Recipients of mail about runs, and what a sync may reactivate."""

    notification_addresses = LinesField(
        label=_("Email addresses"), required=False, help_text=_("One address a line. Each gets every mail.")
    )

    class Meta:
        model = SyncSettings
        fields = [
            "notification_addresses",
            "notify_administrators",
            "reactivate_set_by_person",
            "reactivate_devices",
        ]

    def values(self) -> dict[str, Any]:
        """Return the values by setting."""
        return {name: self.cleaned_data[name] for name in self.fields}


class IntervalForm(forms.ModelForm):  # type: ignore[type-arg]
    """How often servers without an interval of their own are synchronized."""

    class Meta:
        model = SyncSettings
        fields = ["interval_hours"]
