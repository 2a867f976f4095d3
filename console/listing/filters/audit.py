"""The filters of the audit trail."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters as filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import WordsFilter, search_filter
from orgs.models import AuditEntry
from orgs.models.audit import AuditEntryQuerySet


def _choices(field: str) -> list[tuple[str, str]]:
    return [(name, name) for name in AuditEntry.objects.values_of(field)]


def _day(label: Any, method: str) -> filters.DateFilter:
    # Bounds inside the calendar: a day earlier or later, in another time zone, must exist.
    bounds = [MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(9000, 1, 1))]
    widget = forms.DateInput(attrs={"type": "date"})
    return filters.DateFilter(label=label, method=method, widget=widget, validators=bounds)


class AuditFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Who, what, when, which object."""

    who = WordsFilter(_("Who"), "actor_label")
    action = filters.ChoiceFilter(label=_("What"), empty_label=_("Anything"), choices=lambda: _choices("action"))
    object_type = filters.ChoiceFilter(
        label=_("Kind of object"), empty_label=_("Any kind"), choices=lambda: _choices("object_type")
    )
    q = search_filter(_("Name of the object"), "object_label")
    since = _day(_("From"), "from_day")
    until = _day(_("To"), "to_day")
    run = filters.NumberFilter(field_name="run_id", label=_("Run"))

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    # Compare times, not dates: the index is on the time.
    def from_day(self, entries: AuditEntryQuerySet, _name: str, day: date) -> AuditEntryQuerySet:
        return entries.filter(at__gte=timezone.make_aware(datetime.combine(day, time.min)))

    def to_day(self, entries: AuditEntryQuerySet, _name: str, day: date) -> AuditEntryQuerySet:
        return entries.filter(at__lt=timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)))
