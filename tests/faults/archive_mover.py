"""Carries out the moves of archives that wait, in a process of its own, as the worker does."""

from __future__ import annotations

import sys

import django


def main() -> None:
    """Carry out all moves."""
    django.setup()
    from django.utils import timezone  # after Django is set up

    from orgs.actions.backups import move_turns

    print("ready", flush=True)  # noqa: T201  # for the test, which kills it from now on
    sys.stdin.readline()
    move_turns.carry_out_waiting(clock=timezone.now, stay=lambda: None, turn=600)


if __name__ == "__main__":
    main()
