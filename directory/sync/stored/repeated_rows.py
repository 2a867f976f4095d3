"""Finds equal changes of earlier runs, so that a run refers to them instead of storing them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Min

from directory.models import LIVE_STATES, Run, RunChange, RunRepeat
from directory.models.runs.run_repeats import Range
from directory.values.plan import Outcome
from orgs.bulk_writes import insert_rows

# Outcomes that leave their user alone: a row with such an outcome is never written again once it is stored.
REPEATED = frozenset(
    {
        Outcome.UNCHANGED,
        Outcome.KEPT,
        Outcome.SCRIPT_ERROR,
        Outcome.CONFLICT,
        Outcome.NOT_CHECKED,
        Outcome.WAITING,
    }
)
# The number of PostgreSQL's advisory lock between runs that refer to rows of old runs, and the job that removes these.
LOCK = 7_420_036


def digest(values: Sequence[Any]) -> int:
    """Return a hash of a change, as a signed number of 64 bits."""
    text = json.dumps(values, separators=(",", ":"))
    hashed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(hashed.digest(), signed=True)


def stored(keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the id of an equal change of an earlier run for each of the ``keys`` (user id, digest) that has one.

    Runs under way are left out, because they may make their plan again. Call it in the transaction that stores the
    references.
    """
    if not keys:
        return {}
    lock(shared=True)
    alike = RunChange.objects.filter(digest__among={digest for _, digest in keys}, user__isnull=False)
    ended = alike.exclude(run__in=Run.objects.filter(state__in=LIVE_STATES)).order_by()
    found = ended.values_list("user_id", "digest").annotate(Min("pk"))
    return {(user, one): pk for user, one, pk in found if (user, one) in keys}


def store(run_id: int, changes: Iterable[int]) -> None:
    """Store that a run repeats the changes with these ids."""
    insert_rows(RunRepeat, ("run", "first", "last"), [(run_id, *ends) for ends in ranges(changes)])


def copy(*, source_id: int, target_id: int) -> None:
    """Store that a run repeats another run's changes that leave users alone, both own ones and repeated ones."""
    lock(shared=True)
    own = RunChange.objects.filter(run=source_id, digest__isnull=False).order_by("pk").values_list("pk", flat=True)
    repeated = RunRepeat.objects.of(source_id)
    insert_rows(RunRepeat, ("run", "first", "last"), [(target_id, *ends) for ends in [*ranges(own), *repeated]])


def ranges(ids: Iterable[int]) -> list[Range]:
    """Return ids as ranges of neighbours."""
    joined: list[Range] = []
    for pk in sorted(ids):
        if joined and pk == joined[-1][1] + 1:
            joined[-1] = joined[-1][0], pk
        else:
            joined.append((pk, pk))
    return joined


def lock(*, shared: bool) -> None:
    """Lock references to rows of old runs until the transaction ends: ``shared`` to add some, else to remove old runs.

    SQLite needs no lock, because it has one writer at a time.
    """
    if connection.vendor == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [LOCK])
