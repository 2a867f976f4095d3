"""Filters of the lists of matters, custodians, events and preservation policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters as filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import OpenFilter, search_filter, subtree
from console.security.access import ConsoleRequest
from orgs.models import Custodian, Matter, MatterEvent, MatterEventKind, PreservationPolicy


def _policies(request: ConsoleRequest) -> QuerySet[PreservationPolicy]:
    return PreservationPolicy.objects.visible_to(request.user)


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
    org = subtree()

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
            moment = datetime.fromisoformat(value)
        except ValueError:
            return rows.none()
        return rows.filter(at=moment) if moment.tzinfo is not None else rows.none()
