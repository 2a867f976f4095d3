"""Filters of the lists of matters, custodians, events and preservation policies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters as filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import OpenFilter, SubtreeFilter, search_filter, visible_orgs
from console.security.access import ConsoleRequest
from orgs.models import Custodian, Matter, MatterEvent, MatterEventKind, Org, PreservationPolicy
from orgs.permissions import Permission


def _policies(request: ConsoleRequest) -> QuerySet[PreservationPolicy]:
    return PreservationPolicy.objects.visible_to(request.user)


def _owners(request: ConsoleRequest) -> QuerySet[Org]:
    """Return the orgs whose matters the viewer may read: a filter by others would tell to whom a matter belongs."""
    return visible_orgs(request).filter(pk__in=Org.objects.in_reach_of(request.user, Permission.USER_READ).values("pk"))


class MatterFilter(filters.FilterSet):  # type: ignore[misc]
    """Search, open or closed, policy, org."""

    q = search_filter(_("Name, reference or policy"), "name", "reference", "policy")
    state = OpenFilter(
        field_name="closed_at",
        label=_("State"),
        empty_label=_("All matters"),
        choices=[("open", _("Open")), ("closed", _("Closed"))],
    )
    policy = filters.ModelChoiceFilter(
        field_name="preservation_policy",
        queryset=_policies,
        label=_("Preservation policy"),
        empty_label=_("Any policy"),
    )
    org = SubtreeFilter(field_name="org", queryset=_owners, label=_("Org, with those below"), empty_label=_("All orgs"))

    class Meta:
        model = Matter
        fields: list[str] = []


class CustodianFilter(filters.FilterSet):  # type: ignore[misc]
    """Search, on hold or released, deactivation pending."""

    q = search_filter(
        _("Username, name or email"), "user__username", "user__email", "user__first_name", "user__last_name"
    )
    state = OpenFilter(
        field_name="released_at",
        label=_("State"),
        empty_label=_("All custodians"),
        choices=[("open", _("On hold")), ("closed", _("Released"))],
    )
    pending = filters.BooleanFilter(
        field_name="user__pending",
        label=_("Deactivation pending"),
        widget=forms.Select(choices=[("", _("Any")), ("true", _("Yes")), ("false", _("No"))]),
    )

    class Meta:
        model = Custodian
        fields: list[str] = []


class MatterEventFilter(filters.FilterSet):  # type: ignore[misc]
    """Search by user, kind, and the moment of one act."""

    q = search_filter(_("User or who did it"), "user__username", "actor_label")
    kind = filters.ChoiceFilter(label=_("Event"), empty_label=_("Any event"), choices=MatterEventKind.choices)
    act = filters.CharFilter(method="of_act", widget=forms.HiddenInput)

    class Meta:
        model = MatterEvent
        fields: list[str] = []

    def of_act(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        try:
            given = datetime.fromisoformat(value)
            # Near the first and the last year, another time zone has no such moment.
            moment = given.astimezone(UTC) if given.tzinfo is not None else None
        except (ValueError, OverflowError):
            moment = None
        return rows.filter(at=moment) if moment is not None else rows.none()
