"""A console as ``manage.py serve`` runs it, on the test's own database, with a directory that everybody is in."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.utils import timezone

from console.process import services
from console.process.supervision import Service
from directory.models import LdapServer
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, CreatedBy, Device, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.makers import make_alert, signed_in
from tests.server_process import free_port
from tests.worlds import NO_LIMITS, ldap_server
from tests.worlds import org as org_named

ROLES = ("SYSADMIN", "Server Administrator", "Server Administrator", "SYSADMIN", "Org Admin")
ORGS = ("North", "South", "East", "West")
ACTIVE = "function (entry) { return entry.employeeType != 'inactive' }"
PAGE = 500
TIMEOUT = 60


def scripts(round_number: int) -> dict[str, str]:
    """Return scripts that want something else of every user than those of the round before."""
    orgs = [ORGS[(number + round_number) % len(ORGS)] for number in range(len(ORGS))]
    names = ", ".join(f"'{name}'" for name in orgs)
    roles = ("Desktop User",) if round_number % 2 else ("Desktop User", "PROe User")
    return {
        "active_script": ACTIVE,
        "org_name_script": f"function (entry) {{ return [{names}][entry.employeeNumber % {len(ORGS)}] }}",
        "role_name_script": f"function (entry) {{ return [{', '.join(repr(role) for role in roles)}] }}",
    }


def server(directory: Directory, round_number: int) -> LdapServer:
    """Save the LDAP server with the scripts of a round, and limits that hold nothing back."""
    return ldap_server(directory.url, **scripts(round_number), **NO_LIMITS)


def fill(count: int) -> list[User]:
    """Make so many users with a device each, of whom the directory wants everything to be different."""
    for name in ORGS:
        org_named(name)
    home = Org.objects.get(name="Default").pk
    new = [NewUser(Profile(f"u{number:05}"), home) for number in range(1, count + 1)]
    made: list[User] = []
    for start in range(0, count, PAGE):
        part = new[start : start + PAGE]
        made += user_creation.create(users=part, created_by=CreatedBy.CSV, by=SYSTEM, at=timezone.now())
    computers = Device.objects.bulk_create(
        [Device(user=user, name=f"{user.username}-laptop", os="Windows 11") for user in made], batch_size=PAGE
    )
    Archive.objects.bulk_create([Archive(device=each, size_bytes=10**9) for each in computers], batch_size=PAGE)
    return made


def administrators(count: int) -> list[User]:
    """Make people who may look around and write, outside the reach of every sync."""
    ids = dict(Role.objects.values_list("name", "pk"))
    top = Org.objects.get(depth=1).pk
    new = [
        NewUser(Profile(f"admin{number:03}"), top, frozenset({ids[ROLES[number % len(ROLES)]]}))
        for number in range(count)
    ]
    return user_creation.create(users=new, created_by=CreatedBy.HAND, by=SYSTEM, at=timezone.now())


def session_of(user: User) -> str:
    """Return the cookie of a browser in which the user is signed in."""
    return signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value


def alerts(count: int) -> list[int]:
    """Raise alerts for people to dismiss."""
    return [make_alert(f"Problem with connection to LDAP server: number {number}").pk for number in range(count)]


def environment(folder: Path, *, redis_url: str, directory: Directory) -> dict[str, str]:
    """Return the environment of the console's processes."""
    return {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "ROLLCALL_VAR": str(folder / "var"),
        "DATABASE_URL": _database_url(),
        "REDIS_URL": redis_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "LDAP_LOOPBACK": "true",
        "LDAP_PORTS": str(directory.port),
        "ALLOWED_HOSTS": "127.0.0.1",
    }


def _database_url() -> str:
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    host = quote(str(found["HOST"]), safe="")
    return f"postgres://{quote(found['USER'])}:{quote(found['PASSWORD'])}@{host}:{found['PORT']}/{found['NAME']}"


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the web server and the worker; the value is the console's address."""
    port = free_port()
    started = [
        _start(service, folder, environment) for service in (services.web("127.0.0.1", port), *services.workers())
    ]
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, started, folder)
        yield address
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(TIMEOUT)


def _start(service: Service, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{service.name}.log").open("wb") as log:
        return subprocess.Popen(service.command, env=dict(environment), stdout=log, stderr=log, start_new_session=True)


def _wait(address: str, started: list[subprocess.Popen[bytes]], folder: Path) -> None:
    ends = time.monotonic() + TIMEOUT
    while not _well(address):
        logs = "".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
        assert all(process.poll() is None for process in started), logs
        assert time.monotonic() < ends, f"the web server does not answer: {logs}"
        time.sleep(0.05)


def _well(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
