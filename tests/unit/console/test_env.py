"""What each process is called in PostgreSQL's pg_stat_activity."""

from __future__ import annotations

import pytest

from console.process.env import process_name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/venv/lib/gunicorn/__main__.py", "console.wsgi", "--bind", "127.0.0.1:8000"], "rollcall web"),
        (["/venv/lib/gunicorn/__main__.py", "console.store.wsgi", "--bind", "127.0.0.1:8010"], "rollcall store"),
        (
            ["/venv/lib/celery/__main__.py", "-A", "console.celery", "worker", "--queues", "sync"],
            "rollcall worker sync",
        ),
        (["/venv/bin/celery", "-A", "console.celery", "worker", "--queues=mail"], "rollcall worker mail"),
        (["/venv/bin/celery", "-A", "console.celery", "worker", "-Q", "sync,mail"], "rollcall worker sync,mail"),
        (["/venv/bin/celery", "-A", "console.celery", "worker"], "rollcall worker"),
        (["celery", "-A", "console.celery", "beat"], "rollcall clock"),
        (["manage.py", "ldapsync", "--simulate"], "rollcall command ldapsync"),
        (["/usr/bin/python"], "rollcall"),
        ([], "rollcall"),
    ],
)
def test_a_process_is_named_by_how_it_was_started(arguments: list[str], name: str) -> None:
    assert process_name(arguments) == name
