"""The queues of Celery's workers: lists their names, and puts tasks into them."""

from __future__ import annotations

from typing import Any

from celery import Celery
from django.conf import settings
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError


class BrokerUnavailable(Exception):
    """The broker can't be reached; the message says why."""


def app() -> Celery:
    """Return the project's Celery app."""
    found: Celery = import_string(settings.CELERY_APP)
    return found


def names() -> list[str]:
    """Return the names of the queues."""
    return [queue.name for queue in app().conf.task_queues]


def put(task: str, *, queue: str, **arguments: int | str) -> None:
    """Put a task into a queue by the task's name: actions can't import tasks, because tasks import actions.

    Raises:
        BrokerUnavailable: when the broker can't be reached.
    """
    _send(task, kwargs=arguments, queue=queue)


def put_for(seconds: float, task: str, *, queue: str) -> None:
    """Put a task without arguments into a queue; no worker takes it up after so many seconds.

    Raises:
        BrokerUnavailable: when the broker can't be reached.
    """
    _send(task, queue=queue, expires=seconds)


def _send(task: str, **options: Any) -> None:
    try:
        app().send_task(task, retry=False, **options)
    except OperationalError as error:
        raise BrokerUnavailable(str(error)) from error
