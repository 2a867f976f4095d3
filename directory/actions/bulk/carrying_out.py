"""Carries out a confirmed act on many users, in parts of one transaction each; a killed worker's act goes on from its rows."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from directory.actions.bulk import left_out, single_acts
from directory.actions.bulk.bulk_lease import BulkLease, claim, claim_dead
from directory.actions.bulk.bulk_terms import BulkTerms, problem, terms_of
from directory.actions.bulk.single_acts import UserResult
from directory.actions.bulk.waking import wake_worker
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, LeftOut, UserOutcome
from directory.sync.lease import MAX_ATTEMPTS, Clock
from directory.sync.run_interruptions import Cancelled, Leaving, TakenOver
from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.bulk_writes import update_rows
from orgs.models import User

log = logging.getLogger("rollcall.bulk")

# The users of the first transaction: the page shows progress at once. About seventy statements are the same for any part, so
# parts grow while they are quick, and shrink where they are slow.
FIRST_PART = 200
LARGEST_PART = 2000
QUICK, SLOW = 0.3, 0.8
# On SQLite an open transaction blocks all other writers, and these only look every tenth of a second.
PAUSE_SQLITE = 0.05
WITH_A_ROLE = (BulkKind.ADD_ROLE, BulkKind.REMOVE_ROLE)
# Seconds after which a worker does other tasks first, such as mail, and goes on with the act later.
TURN = 2.0


def ignore_progress() -> None:
    """Go on, whatever happens."""


def carry_out(act_id: int, *, clock: Clock, stay: Callable[[], None] = ignore_progress, turn: float = 0.0) -> bool:
    """Work on one act, to its end or for ``turn`` seconds; return whether work is left for the next turn.

    ``stay`` is called before each part, and raises ``Leaving`` if the worker has to stop. Nothing happens if another
    worker has the act.
    """
    lease = claim(act_id)
    if lease is None:
        return False
    ends = time.monotonic() + turn if turn else None
    try:
        BulkAct.objects.filter(pk=act_id, started_at=None).update(started_at=clock())
        last, size, begun = 0, FIRST_PART, time.monotonic()
        while (reached := _part(lease, clock, after=last, size=size)) is not None:
            last, size = reached, _next_size(size, took=time.monotonic() - begun)
            stay()
            if ends is not None and time.monotonic() > ends:
                lease.release(counted=False)
                return True
            if connection.vendor == "sqlite":
                time.sleep(PAUSE_SQLITE)
            begun = time.monotonic()
    except TakenOver as error:
        log.warning("%s", error)
    except Cancelled:
        _finish(lease, BulkState.CANCELLED, at=clock())
    except Leaving:
        lease.release(counted=False)
    except BaseException:
        # A bug, a broken database, or a worker that is stopped: another one goes on from the rows.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        lease.release()
        raise
    return False


def _next_size(size: int, *, took: float) -> int:
    """Return how many users the next part has, after one of this size took so many seconds."""
    if took < QUICK:
        return min(2 * size, LARGEST_PART)
    return max(size // 2, min(FIRST_PART, LARGEST_PART)) if took > SLOW else size


@transaction.atomic
def _part(lease: BulkLease, clock: Clock, *, after: int, size: int) -> int | None:
    """Do the next users of the act; end it when none is left. Return the last row that was done, None at the end.

    All rows up to ``after`` are done, so that the database does not read them again for each part.
    """
    if BulkAct.objects.filter(pk=lease.act_id, kind__in=WITH_A_ROLE).exists():
        # Before the act's row: who deletes a role holds this lock, and takes the role from all acts.
        locks.roles()
    lease.renew()
    act = BulkAct.objects.select_related("org", "role", "matter", "undo_of").get(pk=lease.act_id)
    rows = BulkActUser.objects.filter(bulk_act=act, pk__gt=after, outcome=UserOutcome.WAITING).order_by("pk")
    waiting = dict(rows.values_list("user_id", "pk")[:size])
    if not waiting:
        _finish(lease, BulkState.DONE, at=clock())
        return None
    terms, at = terms_of(act), clock()
    if reason := problem(terms):
        results = dict.fromkeys(waiting, UserResult(UserOutcome.LEFT_OUT, LeftOut.RULE, reason))
        before: dict[int, tuple[int | None, bool]] = {}
    else:
        single_acts.lock(list(waiting), terms)
        before = _before(list(waiting), terms)
        results = _results(list(waiting), terms, at)
    _store(waiting, results, before, at)
    counts = Counter(result.outcome for result in results.values())
    lease.save(
        done=F("done") + counts[UserOutcome.DONE] + counts[UserOutcome.BLOCKED_INSTEAD],
        left_out=F("left_out") + counts[UserOutcome.LEFT_OUT],
        failed=F("failed") + counts[UserOutcome.FAILED],
        # The limit of attempts is for acts that die without any progress.
        attempts=1,
    )
    return max(waiting.values())


def _results(user_ids: Sequence[int], terms: BulkTerms, at: datetime) -> dict[int, UserResult]:
    left = left_out.reasons_of(user_ids, terms)
    results = {pk: UserResult(UserOutcome.LEFT_OUT, reason) for pk, reason in left.items()}
    return results | single_acts.do([pk for pk in user_ids if pk not in left], terms, at=at)


def _before(user_ids: Sequence[int], terms: BulkTerms) -> dict[int, tuple[int | None, bool]]:
    """Return what an undo needs, by user: the org before a move, and whether a user was blocked before."""
    if terms.kind not in {BulkKind.MOVE, BulkKind.DEACTIVATE}:
        return {}
    users = User.objects.filter(pk__among=user_ids).values_list("pk", "org_id", "blocked")
    return {pk: (org_id if terms.kind == BulkKind.MOVE else None, blocked) for pk, org_id, blocked in users}


def _store(
    waiting: Mapping[int, int],
    results: Mapping[int, UserResult],
    before: Mapping[int, tuple[int | None, bool]],
    at: datetime,
) -> None:
    when = connection.ops.adapt_datetimefield_value(at)
    rows = {}
    for user_id, pk in waiting.items():
        result, (org_id, blocked) = results[user_id], before.get(user_id, (None, False))
        rows[pk] = {
            "outcome": result.outcome.value,
            "reason": str(result.reason),
            "detail": result.detail,
            "org_before": org_id,
            "blocked_before": blocked,
            "done_at": when,
        }
    columns = ["outcome", "reason", "detail", "org_before", "blocked_before", "done_at"]
    update_rows(BulkActUser, rows, columns=columns)


@transaction.atomic
def _finish(lease: BulkLease, state: BulkState, *, at: datetime, error: str = "") -> None:
    """End the act in this state, with an audit row.

    Raises:
        TakenOver: another worker has the act, or it has ended.
    """
    lease.save(state=state, error=error, owner="", lease_until=None, finished_at=at)
    act = BulkAct.objects.select_related("undo_of", "org", "role", "matter").get(pk=lease.act_id)
    counts = {"state": act.state, "users": act.total, "done": act.done, "left out": act.left_out, "failed": act.failed}
    note([Fact("bulk act", act.pk, str(act), after=counts)], action="bulk act ended", by=terms_of(act).by, at=at)


def wake_abandoned(*, at: datetime) -> int:
    """End acts whose workers died too often, and call workers to all others that wait or lost theirs; return how many."""
    for pk in BulkAct.objects.abandoned().filter(attempts__gte=MAX_ATTEMPTS).values_list("pk", flat=True):
        lease = claim_dead(pk)
        if lease is not None:
            error = f"Its worker died {MAX_ATTEMPTS} times without any progress. See the worker's log."
            _finish(lease, BulkState.FAILED, at=at, error=error)
    waiting = list(BulkAct.objects.abandoned().order_by("pk").values_list("pk", flat=True))
    for pk in waiting:
        wake_worker(pk)
    return len(waiting)
