"""What the audit trail can be narrowed by."""

from __future__ import annotations

import django_filters as filters
from django import forms
from django.utils.translation import gettext_lazy as _

from console.filters.fields import LONGEST_SEARCH, search_filter
from orgs.models import AuditEntry


def _known(field: str) -> list[tuple[str, str]]:
    return [(name, name) for name in AuditEntry.objects.known(field)]


class AuditFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Who, what, when, which object."""

    who = filters.CharFilter(
        field_name="actor_label", lookup_expr="icontains", label=_("Who"), max_length=LONGEST_SEARCH
    )
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
