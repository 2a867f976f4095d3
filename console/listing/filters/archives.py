"""The filters of the list of archives."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters as filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import search_filter, subtree
from orgs.models import Archive, ArchiveState
from orgs.models.archives import ArchiveQuerySet

# Bytes, by the word in the address; pages count in the same units.
SIZES: dict[str, tuple[Any, int]] = {
    "1gb": (_("1 GB or more"), 2**30),
    "10gb": (_("10 GB or more"), 10 * 2**30),
    "100gb": (_("100 GB or more"), 100 * 2**30),
    "1tb": (_("1 TB or more"), 2**40),
}
# Days, by the word in the address.
EXPIRIES: dict[str, tuple[Any, int]] = {
    "7": (_("in the next 7 days"), 7),
    "30": (_("in the next 30 days"), 30),
    "90": (_("in the next 90 days"), 90),
}
# Bounds inside the calendar: a day earlier or later, in another time zone, must exist.
_BOUNDS = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(9000, 1, 1))]


class ArchiveFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, org subtree, state, expiry, size, legal hold, and the day on which an archive expires or is purged."""

    q = search_filter(_("Device, GUID or user"), "device__name", "device__guid", "device__user__username")
    org = subtree("device__user__org")
    state = filters.ChoiceFilter(label=_("State"), empty_label=_("Any state"), choices=ArchiveState.choices)
    expiry = filters.ChoiceFilter(
        label=_("Expires"),
        empty_label=_("At any time"),
        choices=[(key, label) for key, (label, _days) in EXPIRIES.items()],
        method="expiring",
    )
    size = filters.ChoiceFilter(
        label=_("Size"),
        empty_label=_("Any size"),
        choices=[(key, label) for key, (label, _bytes) in SIZES.items()],
        method="of_size",
    )
    hold = filters.ChoiceFilter(
        label=_("Legal hold"),
        empty_label=_("Any"),
        choices=[("yes", _("On hold")), ("no", _("Not on hold"))],
        method="with_hold",
    )
    day = filters.DateFilter(
        label=_("Expires or is purged on"),
        method="due_on",
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=_BOUNDS,
    )

    class Meta:
        model = Archive
        fields: list[str] = []

    def expiring(self, rows: ArchiveQuerySet, _name: str, value: str) -> ArchiveQuerySet:
        until = timezone.now() + timedelta(days=EXPIRIES[value][1])
        return rows.filter(state=ArchiveState.COLD_STORAGE, expires_at__lte=until)

    def of_size(self, rows: ArchiveQuerySet, _name: str, value: str) -> ArchiveQuerySet:
        return rows.filter(size_bytes__gte=SIZES[value][1])

    def with_hold(self, rows: ArchiveQuerySet, _name: str, value: str) -> ArchiveQuerySet:
        return rows.on_legal_hold() if value == "yes" else rows.not_on_legal_hold()

    def due_on(self, rows: ArchiveQuerySet, _name: str, day: date) -> ArchiveQuerySet:
        begin = timezone.make_aware(datetime.combine(day, time.min))
        within = (begin, timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)))
        expiring = Q(state=ArchiveState.COLD_STORAGE, expires_at__gte=within[0], expires_at__lt=within[1])
        return rows.filter(expiring | Q(purge_at__gte=within[0], purge_at__lt=within[1]))
