"""What a load test must not lose: each act's effect is there, or was superseded as the audit trail says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from directory import invariants
from directory.models import Alert, Run, RunChange, SyncSettings
from directory.values.plan import Outcome
from orgs.models import Custodian, SetBy, User

# How a change that was planned may have ended while others acted on the same users.
FATES = {Outcome.APPLIED, Outcome.CHANGED_MEANWHILE, Outcome.KEPT, Outcome.UNCHANGED}


def losses(
    *, runs: Sequence[Run], browsers: Sequence[Mapping[str, Any]], hands: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return a sentence for each update that is lost."""
    by_hand = {int(pk) for result in hands for pk in result["expected"]}
    return [
        *(f"{found.rule}: {found.what}" for found in invariants.broken(at=timezone.now())),
        *_changes(runs, by_hand),
        *_acts(hands),
        *_pages(browsers),
    ]


def _changes(runs: Sequence[Run], by_hand: set[int]) -> Iterator[str]:
    for change in RunChange.objects.filter(run__in=runs).exclude(outcome__in=FATES).iterator():
        yield f"run {change.run_id} left {change.username} {change.outcome}: {change.warnings}"
    skipped = RunChange.objects.filter(run__in=runs, outcome=Outcome.CHANGED_MEANWHILE).exclude(user__in=by_hand)
    for change in skipped.iterator():
        yield f"run {change.run_id} skipped {change.username}, whom nobody had changed meanwhile"


def _acts(hands: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for result in hands:
        expected = {int(pk): state for pk, state in result["expected"].items()}
        held = set(
            Custodian.objects.filter(matter=result["matter"], released_at=None).values_list("user_id", flat=True)
        )
        for pk, name, by in User.objects.filter(pk__in=expected).values_list("pk", "username", "blocked_by"):
            if (by == SetBy.PERSON) is not expected[pk]["blocked"]:
                yield f"{name} should be {'blocked' if expected[pk]['blocked'] else 'unblocked'} by hand: {by!r}"
            if (pk in held) is not expected[pk]["held"]:
                yield f"{name} should be {'on hold' if expected[pk]['held'] else 'released'}"


def _pages(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    written = [row for row in rows if row["wrote"] is not None and not row["error"]]
    dismissed = {row["wrote"] for row in written if row["kind"] == "dismiss"}
    still_open = Alert.objects.filter(pk__in=dismissed, dismissed_at=None).values_list("pk", flat=True)
    yield from (f"alert {pk} was dismissed and is open" for pk in still_open)
    intervals = [row["wrote"] for row in written if row["kind"] == "interval"]
    if intervals and (stored := SyncSettings.load().interval_hours) != intervals[-1]:
        yield f"the interval was set to {intervals[-1]} and is {stored}"
