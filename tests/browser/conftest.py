"""A console as users meet it: a web server, a Celery worker in a process of its own, a directory, and a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.brokers import messages_go_to
from tests.directories import Directory
from tests.integration.employer import Employer

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use Debian's chromium."""
    return {**browser_type_launch_args, "executable_path": "/usr/bin/chromium", "args": FLAGS}


@pytest.fixture
def employer() -> Iterator[Employer]:
    """An employer with an empty directory of its own."""
    with Directory(memberof=True) as directory:
        yield Employer(directory)


@pytest.fixture
def worker(transactional_db: None, redis_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker that works on the test's own database."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "TESTS_REDIS_URL": redis_url,
        "SECRET_KEY": django_settings.SECRET_KEY,
    }
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "console.celery",
        "worker",
        "--concurrency",
        "1",
        "-Q",
        "sync,mail",
    ]
    with messages_go_to(redis_url), (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([*command, "--without-gossip", "--without-mingle"], env=environment, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def database_url() -> str:
    """Return the address of the test's own database, for other processes."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    host = quote(str(found["HOST"]), safe="")
    return f"postgres://{quote(found['USER'])}:{quote(found['PASSWORD'])}@{host}:{found['PORT']}/{found['NAME']}"
