"""Carries out the moves of archives that wait, for a short time each turn: the worker has other tasks too."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from django.db.models import QuerySet

from orgs.actions.backups import archive_moves
from orgs.models import ArchiveMove

# Seconds after which other tasks of the worker come first. A copy goes on where it was; finding that place takes a second
# for a terabyte, so a turn has to be longer.
TURN = 10.0


class TurnOver(Exception):
    """The time of this turn is over; the move goes on in the next one."""


def carry_out_waiting(
    *, clock: Callable[[], datetime], stay: Callable[[], None], turn: float = TURN, stopped: bool = False
) -> bool:
    """Carry out moves, the oldest first, for ``turn`` seconds; return whether some are left for the next turn.

    ``stay`` is called after each file, and raises if the worker has to stop. Moves that something has stopped are left
    for calls with ``stopped``, which come less often.
    """
    ends = time.monotonic() + turn

    def go_on() -> None:
        stay()
        if time.monotonic() > ends:
            raise TurnOver

    moves = ArchiveMove.objects.order_by("started_at", "pk").exclude(error="") if stopped else _waiting()
    for pk in list(moves.values_list("pk", flat=True)):
        try:
            archive_moves.carry_out(pk, clock=clock, go_on=go_on)
            go_on()
        except TurnOver:
            # What was stopped went on: it is a move like others again.
            ArchiveMove.objects.filter(pk=pk).update(error="")
            return _waiting().exists()
    return False


def _waiting() -> QuerySet[ArchiveMove]:
    return ArchiveMove.objects.filter(error="").order_by("started_at", "pk")
