"""Calls a worker to an act on many users that waits."""

from __future__ import annotations

import logging

log = logging.getLogger("rollcall.bulk")


def wake_worker(act_id: int) -> None:
    """Call a worker; when the broker is down, the first tick after its return does."""
    # Import here: Celery takes 0.1 seconds to load.
    from directory.scheduling import queues  # noqa: PLC0415

    try:
        queues.put("directory.tasks.carry_out_bulk_act", queue="mail", act_id=act_id)
    except queues.BrokerUnavailable as error:
        log.warning("bulk act %s waits: the broker can't be reached (%s)", act_id, error)
