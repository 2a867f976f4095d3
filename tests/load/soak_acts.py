"""Who acts during a soak: people by hand, directories that change, runs one after the other, and what goes wrong."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import ldap
from django.db import Error, connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from directory.actions import due_runs, run_start_and_cancel, stored_plans
from directory.input_errors import Refused as RunRefused
from directory.models import LdapServer, Run, RunState, Trigger
from orgs.actions import devices, legal_holds, orgs
from orgs.actions.devices_by_hand import states
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, org_moves, user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Device, Matter, Org, User
from orgs.rules.actors import SYSTEM, Actor
from tests.load.soak_world import Place, World

ADA = Actor(label="ada")
# How long somebody waits who meets a database or a broker that is away.
AWAY = 0.5


@dataclass
class Work:
    """Something that is done again and again in a thread of its own, until the soak ends; counts what it did."""

    name: str
    act: Callable[[random.Random], str]
    pause: float
    done: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self, seconds: float = 60) -> None:
        """Let it come to its end."""
        self.stop.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.errors.append(f"{self.name} does not end")

    def _work(self) -> None:
        chance = random.Random(self.name)
        while not self.stop.wait(self.pause):
            try:
                self.done[self.act(chance)] += 1
            except (Refused, RunRefused):
                self.done["refused"] += 1
            except (Error, OperationalError, ldap.LDAPError, OSError):
                # The database, the broker or the directory is away, which is the point of a soak.
                self.done["away"] += 1
                connection.close()
                time.sleep(AWAY)
            except Exception as error:  # noqa: BLE001  # whatever somebody would have seen
                self.errors.append(f"{self.name}: {type(error).__name__}: {error}")
        connection.close()


def by_hand(chance: random.Random) -> str:
    """Do something to a few users, as an administrator does."""
    ids = chance.sample(list(User.objects.values_list("pk", flat=True)), chance.choice([1, 1, 2, 20]))
    act = chance.choice(sorted(HAND))
    HAND[act](ids, chance)
    return act


def _deactivate_org(ids: list[int], chance: random.Random) -> None:
    """Make an org, move people in and out, take it out of use and rename it."""
    parent = Org.objects.get(name="Corp")
    made = orgs.create(name=f"Project {chance.randrange(10**9)}", parent=parent, by=ADA, at=timezone.now())
    if chance.random() < 0.5:
        org_moves.move(moves=dict.fromkeys(ids, made.pk), by=ADA, at=timezone.now())
        org_moves.move(moves=dict.fromkeys(ids, parent.pk), by=ADA, at=timezone.now())
    orgs.set_active(org=made, active=False, by=ADA, at=timezone.now())


def _upload(_: list[int], chance: random.Random) -> None:
    home = Org.objects.get(name="Default").pk
    new = [NewUser(Profile(f"upload{chance.randrange(10**12)}"), home) for _ in range(20)]
    user_creation.create(users=new, created_by=CreatedBy.CSV, by=ADA, at=timezone.now())


def _hold(ids: list[int], _: random.Random) -> None:
    matter = Matter.objects.filter(closed_at=None).first()
    if matter is None:
        matter = legal_holds.open_matter(name="Inquiry", by=ADA, at=timezone.now())
    legal_holds.add_custodians(matter=matter, user_ids=ids, by=ADA, at=timezone.now())


def _release(ids: list[int], _: random.Random) -> None:
    if (matter := Matter.objects.filter(closed_at=None).first()) is not None:
        held = list(matter.custodians.filter(released_at=None).values_list("user_id", flat=True)[: len(ids)])
        legal_holds.release(matter=matter, user_ids=held, by=ADA, at=timezone.now())


def _move(ids: list[int], chance: random.Random) -> None:
    targets = list(Org.objects.active().exclude(depth=1).values_list("pk", flat=True))
    org_moves.move(moves={pk: chance.choice(targets) for pk in ids}, by=ADA, at=timezone.now())


def _devices(ids: list[int]) -> list[int]:
    return list(Device.objects.filter(user__in=ids).values_list("pk", flat=True))


HAND: dict[str, Callable[[list[int], random.Random], object]] = {
    "block": lambda ids, _: blocking.block(user_ids=ids, by=ADA, at=timezone.now()),
    "unblock": lambda ids, _: blocking.unblock(user_ids=ids, by=ADA, at=timezone.now()),
    "deactivate": lambda ids, _: deactivation.deactivate(user_ids=ids, by=ADA, at=timezone.now()),
    "reactivate": lambda ids, _: deactivation.reactivate(user_ids=ids, by=ADA, at=timezone.now()),
    "device off": lambda ids, _: devices.deactivate(device_ids=_devices(ids), by=ADA, at=timezone.now()),
    "device on": lambda ids, _: devices.reactivate(device_ids=_devices(ids), by=ADA, at=timezone.now()),
    "device blocked": lambda ids, _: states.block(device_ids=_devices(ids), by=ADA, at=timezone.now()),
    "device unblocked": lambda ids, _: states.unblock(device_ids=_devices(ids), by=ADA, at=timezone.now()),
    "move": _move,
    "hold": _hold,
    "release": _release,
    "org out of use": _deactivate_org,
    "upload": _upload,
}


def edits(places: list[Place]) -> Callable[[random.Random], str]:
    """Return what changes a person in one of the directories: a name, a team, or whether they are active."""

    def edit(chance: random.Random) -> str:
        place = chance.choice(places)
        what, value = chance.choice(
            [
                ("sn", f"Name{chance.randrange(1000)}"),
                ("departmentNumber", str(chance.randrange(40))),
                ("employeeType", chance.choice(["inactive", "staff"])),
            ]
        )
        place.directory.modify(place.dn(chance.randint(1, place.count)), {what: value})
        return "edit"

    return edit


def runs_of(places: list[Place]) -> Callable[[random.Random], str]:
    """Return what starts one run after the other: of one server, of the other, of both, simulated and then applied."""
    turn = iter(range(10**9))

    def carry_out(chance: random.Random) -> str:
        number = next(turn)
        chosen = [[places[0].server], [places[1].server], []][number % 3]
        simulated = chance.random() < 0.2
        run = start_and_wait([each for each in chosen if each is not None], simulated=simulated)
        if simulated and run.state == RunState.PLANNED:
            _ended(stored_plans.apply_plan(run=run, by=SYSTEM, at=timezone.now()))
        return f"{'simulation' if simulated else 'sync'}: {run.state}"

    return carry_out


def start_and_wait(chosen: list[LdapServer], *, simulated: bool) -> Run:
    """Start a run of these servers (none: all) and wait for its end."""
    started = run_start_and_cancel.start(
        servers=chosen,
        simulated=simulated,
        trigger=Trigger.HAND,
        by=SYSTEM,
        at=timezone.now(),
        wake=True,
    )
    return _ended(started)


def _ended(run: Run, seconds: float = 240) -> Run:
    """Wait for a run's end, ringing as the clock does."""
    ends, rang = time.monotonic() + seconds, 0.0
    while time.monotonic() < ends:
        try:
            run.refresh_from_db()
            if not run.live:
                return run
            if time.monotonic() - rang > 2:
                due_runs.wake_abandoned(at=timezone.now())
                rang = time.monotonic()
        except (Error, OperationalError, OSError):
            connection.close()
            time.sleep(AWAY)
        time.sleep(0.1)
    raise AssertionError(f"run {run.pk} is still {run.state}, {run.phase} {run.done}")


