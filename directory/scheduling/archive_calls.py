"""Calls a worker to archives that are to be moved."""

from __future__ import annotations

import logging

from orgs.backups.move_signal import moves_begun

log = logging.getLogger("rollcall.archives")

# Each part of a sync calls; seconds after which a call is void, so that a queue of calls does not keep mail waiting. The
# clock rings every ten seconds anyway.
CALLS_WITHIN = 5.0


def register() -> None:
    """Have a worker called whenever moves were begun."""
    moves_begun.connect(call_worker)


def call_worker(**_: object) -> None:
    """Call a worker; when the broker is down, the clock does so after its return."""
    from directory.scheduling import queues  # noqa: PLC0415  # Celery takes 0.1 seconds to load

    try:
        queues.put_for(CALLS_WITHIN, "directory.tasks.move_archives", queue="mail")
    except queues.BrokerUnavailable as error:
        log.warning("archives wait to be moved: the broker can't be reached (%s)", error)
