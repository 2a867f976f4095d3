"""Writes audit rows, many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orgs.actors import Actor
from orgs.models.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Fact:
    """One object's share in an action."""

    object_type: str
    object_id: int
    object_label: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def note(facts: Iterable[Fact], *, action: str, by: Actor, at: datetime) -> None:
    """Leave one audit row for each fact, inside the caller's transaction."""
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                at=at,
                actor_id=by.user_id,
                actor_label=by.label[:255],
                run_id=by.run_id,
                action=action,
                object_type=fact.object_type,
                object_id=fact.object_id,
                object_label=fact.object_label[:255],
                before=dict(fact.before),
                after=dict(fact.after),
            )
            for fact in facts
        ],
        batch_size=500,
    )
