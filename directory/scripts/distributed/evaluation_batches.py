"""Entries on their way to another worker's scripts and their verdicts on the way back, as rows that are claimed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from directory.models import ScriptPage
from directory.scripts import verdict_json
from directory.scripts.sandbox.protocol import EntryText
from directory.values.scripts import Verdict

# Renewed while a page is worked on; a worker that has not done so for that long is lost.
CLAIM = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The verdicts on one page, in the order of its entries, and the computing time that they took."""

    verdicts: list[Verdict]
    cpu_seconds: float


def post(*, run_id: int, server_id: int, made: str, entries: Iterable[EntryText]) -> int:
    """Publish a page for any worker and return its id."""
    payload = json.dumps([[each.dn, str(each.attributes)] for each in entries])
    return ScriptPage.objects.create(run_id=run_id, server_id=server_id, made=made, entries=payload).pk


def claim(page_id: int, *, by: str, refused: bool = False) -> bool:
    """Take a page to work on; False when it has its verdicts, is gone, or somebody else works on it.

    ``refused`` takes one as well that another worker could not answer.
    """
    free = ScriptPage.objects.filter(pk=page_id, verdicts="")
    free = free.filter(Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    if not refused:
        free = free.filter(refused=False)
    return bool(free.update(claimed_by=by, claimed_until=Now() + CLAIM))


def claim_another(run_id: int, *, by: str) -> int | None:
    """Take the first page of a run that nobody works on and return its id; None when there is none."""
    waiting = ScriptPage.objects.filter(run=run_id, verdicts="", refused=False)
    waiting = waiting.filter(Q(claimed_until=None) | Q(claimed_until__lt=Now())).order_by("pk")
    for pk in waiting.values_list("pk", flat=True)[:5]:
        if claim(pk, by=by):
            return pk
    return None


def renew(page_id: int, *, by: str) -> bool:
    """Go on with a claimed page; False when it is somebody else's by now, or gone."""
    return bool(ScriptPage.objects.filter(pk=page_id, claimed_by=by).update(claimed_until=Now() + CLAIM))


def entries_of(page: ScriptPage) -> list[EntryText]:
    """Return the entries of a page."""
    return [EntryText(dn, attributes) for dn, attributes in json.loads(page.entries)]


def answer(page_id: int, verdicts: Sequence[Verdict], *, cpu_seconds: float, by: str) -> None:
    """Store the verdicts on a claimed page; nothing happens when another worker has claimed it meanwhile."""
    payload = json.dumps([[verdict_json.verdict_to_json(verdict), verdict.varies] for verdict in verdicts])
    ScriptPage.objects.filter(pk=page_id, claimed_by=by).update(verdicts=payload, cpu_seconds=cpu_seconds)


def refuse(page_id: int, *, by: str) -> None:
    """Leave a claimed page to the run's own worker."""
    ScriptPage.objects.filter(pk=page_id, claimed_by=by).update(refused=True, claimed_by="", claimed_until=None)


def answers(page_ids: Collection[int]) -> dict[int, BatchAnswer]:
    """Return what has been answered of these pages, by their ids."""
    done = ScriptPage.objects.filter(pk__among=page_ids).exclude(verdicts="")
    return {
        pk: BatchAnswer(
            [verdict_json.verdict_of_row(stored, varies=varies) for stored, varies in json.loads(verdicts)], cpu_seconds
        )
        for pk, verdicts, cpu_seconds in done.values_list("pk", "verdicts", "cpu_seconds")
    }


def gone(page_ids: Collection[int]) -> set[int]:
    """Return which of these pages are not there any more."""
    return set(page_ids).difference(ScriptPage.objects.filter(pk__among=page_ids).values_list("pk", flat=True))


def clear(*, run_id: int, page_ids: Collection[int] | None = None) -> None:
    """Take pages away whose verdicts are not needed any more: these, or all of the run."""
    pages = ScriptPage.objects.filter(run=run_id)
    (pages if page_ids is None else pages.filter(pk__among=page_ids)).delete()
