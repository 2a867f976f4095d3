"""Publishes evaluation batches as rows: another worker claims a row and stores the verdicts in it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from directory.models import EvaluationBatch
from directory.scripts import verdict_json
from directory.scripts.sandbox.protocol import EntryText
from directory.values.scripts import Verdict

# A worker renews its claim while it evaluates; after this time without renewal it counts as lost.
CLAIM = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The verdicts on one batch, in the order of its entries, and the processor time that they took."""

    verdicts: list[Verdict]
    cpu_seconds: float


def post(*, run_id: int, server_id: int, fingerprint: str, entries: Iterable[EntryText]) -> int:
    """Publish a batch for any worker and return its id."""
    payload = json.dumps([[each.dn, str(each.attributes)] for each in entries])
    return EvaluationBatch.objects.create(
        run_id=run_id, server_id=server_id, evaluation_fingerprint=fingerprint, entries=payload
    ).pk


def claim(batch_id: int, *, by: str, refused: bool = False) -> bool:
    """Claim a batch; return False when it has verdicts, is gone, or another worker has claimed it.

    ``refused`` claims it even if another worker could not evaluate it.
    """
    free = EvaluationBatch.objects.filter(pk=batch_id, verdicts="")
    free = free.filter(Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    if not refused:
        free = free.filter(refused=False)
    return bool(free.update(claimed_by=by, claimed_until=Now() + CLAIM))


def claim_another(run_id: int, *, by: str) -> int | None:
    """Claim the first free batch of a run and return its id; None when there is none."""
    waiting = EvaluationBatch.objects.filter(run=run_id, verdicts="", refused=False)
    waiting = waiting.filter(Q(claimed_until=None) | Q(claimed_until__lt=Now())).order_by("pk")
    for pk in waiting.values_list("pk", flat=True)[:5]:
        if claim(pk, by=by):
            return pk
    return None


def renew(batch_id: int, *, by: str) -> bool:
    """Renew a claim; return False when another worker has the batch now, or it is gone."""
    return bool(EvaluationBatch.objects.filter(pk=batch_id, claimed_by=by).update(claimed_until=Now() + CLAIM))


def entries_of(batch: EvaluationBatch) -> list[EntryText]:
    """Return the entries of a batch."""
    return [EntryText(dn, attributes) for dn, attributes in json.loads(batch.entries)]


def answer(batch_id: int, verdicts: Sequence[Verdict], *, cpu_seconds: float, by: str) -> None:
    """Store the verdicts on a claimed batch; do nothing when another worker has claimed it meanwhile."""
    payload = json.dumps([[verdict_json.verdict_to_json(verdict), verdict.varies] for verdict in verdicts])
    EvaluationBatch.objects.filter(pk=batch_id, claimed_by=by).update(verdicts=payload, cpu_seconds=cpu_seconds)


def refuse(batch_id: int, *, by: str) -> None:
    """Leave a claimed batch to the run's own worker."""
    EvaluationBatch.objects.filter(pk=batch_id, claimed_by=by).update(refused=True, claimed_by="", claimed_until=None)


def answers(batch_ids: Collection[int]) -> dict[int, BatchAnswer]:
    """Return the answers of the evaluated ones of these batches, by id."""
    done = EvaluationBatch.objects.filter(pk__among=batch_ids).exclude(verdicts="")
    return {
        pk: BatchAnswer(
            [verdict_json.verdict_of_row(stored, varies=varies) for stored, varies in json.loads(verdicts)], cpu_seconds
        )
        for pk, verdicts, cpu_seconds in done.values_list("pk", "verdicts", "cpu_seconds")
    }


def gone(batch_ids: Collection[int]) -> set[int]:
    """Return the ids of these batches that do not exist any more."""
    return set(batch_ids).difference(EvaluationBatch.objects.filter(pk__among=batch_ids).values_list("pk", flat=True))


def clear(*, run_id: int, batch_ids: Collection[int] | None = None) -> None:
    """Delete batches that are not needed any more: these, or all of the run."""
    batches = EvaluationBatch.objects.filter(run=run_id)
    (batches if batch_ids is None else batches.filter(pk__among=batch_ids)).delete()
