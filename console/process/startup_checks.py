"""Starts every process of Rollcall: with valid settings, or it ends with one sentence and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured

BAD_SETTINGS = 2


def load_settings() -> None:
    """Load the settings; an invalid one ends the process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    with sentences():
        from django.conf import settings  # noqa: PLC0415  # after the module to be loaded has been named

        _ = settings.VAR


@contextmanager
def sentences() -> Iterator[None]:
    """In the block, end the process with one sentence on a bad setting or an unreachable database."""
    from django.db import InterfaceError, OperationalError  # noqa: PLC0415  # as above

    try:
        yield
    except ImproperlyConfigured as error:
        _end(" ".join(str(error).split()))
    except (OperationalError, InterfaceError) as error:
        from console.http.unavailable import Trouble, trouble_of  # noqa: PLC0415  # needs settings

        if trouble_of(error) is not Trouble.AWAY:
            raise
        reason = " ".join(str(error).split())
        _end(f"The database that DATABASE_URL names does not answer: {reason}. Start it, or correct DATABASE_URL.")


def end_without_semaphores() -> None:
    """End the process with one sentence if the system has no named semaphores (Linux keeps them in /dev/shm).

    Celery's pool of processes needs them.
    """
    from billiard import Lock  # noqa: PLC0415  # only workers need it

    try:
        Lock()
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        _end(
            f"Workers need semaphores, and none can be made in /dev/shm ({reason}). Make /dev/shm writable and leave some "
            "space there; a container takes --tmpfs /dev/shm for that."
        )


def _end(sentence: str) -> None:
    print(f"rollcall: {sentence}", file=sys.stderr)  # noqa: T201  # there may be no log
    sys.exit(BAD_SETTINGS)
