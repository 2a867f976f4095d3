"""Filters of the list of roles, and of the list of users who can do one thing."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.elements.permission_words import choices
from console.listing.filters.shared_filters import search_filter
from console.listing.filters.users import UserFilter
from orgs.models import Role, User
from orgs.models.users import UserQuerySet


class RoleFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, standard or custom."""

    q = search_filter(_("Name of the role"), "name")
    locked = filters.ChoiceFilter(
        label=_("Kind"), empty_label=_("All roles"), choices=[("True", _("Standard")), ("False", _("Custom"))]
    )

    class Meta:
        model = Role
        fields: list[str] = []


class HolderFilter(UserFilter):
    """What somebody can do, search, org subtree, state."""

    permission = filters.ChoiceFilter(
        label=_("Who can …"), empty_label=_("Choose what somebody can do"), choices=choices, method="whoever"
    )
    role = source = hold = None  # type: ignore[assignment]  # takes these filters of the base class away

    class Meta:
        model = User
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters.move_to_end("permission", last=False)

    def whoever(self, rows: UserQuerySet, _name: str, _value: str) -> UserQuerySet:
        """Leave the rows as they are: the page has found who can do it."""
        return rows