def faults(world: World) -> Callable[[random.Random], str]:
    """Return what does one thing wrong and mends it again."""

    def kill_a_worker(chance: random.Random) -> None:
        chance.choice(world.workers.processes).kill()

    def restart_postgresql(_: random.Random) -> None:
        world.postgres.restart()

    def stop_a_directory(chance: random.Random) -> None:
        place = chance.choice(world.places)
        place.directory.kill()
        time.sleep(4)
        place.restart()

    def kill_redis(_: random.Random) -> None:
        world.broker.kill()
        time.sleep(2)
        world.broker.start()

    def silence_a_directory(chance: random.Random) -> None:
        pid = chance.choice(world.places).directory.pid
        _stop_and_go(pid, 7)

    def stop_a_worker(chance: random.Random) -> None:
        worker = chance.choice(world.workers.processes)
        worker.send_all(signal.SIGSTOP)
        time.sleep(4)
        worker.send_all(signal.SIGCONT)

    kinds = [kill_a_worker, restart_postgresql, stop_a_directory, kill_redis, silence_a_directory, stop_a_worker]
    turn = iter(range(10**9))

    def do_one(chance: random.Random) -> str:
        kind = kinds[next(turn) % len(kinds)]
        kind(chance)
        world.workers.refill(len(world.workers.processes))
        return kind.__name__.replace("_", " ")

    return do_one


def _stop_and_go(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
