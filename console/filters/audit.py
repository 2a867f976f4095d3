"""What the audit trail can be narrowed by."""

from __future__ import annotations

import django_filters as filters
from django import forms
from django.utils.translation import gettext_lazy as _

from console.filters.fields import search_filter
from orgs.models import AuditEntry


def _known(field: str) -> list[tuple[str, str]]:
    names = AuditEntry.objects.order_by(field).values_list(field, flat=True).distinct()
    return [(name, name) for name in names]


class AuditFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Who, what, when, which object."""

    who = filters.CharFilter(field_name="actor_label", lookup_expr="icontains", label=_("Who"))
    action = filters.ChoiceFilter(label=_("What"), empty_label=_("Anything"), choices=lambda: _known("action"))
    object_type = filters.ChoiceFilter(
        label=_("Kind of object"), empty_label=_("Any kind"), choices=lambda: _known("object_type")
    )
    q = search_filter(_("Name of the object"), "object_label")
    since = filters.DateFilter(
        field_name="at", lookup_expr="date__gte", label=_("From"), widget=forms.DateInput(attrs={"type": "date"})
    )
    until = filters.DateFilter(
        field_name="at", lookup_expr="date__lte", label=_("To"), widget=forms.DateInput(attrs={"type": "date"})
    )
    run = filters.NumberFilter(field_name="run_id", label=_("Run"))

    class Meta:
        model = AuditEntry
        fields: list[str] = []
