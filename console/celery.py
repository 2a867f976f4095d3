"""The Celery app: background runs and mail. The database owns every run; a message only starts a worker on it."""

from __future__ import annotations

import gc
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready
from django.conf import settings
from kombu import Exchange, Queue

from console.process.startup_checks import end_without_semaphores, load_settings

load_settings()

app = Celery("rollcall")

# The tasks that beat sends, with their intervals in seconds.
TICKS = {
    "wake_abandoned": 10.0,
    "start_due": 30.0,
    "send_waiting_mail": 60.0,
    "age_archives": 3600.0,
    "move_archives": 10.0,
    # A stopped move waits for a person, or for room on a disk.
    "retry_archive_moves": 600.0,
    "count_archives": 300.0,
    # By the worker for archives: what is due is begun at night.
    "maintain_archives": 600.0,
    "export_archives": 30.0,
    "look_for_missing_backups": 3600.0,
    "forget_uploads": 3600.0,
    # Old rows are removed once a day, at the first of these calls; the other calls find nothing.
    "remove_old": 3600.0,
}


def configuration() -> dict[str, Any]:
    """Return Celery's settings; called at their first use, as Django's settings may not be loaded before."""
    return {
        "broker_url": settings.REDIS_URL,
        # Worker and clock wait for the broker, however long it is away.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # One message at a time; it returns to the queue when the worker dies. Tasks are safe to receive twice.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "unacked_restore_throttle": 1,
            # A page must not wait for a broker that does not answer. A worker that waits for messages is not affected.
            "socket_connect_timeout": 5,
            "socket_timeout": 15,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in ("sync", "mail", "archives")],
        "task_default_queue": "sync",
        "task_create_missing_queues": False,
        # Celery has no time limit here: a run may take long, and its lease shows whether its worker still lives.
        "worker_max_tasks_per_child": 50,
        "worker_send_task_events": False,
        "enable_utc": True,
        "beat_scheduler": "console.process.beat_scheduler:Clock",
        "beat_schedule": {
            # A late message is useless: the next one comes soon.
            name: {"task": f"directory.tasks.{name}", "schedule": seconds, "options": {"expires": seconds - 1}}
            for name, seconds in TICKS.items()
        },
    }


app.add_defaults(configuration)
app.autodiscover_tasks(["directory"])
app.autodiscover_tasks(["console.process"], related_name="heartbeats")
app.autodiscover_tasks(["console.security"], related_name="account_mails")


@worker_init.connect
def look_for_semaphores(**_: object) -> None:
    """End with one sentence on a system where the worker can't start its processes."""
    end_without_semaphores()


@worker_init.connect
def keep_what_is_loaded(**_: object) -> None:
    """Exclude everything loaded so far from garbage collection, before the worker's processes start.

    Collecting it would stop a run for up to a tenth of a second now and then, and each process would copy it.
    """
    gc.collect()
    gc.freeze()


@worker_ready.connect
def look_around(**_: object) -> None:
    """Continue the runs that an earlier worker has left, at once, even without a clock."""
    app.send_task("directory.tasks.wake_abandoned", queue="mail", expires=TICKS["wake_abandoned"])


@setup_logging.connect
def keep_own_logging(**_: object) -> None:
    """Keep Celery from setting up logging: Django has done so by console.logs."""
