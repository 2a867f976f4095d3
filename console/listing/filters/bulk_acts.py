"""The filters of acts on many users, and of the results of one."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from console.listing.filters.shared_filters import search_filter
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, LeftOut, UserOutcome


class BulkActFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, act, state."""

    q = search_filter(_("Who began it"), "started_by_label")
    kind = filters.ChoiceFilter(label=_("Act"), empty_label=_("Any act"), choices=BulkKind.choices)
    state = filters.ChoiceFilter(label=_("State"), empty_label=_("Any state"), choices=BulkState.choices)

    class Meta:
        model = BulkAct
        fields: list[str] = []


class BulkResultFilter(filters.FilterSet):  # type: ignore[misc]
    """Search, result, reason."""

    q = search_filter(_("Username or name"), "user__username", "user__first_name", "user__last_name")
    outcome = filters.ChoiceFilter(label=_("Result"), empty_label=_("Any result"), choices=UserOutcome.choices)
    reason = filters.ChoiceFilter(label=_("Reason"), empty_label=_("Any reason"), choices=LeftOut.choices)

    class Meta:
        model = BulkActUser
        fields: list[str] = []
