"""The Celery app: background runs and mail. The database owns every run; a message only rings the bell."""

from __future__ import annotations

import gc
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_ready
from django.conf import settings
from kombu import Exchange, Queue

from console.process.start import end_without_semaphores, load_settings

load_settings()

app = Celery("rollcall")

# What beat rings for, every so many seconds.
TICKS = {
    "wake_abandoned": 10.0,
    "start_due": 30.0,
    "send_waiting_mail": 60.0,
    "age_archives": 3600.0,
    "forget_uploads": 3600.0,
    # A day's rows go at the first time of the day that has something to remove; the others find nothing.
    "remove_old": 3600.0,
}


def configuration() -> dict[str, Any]:
    """Return Celery's settings; called when they are first needed, as Django's may not be loaded before."""
    return {
        "broker_url": settings.REDIS_URL,
        # However long the broker is away: worker and clock wait for it.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # One message at a time, given back when the worker dies with it: tasks are safe to receive twice.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "unacked_restore_throttle": 1,
            # A broker that does not answer must not keep a page waiting; Celery's own waiting for messages is not meant.
            "socket_connect_timeout": 5,
            "socket_timeout": 15,
        },
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_queues": [Queue(name, Exchange(name), routing_key=name) for name in ("sync", "mail")],
        "task_default_queue": "sync",
        "task_create_missing_queues": False,
        # No time limit of Celery's: a run may take long, and its lease shows whether its worker still lives.
        "worker_max_tasks_per_child": 50,
        "worker_send_task_events": False,
        "enable_utc": True,
        "beat_scheduler": "console.process.beat_schedule:Clock",
        "beat_schedule": {
            # A message that waited is worth nothing: the next one comes.
            name: {"task": f"directory.tasks.{name}", "schedule": seconds, "options": {"expires": seconds - 1}}
            for name, seconds in TICKS.items()
        },
    }


app.add_defaults(configuration)
app.autodiscover_tasks(["directory"])
app.autodiscover_tasks(["console.process"], related_name="heartbeats")


@worker_init.connect
def look_for_semaphores(**_: object) -> None:
    """End with one sentence where a worker's processes could not be started."""
    end_without_semaphores()


@worker_init.connect
def keep_what_is_loaded(**_: object) -> None:
    """Take what is loaded before a worker's processes start for kept for good.

    Looking through it for garbage would stop a run for up to a tenth of a second now and then, and would make each
    process copy it.
    """
    gc.collect()
    gc.freeze()


@worker_ready.connect
def look_around(**_: object) -> None:
    """Take up at once what an earlier worker has left, whether or not a clock rings."""
    app.send_task("directory.tasks.wake_abandoned", queue="mail", expires=TICKS["wake_abandoned"])


@setup_logging.connect
def keep_own_logging(**_: object) -> None:
    """Keep Celery from setting up logging: Django has, through console.logs."""
