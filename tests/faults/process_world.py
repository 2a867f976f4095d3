"""A world in which processes die: people, a directory, workers, Redis and mail, put back before each fault."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.conf import settings as django_settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from directory import invariants
from directory.actions import due_runs, run_start_and_cancel, sync_settings
from directory.models import LIVE_STATES, CachedDecision, Mail, Run, RunState, StoredEntry, SyncSettings, Trigger
from directory.sync.finish import run_log, run_mails
from orgs.actions import legal_holds
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import Archive, CreatedBy, Device, User
from orgs.rules.actors import SYSTEM
from tests.brokers import messages_go_to
from tests.catalogue import Row
from tests.conftest import Mailbox
from tests.directories import Directory, people
from tests.faults import stages
from tests.faults.moody import MoodyMailbox
from tests.faults.processes import Broker, Fuse, Process, WorkerProcesses, wait_for
from tests.faults.stages import Database, Digest
from tests.worlds import NO_LIMITS, NOON, ldap_server, org, sync

# A dead worker's run is taken over after so many seconds; in earnest it is 30.
LEASE = 2
ABSENT = 8
TEAMS = 5
ADDRESS = "it@example.com"
ACTIVE = 'function (entry) { return entry.employeeType != "inactive" }'
ORG_NAME = f'function (entry) {{ return "Team " + entry.departmentNumber % {TEAMS} }}'
ROLE_NAME = 'function (entry) { return entry.title == "Nurse" ? ["PROe User", "Org Help Desk"] : ["PROe User"] }'
# A line of the log without its time and thread; and how one ends that may have been written once before.
_LINE = re.compile(r"^\[[^]]*\] (.*)$", re.MULTILINE)
REPEATED = run_log.REPEATED


def populate(directory: Directory, count: int) -> None:
    """Make users of which nearly all have something to change: leavers, absentees, some on hold, all who move."""
    sync_settings.save(values={"notification_addresses": [ADDRESS], "notify_administrators": False}, by=SYSTEM, at=NOON)
    SyncSettings.objects.update(interval_since=timezone.now())
    for number in range(TEAMS):
        org(f"Team {number}")
    names = [f"u{number:05}" for number in range(1, count + 1)] + [f"gone{number}" for number in range(ABSENT)]
    default = org("Default").pk
    made = user_creation.create(
        users=[NewUser(Profile(name), default) for name in names], created_by=CreatedBy.CSV, by=SYSTEM, at=NOON
    )
    devices = Device.objects.bulk_create([Device(user=user, name="laptop") for user in made[::3]])
    Archive.objects.bulk_create([Archive(device=device, size_bytes=10**9) for device in devices])
    matter = legal_holds.open_matter(name="Inquiry", by=SYSTEM, at=NOON)
    legal_holds.add_custodians(matter=matter, user_ids=[user.pk for user in made[::10]], by=SYSTEM, at=NOON)
    scripts = {"active_script": ACTIVE, "org_name_script": ORG_NAME, "role_name_script": ROLE_NAME}
    ldap_server(directory.url, search_filter="(objectClass=inetOrgPerson)", page_size=200, **scripts, **NO_LIMITS)


@dataclass
class Ending:
    """How a run ended: what every row says, its history lines and the mails that came, each with how often."""

    digest: Digest
    history: Counter[str]
    mails: Counter[str]
    seconds: float = 0.0


@dataclass
class Scene:
    """Everything that takes part; ``begin`` puts it back to where a real run waits for a worker."""

    directory: Directory
    broker: Broker
    mailbox: MoodyMailbox
    workers: WorkerProcesses
    fuse: Fuse
    database: Database
    start: Database
    log: Path
    run_id: int = 0
    endings: dict[str, Ending] = field(default_factory=dict)
    # Message-IDs of runs before the last ``begin``: a worker on a busy machine may send one of them late.
    earlier: set[str] = field(default_factory=set)
    begun: bool = False

    def begin(self) -> Run:
        """Put everything back and return the run that waits."""
        self.fuse.put_out()
        # Messages only: which queue gets what is told to Redis when a worker connects, and at no other time.
        self.broker.do("DEL", "sync", "mail", "unacked", "unacked_index")
        if self.begun:
            self.earlier.update(Mail.objects.filter(run_id=self.run_id).values_list("message_id", flat=True))
        self.begun = True
        connection.close()
        self.database.become(self.start)
        self.log.write_text("")
        self.mailbox.messages.clear()
        self.mailbox.recipients.clear()
        return Run.objects.get(pk=self.run_id)

    def ring(self) -> None:
        """Do what the clock's bell does every 10 seconds."""
        due_runs.wake_abandoned(at=timezone.now())

    def end(self, run: Run, *states: RunState) -> Run:
        """Ring until the run has ended, as it should; who has died is replaced meanwhile."""
        self.workers.refill()

        def ended() -> bool:
            self.ring()
            run.refresh_from_db()
            return run.state not in LIVE_STATES

        wait_for(ended, f"run {run.pk} ends", pause=0.2)
        assert run.state in (states or (RunState.APPLIED,)), f"{run.state}: {run.error}"
        return run

    def until(self, what: Callable[[], object], what_for: str) -> None:
        """Ring until this is true."""

        def ringing() -> object:
            self.ring()
            return what()

        wait_for(ringing, what_for, pause=0.2)

    def deliver(self, run: Run) -> None:
        """Wait until the run's mails have arrived; those of a worker that died are sent as the clock would have it."""

        def all_sent() -> bool:
            return not Mail.objects.filter(run=run, sent_at=None).exists()

        with suppress(AssertionError):
            wait_for(all_sent, "mail", seconds=2)
        # What nobody has taken for sending yet; then what somebody has, who must be dead by now.
        run_mails.send_waiting(at=timezone.now())
        with suppress(AssertionError):
            wait_for(all_sent, "mail", seconds=8)
        run_mails.send_waiting(at=timezone.now() + timedelta(minutes=6))
        assert all_sent(), Mail.objects.filter(run=run).values("kind", "error")

    def lines(self) -> Counter[str]:
        """Return the history lines in the log, each with how often it stands there."""
        return Counter(line for line in _LINE.findall(self.log.read_text()) if line.startswith("HISTORY::"))

    def ending(self, run: Run, *, one_id: bool = True) -> Ending:
        self.deliver(run)
        return Ending(stages.digest(), self.lines(), self.mails(one_id=one_id), run.seconds or 0)

    def mails(self, *, one_id: bool = True) -> Counter[str]:
        """Return the mails that came, each with how often: by run, kind and address, under one Message-ID or several."""
        all_sent = [(str(message["Message-ID"]), str(message["To"])) for message in self.mailbox.messages]
        sent = [(message_id, to) for message_id, to in all_sent if message_id not in self.earlier]
        names = Counter(f"{stages.RANDOM.sub('@', message_id)} to {to}" for message_id, to in sent)
        if one_id:
            assert len(names) == len(set(sent)), f"a mail came under two Message-IDs: {sent}"
        else:
            assert len(set(sent)) == len(sent), f"two mails came under one Message-ID: {sent}"
        return names

    def twin(self) -> Ending:
        """Return how the same run ends when nothing happens to it."""
        if "run" not in self.endings:
            run = self.begin()
            self.workers.ready()
            self.ring()
            self.endings["run"] = self.ending(self.end(run))
        return self.endings["run"]

    def reach(self, run: Run, point: str, *, when: str = "after", nth: int = 1) -> Process:
        """Let a worker come to this point and wait there; return it."""
        self.fuse.light(point, "wait", when=when, nth=nth)
        self.ring()
        self.fuse.wait()
        return self.workers.working_on(run)

    def same_as_twin(self, row: Row, run: Run, seen: str, *, mails: int = 1, one_id: bool = True) -> None:
        """Note that this run ended as its undisturbed twin; a mail may have come ``mails`` times, under one Message-ID."""
        twin, mine = self.endings["run"], self.ending(run, one_id=one_id)
        found = stages.differences(twin.digest, mine.digest) + _other_outputs(twin, mine, mails)
        found += [f"{each.rule}: {each.what}" for each in invariants.broken(at=timezone.now())]
        rows = sum(map(sum, (part.values() for part in mine.digest.values())))
        counts = f"{rows:,} rows, {sum(mine.history.values()):,} history lines and {sum(mine.mails.values())} mail"
        what_for = f"{seen}; {counts} as the undisturbed twin's" if not found else f"{seen}; {found[:3]}"
        wrong = sum(line.startswith("orgs.") and " too many: " in line for line in found)
        row.saw(what_for, wrongly_changed=wrong, lost=sum(" missing: " in line for line in found))
        assert not found, found[:10]


