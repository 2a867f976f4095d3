"""Which broker this process sends its messages to, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kombu import pools

from console.celery import app


@contextmanager
def messages_go_to(url: str) -> Iterator[None]:
    """Let this process send its messages there."""
    before = app.conf.broker_url
    app.conf.update(broker_url=url)
    _forget_connections()
    try:
        yield
    finally:
        app.conf.update(broker_url=before)
        _forget_connections()


def _forget_connections() -> None:
    pools.reset()
    app._after_fork()  # type: ignore[attr-defined]  # forgets the pools, and has no public name
