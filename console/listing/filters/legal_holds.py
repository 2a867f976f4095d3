"""Filters of the list of matters."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import OpenFilter, search_filter
from orgs.models import Matter


class MatterFilter(filters.FilterSet):  # type: ignore[misc]
    """Search, open or closed."""

    q = search_filter(_("Name or policy"), "name", "policy")
    state = OpenFilter(
        field_name="closed_at",
        label=_("State"),
        empty_label=_("All matters"),
        choices=[("open", _("Open")), ("closed", _("Closed"))],
    )

    class Meta:
        model = Matter
        fields: list[str] = []
