"""Carries out the moves of archives that wait, for a short time each turn: the worker has other tasks too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error
from django.db.models import Case, F, Q, QuerySet, Value, When

from orgs.actions.backups import archive_moves
from orgs.backups.move_errors import printable
from orgs.models import ArchiveMove, MoveTarget

log = logging.getLogger("rollcall.archives")

# Seconds after which other tasks of the worker come first. A copy goes on where it was; finding that place takes a second
# for a terabyte, so a turn has to be longer.
TURN = 10.0


class TurnOver(Exception):
    """The time of this turn is over; the move goes on in the next one."""


def carry_out_waiting(
    *, clock: Callable[[], datetime], stay: Callable[[], None], turn: float = TURN, stopped: bool = False
) -> bool:
    """Carry out moves for ``turn`` seconds; return whether some are left for the next turn.

    Those to live storage come first, as somebody waits for them. One that fills its turn goes behind the others. ``stay`` is
    called after each file, and raises if the worker has to stop. Moves that something has stopped are left for calls with
    ``stopped``, which come less often.
    """
    ends = time.monotonic() + turn

    def go_on() -> None:
        stay()
        if time.monotonic() > ends:
            raise TurnOver

    moves = _ordered(~Q(error="") if stopped else Q(error=""))
    for pk in list(moves.values_list("pk", flat=True)):
        try:
            _carry_out(pk, clock=clock, go_on=go_on)
        except TurnOver:
            # What was stopped went on: it is a move like others again.
            ArchiveMove.objects.filter(pk=pk).update(error="", last_turn_at=clock())
            break
        stay()
        if time.monotonic() > ends:
            break
    return _ordered(Q(error="")).exists()


def _carry_out(pk: int, *, clock: Callable[[], datetime], go_on: Callable[[], None]) -> None:
    """Carry out one move; what is wrong with it keeps no other waiting."""
    try:
        archive_moves.carry_out(pk, clock=clock, go_on=go_on)
    except Error as error:
        log.warning("move %s waits for its next turn, as the database did not work: %s", pk, error)
    except (ValueError, OSError, ObjectDoesNotExist) as error:
        log.exception("move %s has failed", pk)
        ArchiveMove.objects.filter(pk=pk).update(error=printable(error), tries=F("tries") + 1)


def _ordered(chosen: Q) -> QuerySet[ArchiveMove]:
    """Return moves in the order of their turns."""
    live_first = Case(When(to=MoveTarget.LIVE, then=Value(0)), default=Value(1))
    turns = F("last_turn_at").asc(nulls_first=True)
    return ArchiveMove.objects.filter(chosen).order_by(live_first, turns, "started_at", "pk")
