"""What a soak takes place in: a PostgreSQL server, Redis, mail, two directories behind proxies, workers and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from directory.actions import sync_settings
from directory.models import LdapServer, SyncSettings
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, CreatedBy, Device
from orgs.rules.actors import SYSTEM
from tests.brokers import messages_go_to
from tests.directories import Directory, people
from tests.faults import stages
from tests.faults.moody import MoodyMailbox
from tests.faults.process_world import environment
from tests.faults.processes import Broker, Fuse, PostgresServer, WorkerProcesses
from tests.faults.proxy import Proxy
from tests.faults.stages import Database
from tests.worlds import NO_LIMITS, ldap_server, org

TEAMS = 4
PAGE = 500
# Of all users so many are of the second directory.
BRANCH = 0.3
ACTIVE = 'function (entry) { return entry.employeeType != "inactive" }'
ROLE_NAME = 'function (entry) { return entry.title == "Nurse" ? ["PROe User", "Desktop User"] : ["PROe User"] }'


@dataclass(slots=True)
class Place:
    """One directory with its people: ``letter`` begins their usernames, and the proxy keeps its port."""

    name: str
    letter: str
    count: int
    directory: Directory
    proxy: Proxy
    server: LdapServer | None = None

    def dn(self, number: int) -> str:
        return f"uid={self.letter}{number:05},ou=People,dc=example,dc=com"

    def restart(self) -> None:
        """Start the directory again after it was stopped."""
        self.directory.start()
        self.proxy.target = self.directory.port


@dataclass(slots=True)
class World:
    """Everything that takes part in a soak."""

    postgres: PostgresServer
    database: Database
    broker: Broker
    workers: WorkerProcesses
    places: list[Place]
    log: Path


def _people(count: int, letter: str) -> str:
    text = people(count)
    for word in ("uid=", "uid: ", "mail: "):
        text = text.replace(f"{word}u", f"{word}{letter}")
    return text


def _fill(place: Place) -> None:
    """Make the users of a directory, nearly all as it says, with a device each, and the server that they follow."""
    home = org(place.name)
    for number in range(TEAMS):
        org(f"{place.name} {number}", parent=place.name)
    names = [f"{place.letter}{number:05}" for number in range(1, place.count + 1)]
    for start in range(0, len(names), PAGE):
        new = [NewUser(Profile(name), home.pk) for name in names[start : start + PAGE]]
        made = user_creation.create(users=new, created_by=CreatedBy.CSV, by=SYSTEM, at=timezone.now())
        devices = Device.objects.bulk_create([Device(user=user, name="laptop") for user in made])
        Archive.objects.bulk_create([Archive(device=device, size_bytes=10**9) for device in devices])
    place.server = ldap_server(
        f"ldap://127.0.0.1:{place.proxy.port}",
        name=place.name,
        orgs=[place.name],
        search_filter="(objectClass=inetOrgPerson)",
        operation_timeout=5,
        connect_timeout=5,
        active_script=ACTIVE,
        org_name_script=f'function (entry) {{ return "{place.name} " + entry.departmentNumber % {TEAMS} }}',
        role_name_script=ROLE_NAME,
        **NO_LIMITS,
    )


@contextmanager
def opened(folder: Path, count: int) -> Iterator[World]:
    """Make a world of so many users on a PostgreSQL server of its own, and let this process be one of its parts."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(folder))
        database = Database(postgres.settings, "rollcall")
        with database.beside() as beside:
            beside.execute("CREATE DATABASE rollcall")
        broker = Broker(folder).start()
        stack.callback(broker.kill)
        mailbox = MoodyMailbox()
        mailbox.start()
        stack.callback(mailbox.stop)
        branch = int(count * BRANCH)
        places = []
        for name, letter, size in (("Corp", "u", count - branch), ("Branch", "b", branch)):
            directory = stack.enter_context(Directory(ldif=_people(size, letter)))
            proxy = stack.enter_context(Proxy(directory.port))
            places.append(Place(name, letter, size, directory, proxy))
        variables = environment(database, broker, mailbox, places[0].directory, folder)
        workers = WorkerProcesses(folder, variables | {"FUSE": str(Fuse(folder).file)})
        stack.callback(workers.stop)
        mine = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": mailbox.port, "RUN_LEASE_SECONDS": 2}
        stack.enter_context(override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", **mine))
        stack.enter_context(messages_go_to(broker.url))
        stack.enter_context(stages.connected_to(database))
        call_command("migrate", verbosity=0)
        values = {"notification_addresses": ["it@example.com"], "notify_administrators": False, "interval_hours": 0}
        sync_settings.save(values=values, by=SYSTEM, at=timezone.now())
        SyncSettings.objects.update(interval_since=timezone.now())
        for place in places:
            _fill(place)
        yield World(postgres, database, broker, workers, places, folder / "postgresql" / "log")
