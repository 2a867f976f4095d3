"""Writes the events of matters, many at once, beside the audit rows of the same action."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from orgs.bulk_writes import insert_rows
from orgs.models import Custodian, MatterEvent, MatterEventKind
from orgs.rules.actors import Actor

_COLUMNS = ("matter", "at", "kind", "user", "actor", "actor_label", "run_id", "details")


def note_matter(
    matter_id: int, kind: MatterEventKind, *, by: Actor, at: datetime, details: Mapping[str, Any] | None = None
) -> None:
    """Write an event of the matter itself."""
    _insert([(matter_id, None)], kind, by=by, at=at, details=details or {})


def note_users(matter_id: int, kind: MatterEventKind, user_ids: Iterable[int], *, by: Actor, at: datetime) -> None:
    """Write an event of one matter for each of these users."""
    _insert([(matter_id, pk) for pk in user_ids], kind, by=by, at=at)


def note_in_open_matters(kind: MatterEventKind, user_ids: Collection[int], *, by: Actor, at: datetime) -> None:
    """Write an event for each of these users in each open matter that holds them. The caller has locked the users."""
    if user_ids:
        on_hold = Custodian.objects.unreleased().filter(user__among=user_ids, matter__closed_at=None)
        _insert(on_hold.order_by("pk").values_list("matter_id", "user_id"), kind, by=by, at=at)


def _insert(
    subjects: Iterable[tuple[int, int | None]],
    kind: MatterEventKind,
    *,
    by: Actor,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    when = connection.ops.adapt_datetimefield_value(at)
    rows = [
        (matter_id, when, kind.value, user_id, by.user_id, by.label[:255], by.run_id, dict(details or {}))
        for matter_id, user_id in subjects
    ]
    insert_rows(MatterEvent, _COLUMNS, rows)
