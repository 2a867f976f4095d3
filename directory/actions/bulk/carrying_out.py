"""Carries out a confirmed act on many users, in parts of one transaction each; a killed worker's act goes on from its rows."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import F, OuterRef, Subquery

from directory.actions.bulk import left_out, single_acts
from directory.actions.bulk.bulk_lease import BulkLease, claim, claim_dead
from directory.actions.bulk.bulk_terms import BulkTerms, problem, terms_of
from directory.actions.bulk.held_rows import GIVEN_UP, held_by_others, put_off
from directory.actions.bulk.single_acts import UserResult
from directory.actions.bulk.waking import wake_worker
from directory.models import BulkAct, BulkActUser, BulkKind, BulkState, LeftOut, UserOutcome
from directory.sync.lease import MAX_ATTEMPTS, Clock
from directory.sync.run_interruptions import Cancelled, Leaving, TakenOver
from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.models import User
from orgs.read_once import reading_once

log = logging.getLogger("rollcall.bulk")

# The users of the first transaction: the page shows progress at once. Some 50 statements are the same for any part, so that
# 1,000 users take little longer than 100: parts are large, of about AIM seconds, and only small where a part took very long.
FIRST_PART = 200
USUAL_PART = 1000
LARGEST_PART = 4000
AIM, VERY_LONG = 1.0, 5.0
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
    try:
        return _work(lease, clock, stay, ends=time.monotonic() + turn if turn else None)
    except TakenOver as error:
        log.warning("%s", error)
    except Cancelled:
        _finish(lease, BulkState.CANCELLED, at=clock())
    except Leaving:
        lease.release(counted=False)
    except OperationalError as error:
        if not held_by_others(error):
            _leave(lease)
            raise
        log.warning("bulk act %s waits for rows that others hold: %s", act_id, str(error).strip())
        if not put_off(lease, at=clock()):
            _finish(lease, BulkState.FAILED, at=clock(), error=GIVEN_UP)
    except BaseException:
        # A bug, or a worker that is stopped: another one goes on from the rows.
        _leave(lease)
        raise
    return False


def _work(lease: BulkLease, clock: Clock, stay: Callable[[], None], *, ends: float | None) -> bool:
    """Do one part after the other, until the end of the act or the turn; return whether work is left."""
    BulkAct.objects.filter(pk=lease.act_id, started_at=None).update(started_at=clock())
    with_a_role = BulkAct.objects.filter(pk=lease.act_id, kind__in=WITH_A_ROLE).exists()
    last, size, begun = 0, FIRST_PART, time.monotonic()
    while (reached := _part(lease, clock, with_a_role=with_a_role, after=last, size=size)) is not None:
        last, size = reached, _next_size(size, took=time.monotonic() - begun)
        stay()
        if ends is not None and time.monotonic() > ends:
            lease.release(counted=False)
            return True
        if connection.vendor == "sqlite":
            time.sleep(PAUSE_SQLITE)
        begun = time.monotonic()
    return False


def _leave(lease: BulkLease) -> None:
    """Leave the act to the next worker, after an attempt that counts."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    lease.release()


def _next_size(size: int, *, took: float) -> int:
    """Return how many users the next part has, after one of this size took so many seconds."""
    # A quick part may be one with nothing to do: the next one is at most five times as large.
    wanted = int(size * min(AIM / max(took, 0.001), 5))
    return min(max(wanted, FIRST_PART if took > VERY_LONG else USUAL_PART), LARGEST_PART)


@transaction.atomic
def _part(lease: BulkLease, clock: Clock, *, with_a_role: bool, after: int, size: int) -> int | None:
    """Do the next users of the act; end it when none is left. Return the last row that was done, None at the end.

    All rows up to ``after`` are done, so that the database does not read them again for each part.
    """
    if with_a_role:
        # Before the act's row: who deletes a role holds this lock, and takes the role from all acts.
        locks.roles()
    lease.renew()
    act = BulkAct.objects.select_related("org", "role", "matter", "undo_of").get(pk=lease.act_id)
    rows = BulkActUser.objects.filter(bulk_act=act, pk__gt=after, outcome=UserOutcome.WAITING).order_by("pk")
    waiting = dict(rows.values_list("user_id", "pk")[:size])
    if not waiting:
        _finish(lease, BulkState.DONE, at=clock())
        return None
    single_acts.lock(waiting, terms_of(act))
    at = clock()
    with reading_once():
        # The acting person as they are now: the locks may have waited.
        results = _results(waiting, terms_of(act), at)
    _store(waiting, results, at)
    counts = Counter(result.outcome for result in results.values())
    lease.save(
        done=F("done") + counts[UserOutcome.DONE] + counts[UserOutcome.BLOCKED_INSTEAD],
        left_out=F("left_out") + counts[UserOutcome.LEFT_OUT],
        failed=F("failed") + counts[UserOutcome.FAILED],
        # The limit of attempts is for acts that die without any progress.
        attempts=1,
        waits_since=None,
    )
    return max(waiting.values())


def _results(waiting: Mapping[int, int], terms: BulkTerms, at: datetime) -> dict[int, UserResult]:
    if reason := problem(terms):
        return dict.fromkeys(waiting, UserResult(UserOutcome.LEFT_OUT, LeftOut.RULE, reason))
    _note_before(waiting.values(), terms)
    left = left_out.reasons_of(waiting, terms)
    results = {pk: UserResult(UserOutcome.LEFT_OUT, reason) for pk, reason in left.items()}
    return results | single_acts.do([pk for pk in waiting if pk not in left], terms, at=at)


def _note_before(pks: Collection[int], terms: BulkTerms) -> None:
    """Store what an undo needs: the org before a move, or whether a user was blocked before."""
    users = User.objects.filter(pk=OuterRef("user"))
    if terms.kind == BulkKind.MOVE:
        BulkActUser.objects.filter(pk__among=pks).update(org_before=Subquery(users.values("org")[:1]))
    elif terms.kind == BulkKind.DEACTIVATE:
        BulkActUser.objects.filter(pk__among=pks).update(blocked_before=Subquery(users.values("blocked")[:1]))


def _store(waiting: Mapping[int, int], results: Mapping[int, UserResult], at: datetime) -> None:
    """Store the results, with one statement for all users of the same result."""
    rows: dict[UserResult, list[int]] = {}
    for user_id, pk in waiting.items():
        rows.setdefault(results[user_id], []).append(pk)
    for result, pks in rows.items():
        BulkActUser.objects.filter(pk__among=set(pks)).update(
            outcome=result.outcome, reason=result.reason, detail=result.detail, done_at=at
        )


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
