"""The forms of acts on devices and archives: the computer that takes a place, and the day until which archives are kept."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orgs.actions.devices_by_hand.archive_expiry import LONGEST
from orgs.models import Device


class _Computers(forms.ModelChoiceField):  # type: ignore[type-arg]  # not at run time
    """Devices with their system and the day of their last connection, as people know their computers."""

    def label_from_instance(self, obj: Device) -> str:
        connected = obj.last_connected
        day = date_format(timezone.localtime(connected), "Y-m-d") if connected else _("never")
        parts = {"name": obj.name, "os": obj.os or _("system unknown"), "day": day, "guid": obj.guid}
        return _("%(name)s · %(os)s · last connected: %(day)s · GUID %(guid)s") % parts


class ReplacementForm(forms.Form):
    """The device whose computer takes the place of another, one of ``computers``."""

    computer = _Computers(
        label=gettext_lazy("New computer"),
        queryset=Device.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("A device of the same user that may back up."),
    )

    def __init__(self, *args: Any, computers: QuerySet[Device], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["computer"].queryset = computers  # type: ignore[attr-defined]  # a choice of objects
        self.fields["computer"].initial = computers.first()


class KeepLongerForm(forms.Form):
    """The day until whose end archives are kept in cold storage."""

    until = forms.DateField(
        label=gettext_lazy("Keep until"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("The end of this day. An archive that is kept longer already is left alone."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        today = timezone.localdate()
        self.fields["until"].widget.attrs |= {"min": str(today), "max": str(_last_day(today))}

    def clean_until(self) -> date:
        """Check that the day is not past, and not too far in the future."""
        day: date = self.cleaned_data["until"]
        today = timezone.localdate()
        if day < today:
            raise forms.ValidationError(_("Choose today or a later day."))
        if day > _last_day(today):
            words = _("Choose a day up to %(last)s. What is to be kept longer belongs on a legal hold.")
            raise forms.ValidationError(words % {"last": _last_day(today)})
        return day

    def moment(self) -> datetime:
        """Return the last second of the chosen day."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until"], time(23, 59, 59)))


def _last_day(today: date) -> date:
    # A day less: the end of the day has to lie within the limit, too.
    return today + LONGEST - timedelta(days=1)
