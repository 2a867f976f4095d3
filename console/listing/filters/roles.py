"""Filters of the list of roles."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import search_filter
from orgs.models import Role


class RoleFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, standard or custom."""

    q = search_filter(_("Name of the role"), "name")
    locked = filters.ChoiceFilter(
        label=_("Kind"), empty_label=_("All roles"), choices=[("True", _("Standard")), ("False", _("Custom"))]
    )

    class Meta:
        model = Role
        fields: list[str] = []
