"""The filter of the devices whose files a viewer may restore."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import search_filter
from orgs.models import Device


class RestoreFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search by name, GUID or user."""

    q = search_filter(_("Name, GUID or user"), "name", "guid", "user__username")

    class Meta:
        model = Device
        fields: list[str] = []
