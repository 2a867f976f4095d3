"""The filters of the history and of the changes of a run."""

from __future__ import annotations

import json
from typing import Any

import django_filters as filters
from django.db import connections
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from console.elements import badges
from console.listing.filters.shared_filters import ReadingFilter, search_filter, subtree
from directory.models import Run, RunChange, RunState, Trigger
from directory.values import run_counts
from directory.values.plan import Action


class RunFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Search, kind, state, trigger."""

    q = search_filter(_("LDAP server or who started it"), "started_by_label", "readings__server_name")
    kind = filters.ChoiceFilter(
        label=_("Kind"),
        empty_label=_("All runs"),
        choices=[("simulation", _("Simulations")), ("sync", _("Real syncs")), ("undo", _("Undos"))],
        method="of_kind",
    )
    state = filters.ChoiceFilter(
        label=_("Result"),
        empty_label=_("Any result"),
        choices=[*RunState.choices, ("incomplete", _("incomplete"))],
        method="in_state",
    )
    trigger = filters.ChoiceFilter(label=_("Started"), empty_label=_("In any way"), choices=Trigger.choices)

    class Meta:
        model = Run
        fields: list[str] = []

    def of_kind(self, runs: QuerySet[Run], _name: str, value: str) -> QuerySet[Run]:
        if value == "undo":
            return runs.filter(undo_of__isnull=False)
        return runs.filter(undo_of=None, simulated=value == "simulation")

    def in_state(self, runs: QuerySet[Run], _name: str, value: str) -> QuerySet[Run]:
        return runs.exclude(incomplete=[]) if value == "incomplete" else runs.filter(state=value)

    def filter_queryset(self, queryset: QuerySet[Run]) -> QuerySet[Run]:
        found = super().filter_queryset(queryset)
        # The join with servers repeats a run that has several.
        return queryset.filter(pk__in=found.order_by().values("pk"))


def _counted_together() -> dict[str, tuple[Action, ...]]:
    """Return the groups of actions that a run counts, and the filter lists, as one; by the value of the filter."""
    listed = [(count.filter, count.actions) for count in run_counts.COUNTS if count.filter is not None]
    known = {action.value for action in Action}
    return {value: actions for (name, value), actions in listed if name == "action" and value not in known}


def _action_choices() -> list[tuple[str, Any]]:
    together = [(value, _(" or ".join(actions))) for value, actions in _counted_together().items()]
    return [*badges.action_choices(), *together]


class ChangeFilter(filters.FilterSet):  # type: ignore[misc]
    """Search, outcome, action, warnings, org subtree."""

    q = search_filter(_("User, or a word of the steps"), "username", "steps")
    outcome = filters.ChoiceFilter(label=_("Outcome"), empty_label=_("Any outcome"), choices=badges.outcome_choices)
    action = ReadingFilter(
        label=_("Action"), empty_label=_("Any action"), choices=_action_choices, method="with_action"
    )
    warnings = ReadingFilter(
        label=_("Warnings"),
        empty_label=_("All"),
        choices=[("yes", _("with warnings"))],
        method="with_warnings",
    )
    org = subtree()

    class Meta:
        model = RunChange
        fields: list[str] = []

    def with_action(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        actions = _counted_together().get(value, (value,))
        if connections[rows.db].vendor == "postgresql":
            # Searching for a JSON key takes half the time of searching in the text.
            return rows.filter(actions__has_any_keys=actions)
        listed: QuerySet[Any] = rows.alias(actions_text=Cast("actions", TextField()))
        any_action = Q()
        for action in actions:
            any_action |= Q(actions_text__contains=json.dumps(action))
        return listed.filter(any_action)

    def with_warnings(self, rows: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        return rows.exclude(warnings=[])
