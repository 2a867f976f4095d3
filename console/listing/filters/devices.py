"""The filters of the list of devices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters as filters
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from console.listing.filters.shared_filters import search_filter, subtree
from orgs.models import ArchiveState, Device
from orgs.models.devices import DeviceQuerySet

STATES: dict[str, tuple[Any, dict[str, Any]]] = {
    "active": (_("Active"), {"active": True, "blocked": False, "authorized": True}),
    "deactivated": (_("Deactivated"), {"active": False}),
    "blocked": (_("Blocked"), {"blocked": True}),
    "deauthorized": (_("Has to sign in again"), {"authorized": False}),
}
# Days for which a device may have made no backup; the number of the alert is one of them.
_DAYS = sorted({1, 3, 7, 14, 30, 90, settings.NO_BACKUP_DAYS or 7})
WITHOUT_BACKUP: dict[str, tuple[Any, int]] = {
    str(days): (ngettext_lazy("No backup for %d day", "No backup for %d days", days) % days, days) for days in _DAYS
}


class DeviceFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, org subtree, state, state of the archives, days without a backup."""

    q = search_filter(_("Name, GUID or user"), "name", "guid", "user__username")
    org = subtree("user__org")
    state = filters.ChoiceFilter(
        label=_("State"),
        empty_label=_("Any state"),
        choices=[(key, label) for key, (label, _state) in STATES.items()],
        method="in_state",
    )
    archive = filters.ChoiceFilter(
        label=_("Archive"), empty_label=_("Any archive"), choices=ArchiveState.choices, method="with_archive"
    )
    backup = filters.ChoiceFilter(
        label=_("Last backup"),
        empty_label=_("At any time"),
        choices=[(key, label) for key, (label, _days) in WITHOUT_BACKUP.items()],
        method="without_backup",
    )

    class Meta:
        model = Device
        fields: list[str] = []

    def in_state(self, rows: DeviceQuerySet, _name: str, value: str) -> DeviceQuerySet:
        return rows.filter(**STATES[value][1])

    def with_archive(self, rows: DeviceQuerySet, _name: str, value: str) -> DeviceQuerySet:
        return rows.filter(pk__in=Device.objects.filter(archives__state=value).values("pk"))

    def without_backup(self, rows: DeviceQuerySet, _name: str, value: str) -> DeviceQuerySet:
        return rows.without_backup_since(timezone.now() - timedelta(days=WITHOUT_BACKUP[value][1]))
