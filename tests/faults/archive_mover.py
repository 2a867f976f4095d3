"""Carries out the moves of archives that wait, in a process of its own, as the worker does.

``python -m tests.faults.archive_mover [FILES] [kill|wait]``: after so many files that it has copied or deleted, it kills
itself, or waits for a line of input.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

import django


def main() -> None:
    """Carry out all moves, unless it is killed before."""
    django.setup()
    files = int(sys.argv[1]) if len(sys.argv) > 1 else None
    done = itertools.count()

    def stay() -> None:
        if next(done) != files:
            return
        if "wait" not in sys.argv:
            os.kill(os.getpid(), signal.SIGKILL)
        print("waits", flush=True)  # noqa: T201  # for the test
        sys.stdin.readline()

    from django.utils import timezone  # after Django is set up

    from orgs.actions.backups import move_turns

    print("ready", flush=True)  # noqa: T201  # for the test, which kills it from now on
    sys.stdin.readline()
    move_turns.carry_out_waiting(clock=timezone.now, stay=stay, turn=600)


if __name__ == "__main__":
    main()