def _other_outputs(twin: Ending, mine: Ending, mails: int) -> list[str]:
    once = Counter({line.removesuffix(REPEATED): 1 for line in mine.history})
    found = [f"missing: the line {line}" for line in twin.history - once]
    found += [f"too many: the line {line}" for line in once - twin.history]
    for line, count in mine.history.items():
        if count > 1 and not line.endswith(REPEATED):
            found.append(f"too many: {count} times {line}")
    found += [f"mail {key}: {mine.mails[key]} times" for key in twin.mails if not 1 <= mine.mails[key] <= mails]
    return found + [f"mail {key}: not the twin's" for key in mine.mails.keys() - twin.mails.keys()]


@contextmanager
def opened(folder: Path, count: int, original: Database | None = None) -> Iterator[Scene]:
    """Make a scene of so many users, with an undisturbed simulation behind it and a real run that waits.

    ``original`` is an empty database with all tables; without one it is the test's own.
    """
    original, mark = original or stages.present(), secrets.token_hex(3)
    with ExitStack() as stack:
        directory = stack.enter_context(Directory(ldif=people(count)))
        broker = Broker(folder).start()
        stack.callback(broker.kill)
        mailbox = MoodyMailbox()
        mailbox.start()
        stack.callback(mailbox.stop)
        start, database = original.named(f"start_{mark}"), original.named(f"case_{mark}")
        stack.callback(start.drop)
        stack.callback(database.drop)
        fuse, log = Fuse(folder), folder / "rollcall.log"
        workers = WorkerProcesses(
            folder, environment(database, broker, mailbox, directory, folder) | {"FUSE": str(fuse.file)}
        )
        stack.callback(workers.stop)
        connection.close()
        start.become(original)
        scene = Scene(directory, broker, mailbox, workers, fuse, database, start, log)
        with stages.connected_to(start):
            populate(directory, count)
            assert sync(simulated=True, at=timezone.now()).state == RunState.PLANNED
            # The run that waits is to ask the scripts about everybody, as a first one does.
            StoredEntry.objects.all().delete()
            CachedDecision.objects.all().delete()
            by_hand = {"simulated": False, "trigger": Trigger.HAND, "by": SYSTEM, "at": timezone.now()}
            scene.run_id = run_start_and_cancel.start(servers=(), wake=False, **by_hand).pk  # type: ignore[arg-type]  # of one dict
        yield scene


@contextmanager
def entered(scene: Scene) -> Iterator[Scene]:
    """Let this process be one of the scene's."""
    mine = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": scene.mailbox.port, "RUN_LEASE_SECONDS": LEASE}
    with (
        override_settings(EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", **mine),
        messages_go_to(scene.broker.url),
        stages.connected_to(scene.database),
    ):
        try:
            yield scene
        finally:
            # A test that failed may have left a worker waiting.
            scene.fuse.go_on()
            scene.workers.wake()


def environment(
    database: Database, broker: Broker, mailbox: Mailbox, directory: Directory, folder: Path
) -> dict[str, str]:
    """Return what Rollcall's processes find in their environment."""
    return {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "DATABASE_URL": database.url,
        "REDIS_URL": broker.url,
        "SECRET_KEY": django_settings.SECRET_KEY,
        "ROLLCALL_VAR": str(folder),
        "LOG_FILE": str(folder / "rollcall.log"),
        "LDAP_LOOPBACK": "true",
        "LDAP_PORTS": str(directory.port),
        "RUN_LEASE_SECONDS": str(LEASE),
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(mailbox.port),
        "EMAIL_TIMEOUT": "5",
    }


def active_users() -> int:
    count: int = User.objects.filter(active=True).count()
    return count
