"""Filters for several lists."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django import forms
from django.db import connections
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Collate
from django.db.models.lookups import Contains, IContains
from django.utils.translation import gettext_lazy as _

from console.security.access import ConsoleRequest
from orgs.models import Org

# SQLite refuses patterns of 50,000 characters; nobody types this many.
LONGEST_SEARCH = 200


class Words:
    """A filter method: each word of the text must occur in one of the fields."""

    def __init__(self, *lookups: str) -> None:
        self.lookups = lookups

    def __call__(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        for word in text.split()[:8]:
            found = Q()
            for lookup in self.lookups:
                found |= Q(_contains(lookup, word, connections[rows.db].vendor))
            rows = rows.filter(found)
        return rows


def _contains(lookup: str, word: str, vendor: str) -> Contains | IContains:
    """Return the lookup of a word in any letter case; a word without letters gets a faster, exact one.

    PostgreSQL takes twice as long to ignore the case of letters of all languages as of English ones. So an ASCII word
    uses the rules of English.
    """
    field = Collate(lookup, "C") if vendor == "postgresql" and word.isascii() else F(lookup)
    return IContains(field, word) if word.upper() != word.lower() else Contains(field, word)


class WordsFilter(filters.CharFilter):  # type: ignore[misc]  # django-filter has no types
    """A text field; each of its words must occur in one of the fields. No index can be used."""

    reads_every_row = True

    def __init__(self, label: Any, *lookups: str, **options: Any) -> None:
        super().__init__(label=label, method=Words(*lookups), max_length=LONGEST_SEARCH, **options)


class ReadingFilter(filters.ChoiceFilter):  # type: ignore[misc]
    """A choice for which no index can be used."""

    reads_every_row = True


def search_filter(hint: Any, *lookups: str) -> WordsFilter:
    """Return the search field of a list."""
    widget = forms.TextInput(attrs={"type": "search", "placeholder": hint})
    return WordsFilter(_("Search"), *lookups, widget=widget)


def among(ids: QuerySet[Any]) -> Case:
    """Return an expression that is true where the id of a row is one of these.

    PostgreSQL turns a condition (``id IN``) into a join, which has no order, and then sorts all rows. It computes an
    expression row by row, and the rows stay in the order of an index.
    """
    return Case(When(pk__in=ids, then=Value(value=True)), default=Value(value=False))


class OrgChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Orgs indented as in the tree."""

    def label_from_instance(self, obj: Org) -> str:
        return "\u2003" * (obj.depth - 1) + obj.name


def visible_orgs(request: ConsoleRequest) -> QuerySet[Org]:
    """Return the orgs that the viewer may see, as choices of a filter."""
    return Org.objects.visible_to(request.user)


class SubtreeFilter(filters.ModelChoiceFilter):  # type: ignore[misc]  # django-filter has no types
    """An org and all orgs below it; ``field_name`` is the lookup of the org."""

    reads_every_row = True
    field_class = OrgChoice

    def filter(self, qs: QuerySet[Any], value: Org | None) -> QuerySet[Any]:
        if value is None:
            return qs
        return qs.filter(**{f"{self.field_name}__path__startswith": value.path})


def subtree(field_name: str = "org") -> SubtreeFilter:
    """Return the filter by org, which includes the orgs below."""
    return SubtreeFilter(
        field_name=field_name, queryset=visible_orgs, label=_("Org, with those below"), empty_label=_("All orgs")
    )


class OpenFilter(filters.ChoiceFilter):  # type: ignore[misc]
    """Open or closed: whether the time of the end is empty."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__isnull": value == "open"}) if value else qs
