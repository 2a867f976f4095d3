"""Runs all of Rollcall on this machine until Ctrl-C: web, store, worker, beat, Redis and, for the demo, an LDAP server."""

from __future__ import annotations

import fcntl
import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import OperationalError as DatabaseUnavailable
from django.utils import timezone
from kombu.exceptions import OperationalError

from console.celery import app
from console.process import demo_computers, services
from console.process.demo_directory import DemoDirectory
from console.process.env import BadSetting, flag, host, port, web_address
from console.process.startup_checks import end_without_semaphores
from console.process.supervision import ProcessDied, Service, Supervisor, end_leftovers
from directory.status import applied_migrations
from orgs.actions.users import first_administrator
from orgs.models import User
from orgs.rules.actors import COMMAND_LINE

TIMEOUT = 60


@dataclass(slots=True)
class Start:
    """The processes to start, their environment, and a check for each that it answers."""

    services: list[Service]
    environment: dict[str, str]
    answers: dict[str, Callable[[], bool]]
    # Runs once all of them answer, to its end, which nothing waits for.
    afterwards: tuple[str, ...] = ()
    follower: subprocess.Popen[str] | None = field(default=None, init=False)


class Command(BaseCommand):
    """``manage.py serve``; the environment variables PORT, STORE_PORT, BIND, REDIS_PORT, REDIS_URL and DEMO are its options."""

    help = "Run Rollcall on this machine: everything it needs, with its data under var/, until Ctrl-C."

    def handle(self, *_: Any, **__: Any) -> None:
        """Start everything and wait.

        Raises:
            CommandError: when Rollcall runs already with this data folder, or when a process ended by itself.
        """
        end_without_semaphores()
        lock = _only_one_at_a_time(settings.VAR)
        if left := end_leftovers(settings.VAR):
            self._write(f"Ended what an earlier start had left running: {', '.join(left)}.")
        try:
            start = _prepare()
        except OSError as error:
            raise CommandError(f"{error.filename or settings.VAR}: {error.strerror or error}.") from error
        supervisor = Supervisor(settings.VAR / "log", lambda: self._welcome(start, supervisor))
        for service in start.services:
            supervisor.add(service, start.environment)
        self._write(f"Starting {', '.join(service.name for service in start.services)} ...")
        connections.close_all()
        try:
            supervisor.run()
        except ProcessDied as died:
            raise CommandError(f"{died}. Everything was stopped.") from died
        finally:
            if start.follower is not None:
                start.follower.terminate()
            lock.close()
        self._write("Stopped.")

    def _welcome(self, start: Start, supervisor: Supervisor) -> None:
        late = _wait_for(start.answers)
        if late:
            self._write(f"{', '.join(late)} did not answer within {TIMEOUT} s: see {settings.VAR}/log. Stopping.")
            supervisor.terminate()
            return
        supervisor.up()
        self._write(f"\nRollcall is running: {start.environment['CONSOLE_ADDRESS']}")
        self._write(f"Devices back up to port {start.environment['STORE_PORT']}.")
        with closing(connection):
            if not User.objects.sysadmins().exists():
                username, password = _first_administrator()
                self._write(f"  user name  {username}\n  password   {password}   (shown only now)")
        self._write("Ctrl-C stops it.\n")
        if start.afterwards:
            self._follow(start)

    def _follow(self, start: Start) -> None:
        """Write what the last command writes; it ends with this process, however that ends."""
        command = ["setpriv", "--pdeathsig", "TERM", *start.afterwards]
        with subprocess.Popen(
            command, env=start.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as start.follower:  # fmt: skip
            for line in start.follower.stdout or ():
                self._write(line.rstrip("\n"))

    def _write(self, words: str) -> None:
        """Write to the terminal; no error if it is closed, or is a file on a full disk."""
        try:
            self.stdout.write(words)
            self.stdout.flush()
        except OSError:
            # Redirect: Python flushes the buffer at its end, which would fail again.
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # open until the process ends
            sys.stdout, self.stdout = nowhere, OutputWrapper(nowhere)


def _end_without_tables() -> None:
    """End with advice if the database is new, or older than this release.

    Raises:
        CommandError: when migrations are missing, or when another version has to upgrade the database first.
    """
    try:
        if reason := applied_migrations.obstacle(MigrationRecorder(connection).applied_migrations().keys()):
            raise CommandError(reason)
        executor = MigrationExecutor(connection)
    except DatabaseUnavailable:
        # The database is away: start anyway; pages show it until the database is back.
        return
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError(
            "The database is not up to date: run “python manage.py migrate” first (“make run” does that by itself)."
        )


def _only_one_at_a_time(folder: Path) -> TextIO:
    lock = (folder / "serve.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        raise CommandError(f"Rollcall is already running with the data in {folder} (process {lock.read()}).") from error
    # The lock decides. The process id is only for the message above, so a full disk does not matter.
    with suppress(OSError):
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    return lock


def _prepare() -> Start:
    """Choose ports, write configurations and load the demo."""
    address = host("BIND", default=services.LOOPBACK)
    number = _listening_port("PORT", 8000, address)
    store_number = _listening_port("STORE_PORT", 8010, address, taken=number)
    # For trying out on one machine: people add a directory on this machine, at any port.
    here = {"LDAP_LOOPBACK": "true", "LDAP_PORTS": "389,636,1024-65535"}
    start = Start(
        services=[
            services.web(address, number),
            services.store(address, store_number),
            *services.workers(),
            services.beat(),
        ],
        environment=here
        | os.environ
        | {"CONSOLE_ADDRESS": web_address("CONSOLE_ADDRESS", default=f"http://localhost:{number}")}
        | {"STORE_PORT": str(store_number)},
        answers={
            "web": lambda: _web_answers(address, number),
            "store": lambda: _web_answers(address, store_number, "/healthz"),
        },
    )
    if not start.environment.get("REDIS_URL"):
        broker, start.environment["REDIS_URL"] = _broker()
        start.services.insert(0, broker)
    app.conf.update(broker_url=start.environment["REDIS_URL"])
    for each in services.workers():
        start.answers[each.name] = partial(_worker_answers, each.name, start.environment["REDIS_URL"])
    demo = flag("DEMO", default=True)
    _end_without_tables()
    if demo:
        directory, ldap_port = _demo()
        start.services.append(directory)
        start.answers["ldap"] = lambda: _accepts(ldap_port)
        ours = _reachable(address)
        ours = f"[{ours}]" if ":" in ours else ours
        start.afterwards = demo_computers.background_command(
            console=f"http://{ours}:{number}", store=f"http://{ours}:{store_number}"
        )
    return start


def _listening_port(name: str, default: int, address: str, *, taken: int = 0) -> int:
    """Return the port of a server: the variable, or one soon after it if that is taken.

    Raises:
        BadSetting: when this machine has no such address, or the port needs the rights of root.
    """
    first = port(name, default=default)
    wanted = [number for number in range(first, min(first + 100, 65536)) if number != taken]
    try:
        return services.free_port(*wanted, address=address)
    except PermissionError as error:
        raise BadSetting(f"{name} {first} may be opened by root only: name one above 1023.") from error
    except OSError as error:
        raise BadSetting(f"BIND names an address that this machine does not have: {address} ({error}).") from error


def _broker() -> tuple[Service, str]:
    folder = settings.VAR / "redis"
    number = services.free_port(*filter(None, [port("REDIS_PORT", default=0)]))
    broker = services.redis(folder, number)
    address = f"redis://:{services.redis_password(folder)}@{services.LOOPBACK}:{number}/0"
    # Commands in another terminal read this file to reach the same worker.
    kept = folder / "url"
    kept.touch(mode=0o600)
    kept.write_text(address, "ascii")
    return broker, address


def _demo() -> tuple[Service, int]:
    directory = DemoDirectory(settings.VAR / "demo")
    directory.prepare()
    # Use the last port again if it is free: then the address in the LDAP server's settings stays valid.
    remembered = directory.home / "port"
    with suppress(FileNotFoundError):
        port = services.free_port(int(remembered.read_text("ascii")))
    if not remembered.exists():
        port = services.free_port()
    remembered.write_text(str(port), "ascii")
    call_command("demo", ldap_port=port, ldif=directory.ldif)
    if not directory.loaded:
        directory.load()
    return Service("ldap", tuple(directory.command(port))), port


def _wait_for(answers: dict[str, Callable[[], bool]]) -> list[str]:
    """Return the names of the processes that did not answer in time."""
    ends = time.monotonic() + TIMEOUT
    waiting = dict(answers)
    while waiting and time.monotonic() < ends:
        waiting = {name: answers for name, answers in waiting.items() if not answers()}
        time.sleep(0.1)
    return list(waiting)


def _web_answers(address: str, port: int, path: str = "/") -> bool:
    with closing(http.client.HTTPConnection(_reachable(address), port, timeout=5)) as web:
        try:
            web.request("GET", path, headers={"Host": "localhost"})
            return web.getresponse().status > 0
        except OSError:
            return False


def _reachable(address: str) -> str:
    """Return an address to connect to: a server that is bound to all addresses answers on loopback."""
    return {"0.0.0.0": services.LOOPBACK, "::": "::1"}.get(address, address)  # noqa: S104  # nothing is bound here


def _worker_answers(name: str, broker: str) -> bool:
    try:
        with redis.Redis.from_url(broker) as client:
            client.ping()
        return bool(app.control.ping(destination=[f"{name}@{socket.gethostname()}"], timeout=0.5))
    except (OSError, redis.RedisError, OperationalError):
        return False


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((services.LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _first_administrator() -> tuple[str, str]:
    password = secrets.token_urlsafe(12)
    administrator = first_administrator.create(
        username="admin", email="", password=password, by=COMMAND_LINE, at=timezone.now()
    )
    return administrator.username, password
