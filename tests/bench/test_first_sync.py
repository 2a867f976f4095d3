"""How fast 10,000 users are imported, simulated, synchronized and found unchanged, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.directories import Directory, people
from tests.seed_scripts import ACTIVE_EMPLOYEE_TYPE, ORG_NAME, ROLE_NAME

USERS = int(os.environ.get("USERS", "10000"))
LIMITS = (
    "limit_deactivations_percent",
    "limit_org_deactivations_percent",
    "limit_moves_percent",
    "limit_role_changes_percent",
)
Measure = Callable[..., None]


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """Run ``manage.py`` on a database of its own and print wall time, users per second and peak memory."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "ROLLCALL_VAR": str(tmp_path / "var"),
    }

    def run(title: str, *arguments: str) -> None:
        started = time.monotonic()
        command = [sys.executable, "manage.py", *arguments]
        with (tmp_path / "printed").open("wb") as printed:
            process = subprocess.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        output = (tmp_path / "printed").read_text()
        assert process.returncode == 0, output
        if title:
            rate = round(USERS / seconds)
            print(f"{title:<40}{seconds:8.1f} s {rate:8,} users/s {used.ru_maxrss / 1024:8.0f} MB", flush=True)

    return run


@pytest.mark.timeout(1800)
def test_a_first_sync(measure: Measure, tmp_path: Path) -> None:
    with Directory(ldif=people(USERS)) as directory:
        server = {
            "name": "Corp",
            "urls": [directory.url],
            "search_base": directory.base,
            "orgs": ["Default"],
            "active_script": ACTIVE_EMPLOYEE_TYPE,
            "org_name_script": ORG_NAME,
            "role_name_script": ROLE_NAME,
            "limit_deactivations_count": 1_000_000,
            **dict.fromkeys(LIMITS, 100),
        }
        (tmp_path / "server.json").write_text(json.dumps(server))
        names = "".join(f"u{number:05}\n" for number in range(1, USERS + 1))
        (tmp_path / "users.csv").write_text(f"username\n{names}")
        print(f"\n{USERS:,} users")
        measure("", "migrate", "-v0")
        measure("", "ldapserver", "apply", str(tmp_path / "server.json"))

        measure("import from CSV", "importusers", str(tmp_path / "users.csv"), "--no-scripts")
        measure("simulate, every user changes", "ldapsync", "--simulate")
        measure("synchronize, every user changes", "ldapsync")
        measure("simulate, nothing changes", "ldapsync", "--simulate")
        measure("synchronize, nothing changes", "ldapsync")
