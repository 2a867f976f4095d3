"""Filters that several lists share."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from console.access import ConsoleRequest
from orgs.models import Org

# SQLite refuses patterns of 50,000 characters; nobody types this many.
LONGEST_SEARCH = 200


class Words:
    """A filter method: every word of the text has to be found in one of the fields."""

    def __init__(self, *lookups: str) -> None:
        self.lookups = lookups

    def __call__(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        for word in text.split()[:8]:
            found = Q()
            for lookup in self.lookups:
                found |= Q(**{f"{lookup}__icontains": word})
            rows = rows.filter(found)
        return rows


def search_filter(hint: Any, *lookups: str) -> filters.CharFilter:
    """Return the search field of a list."""
    widget = forms.TextInput(attrs={"type": "search", "placeholder": hint})
    return filters.CharFilter(label=_("Search"), method=Words(*lookups), widget=widget, max_length=LONGEST_SEARCH)


class OrgChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Orgs indented as in the tree."""

    def label_from_instance(self, obj: Org) -> str:
        return "\u2003" * (obj.depth - 1) + obj.name


def visible_orgs(request: ConsoleRequest) -> QuerySet[Org]:
    """Return the orgs that the viewer may filter by."""
    return Org.objects.visible_to(request.user)


class SubtreeFilter(filters.ModelChoiceFilter):  # type: ignore[misc]  # django-filter has no types
    """An org and everything below it; ``field_name`` leads to the org."""

    field_class = OrgChoice

    def filter(self, qs: QuerySet[Any], value: Org | None) -> QuerySet[Any]:
        if value is None:
            return qs
        return qs.filter(**{f"{self.field_name}__path__startswith": value.path})


def subtree(field_name: str = "org") -> SubtreeFilter:
    """Return the filter by org, with the orgs below."""
    return SubtreeFilter(
        field_name=field_name, queryset=visible_orgs, label=_("Org, with those below"), empty_label=_("All orgs")
    )


class OpenFilter(filters.ChoiceFilter):  # type: ignore[misc]
    """Open or not: whether the time at which something ended is empty."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__isnull": value == "open"}) if value else qs
