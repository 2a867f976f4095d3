"""The filters of the list of users."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import ReadingFilter, among, search_filter, subtree
from directory.models import Match
from orgs.models import Role, SetBy, User
from orgs.models.users import UserQuerySet

STATES: dict[str, tuple[Any, dict[str, Any]]] = {
    "active": (_("Active"), {"active": True, "blocked": False}),
    "deactivated": (_("Deactivated"), {"active": False}),
    "deactivated-by-sync": (_("Deactivated by a sync"), {"deactivated_by": SetBy.SYNC}),
    "deactivated-by-hand": (_("Deactivated by hand"), {"deactivated_by": SetBy.PERSON}),
    "blocked": (_("Blocked"), {"blocked": True}),
    "blocked-by-sync": (_("Blocked by a sync"), {"blocked_by": SetBy.SYNC}),
    "blocked-by-hand": (_("Blocked by hand"), {"blocked_by": SetBy.PERSON}),
    "pending": (_("Deactivation pending"), {"pending": True}),
}
SOURCES = {"ldap": _("Matched to an LDAP entry"), "none": _("Not matched"), "local": _("Managed locally")}


class UserFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, org subtree, role, state, source, on hold."""

    q = search_filter(_("Username, name or email"), "username", "email", "first_name", "last_name")
    org = subtree()
    role = filters.ModelChoiceFilter(
        field_name="grants__role", queryset=Role.objects.order_by("name"), label=_("Role"), empty_label=_("Any role")
    )
    state = filters.ChoiceFilter(
        label=_("State"),
        empty_label=_("Any state"),
        choices=[(key, label) for key, (label, _state) in STATES.items()],
        method="in_state",
    )
    source = ReadingFilter(
        label=_("Source"), empty_label=_("Any source"), choices=list(SOURCES.items()), method="from_source"
    )
    hold = ReadingFilter(
        label=_("Legal hold"),
        empty_label=_("Any"),
        choices=[("yes", _("On hold")), ("no", _("Not on hold"))],
        method="on_hold",
    )

    class Meta:
        model = User
        fields: list[str] = []

    def in_state(self, rows: UserQuerySet, _name: str, value: str) -> UserQuerySet:
        return rows.filter(**STATES[value][1])

    def from_source(self, rows: UserQuerySet, _name: str, value: str) -> UserQuerySet:
        if value == "local":
            return rows.filter(managed_locally=True)
        return rows.alias(matched=among(Match.objects.values("user"))).filter(matched=value == "ldap")

    def on_hold(self, rows: UserQuerySet, _name: str, value: str) -> UserQuerySet:
        return rows.alias(is_on_hold=among(User.objects.on_legal_hold().values("pk"))).filter(is_on_hold=value == "yes")
