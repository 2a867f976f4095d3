"""The filters of the lists of roles and matters."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.fields import OpenFilter, search_filter
from orgs.models import Matter, Role


class RoleFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, standard or custom."""

    q = search_filter(_("Name of the role"), "name")
    locked = filters.ChoiceFilter(
        label=_("Kind"), empty_label=_("All roles"), choices=[("True", _("Standard")), ("False", _("Custom"))]
    )

    class Meta:
        model = Role
        fields: list[str] = []


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
