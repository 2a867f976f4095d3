"""The filters of the list of alerts."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import OpenFilter
from directory.models import Alert, AlertKind


class AlertFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Open or dismissed, kind."""

    state = OpenFilter(
        field_name="dismissed_at",
        label=_("State"),
        empty_label=_("All alerts"),
        choices=[("open", _("Open")), ("dismissed", _("Dismissed"))],
    )
    kind = filters.ChoiceFilter(label=_("Kind"), empty_label=_("Any kind"), choices=AlertKind.choices)

    class Meta:
        model = Alert
        fields: list[str] = []
