"""Writes many audit rows at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from orgs.bulk_writes import Json, insert_rows
from orgs.models.audit import AuditEntry
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class Fact:
    """What an action did to one object."""

    object_type: str
    object_id: int
    object_label: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


COLUMNS = (
    "at",
    "actor",
    "actor_label",
    "run_id",
    "bulk_act_id",
    "action",
    "object_type",
    "object_id",
    "object_label",
    "before",
    "after",
)


def note(facts: Iterable[Fact], *, action: str, by: Actor, at: datetime) -> None:
    """Write one audit row for each fact, inside the caller's transaction."""
    when, noted, encoded = connection.ops.adapt_datetimefield_value(at), list(facts), dict[int, Json]()

    def as_json(values: Mapping[str, Any]) -> Json:
        # Facts of one action often share one mapping, which "noted" keeps alive.
        if (found := encoded.get(id(values))) is None:
            found = encoded[id(values)] = Json(json.dumps(dict(values)) if values else "{}")
        return found

    insert_rows(
        AuditEntry,
        COLUMNS,
        [
            (
                when,
                by.user_id,
                by.label[:255],
                by.run_id,
                by.bulk_act_id,
                action,
                fact.object_type,
                fact.object_id,
                fact.object_label[:255],
                as_json(fact.before),
                as_json(fact.after),
            )
            for fact in noted
        ],
    )
