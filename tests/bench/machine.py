"""The facts of the machine that a benchmark ran on, without which its figures say little."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.postgres import SETTINGS
from tests.directories import SLAPD

ROOT = Path(__file__).parent.parent.parent
PACKAGES = (
    "Django",
    "psycopg",
    "python-ldap",
    "dukpy",
    "celery",
    "redis",
    "django-auth-ldap",
    "django-python3-ldap",
    "ldap3",
)


def facts() -> dict[str, Any]:
    """Return what the machine and its programs are, at this moment."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "slapd": _printed([SLAPD, "-VV"], r"slapd (\S+)"),
        "postgresql": _printed([_postgres(), "--version"], r"PostgreSQL\) (\S+)"),
        "postgresql_settings": {"fsync": "on", "synchronous_commit": "on", **SETTINGS},
    }


def summary(found: dict[str, Any]) -> str:
    """Return the facts as a sentence or two."""
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    settings = ", ".join(f"{name} {value}" for name, value in found["postgresql_settings"].items())
    return (
        f"{found['date'][:10]}, revision {found['revision']}: {found['cpu']}, {found['cores']} cores, "
        f"{found['memory_gb']} GB, Linux {found['kernel']}, Python {found['python']}, slapd {found['slapd']}, "
        f"PostgreSQL {found['postgresql']} ({settings}); {packages}."
    )


def revision() -> str:
    """Return the revision of the code, marked where files have been changed since."""
    return _printed(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"], r"(\S+)")


def _cpu() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1].strip() if found else platform.machine()


def _postgres() -> str:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parent.parent.name))
    return str(found[-1]) if found else "postgres"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _printed(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"
