"""Measures acts on many users: until the first progress, and users a second, for each act on a new database.

``python -m tests.bench.bulk_acts --users 50000`` makes an SQLite file in a temporary folder; with ``DATABASE_URL`` it
fills that empty database instead.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """How one act went, in seconds."""

    act: str
    users: int
    chosen: float
    preview: float
    first: float
    whole: float
    cpu: float

    def __str__(self) -> str:
        rate = self.users / self.whole
        return (
            f"{self.act:12} {self.users:7,} users   chosen {self.chosen:5.2f} s   preview {self.preview:5.2f} s   "
            f"first progress {self.first:5.2f} s   all {self.whole:6.2f} s "
            f"(of the processor {self.cpu:5.2f} s)   {rate:8,.0f} users/s"
        )


def main() -> None:
    """Fill a database and print a line for each act."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50_000)
    count = parser.parse_args().users
    with _database():
        _prepare()
        people = _fill(count)
        for figures in _acts(people):
            print(figures, flush=True)  # a script for people


@contextmanager
def _database() -> Iterator[None]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        yield


def _prepare() -> None:
    import django  # after the environment is set
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)


def _fill(count: int) -> Any:
    from orgs.models import Archive, Device, User
    from tests.makers import make_org, make_sysadmin, make_users

    make_sysadmin()
    for name in ("North", "South"):
        make_org(name)
    for start in range(0, count, 5000):
        made = make_users(
            (f"person{number:06}" for number in range(start, min(start + 5000, count))), roles=["PROe User"]
        )
        devices = Device.objects.bulk_create([Device(user=user, name="laptop") for user in made])
        Archive.objects.bulk_create([Archive(device=device, size_bytes=10**9) for device in devices])
    return User.objects.filter(username__startswith="person")


def _acts(people: Any) -> Iterator[Figures]:
    from directory.models import BulkKind
    from orgs.models import Org, Role
    from tests.makers import make_matter

    north, role = Org.objects.get(name="North"), Role.objects.get(name="Org Manager")
    yield from _one(BulkKind.MOVE, people, org=north)
    yield from _one(BulkKind.ADD_ROLE, people, role=role)
    yield from _one(BulkKind.BLOCK, people)
    yield from _one(BulkKind.BLOCK, people, undone=False)
    yield from _one(BulkKind.UNBLOCK, people, undone=False)
    yield from _one(BulkKind.DEACTIVATE, people)
    yield from _one(BulkKind.HOLD, people, undone=False, matter=make_matter("Inquiry"))


def _one(kind: Any, people: Any, *, undone: bool = True, **argument: Any) -> Iterator[Figures]:
    """Measure an act, and its undo."""
    from django.utils import timezone

    from directory.actions.bulk import choosing
    from directory.actions.bulk.confirmation import Argument
    from orgs.models import User
    from orgs.rules.actors import person

    ada = person(User.objects.get(username="ada"))
    begun = time.monotonic()
    act = choosing.prepare(kind=kind, users=people, by=ada, at=timezone.now())
    yield _carried_out(act, str(kind), Argument(**argument), time.monotonic() - begun)
    if undone:
        begun = time.monotonic()
        undo = choosing.prepare_undo(act=act, by=ada, at=timezone.now())
        yield _carried_out(undo, f"undo {kind}", Argument(), time.monotonic() - begun)


def _carried_out(act: Any, name: str, argument: Any, chosen: float) -> Figures:
    from django.utils import timezone

    from console.presenters.bulk_acts.act_effects import bulk_effects
    from directory.actions.bulk import carrying_out, confirmation
    from directory.actions.bulk.bulk_terms import terms_of
    from directory.actions.bulk.confirmation import BulkConfirmation
    from directory.models import BulkState
    from orgs.models import User
    from orgs.rules.actors import person

    ada = User.objects.get(username="ada")
    begun = time.monotonic()
    users = User.objects.filter(pk__in=act.chosen.order_by().values("user"))
    bulk_effects(users, confirmation.with_argument(terms_of(act), argument), at=timezone.now())
    preview = time.monotonic() - begun
    confirmed = BulkConfirmation(typed=act.total, password_entered=True)
    confirmation.confirm(act=act, argument=argument, confirmed=confirmed, by=person(ada), at=timezone.now())
    firsts: list[float] = []
    begun, cpu = time.monotonic(), time.process_time()

    def note_first() -> None:
        if not firsts:
            firsts.append(time.monotonic() - begun)

    carrying_out.carry_out(act.pk, clock=timezone.now, stay=note_first)
    whole, cpu = time.monotonic() - begun, time.process_time() - cpu
    act.refresh_from_db()
    if act.state != BulkState.DONE or act.done != act.total:
        sys.exit(f"{name}: {act.state}, {act.done} of {act.total} done")
    return Figures(name, act.total, chosen, preview, firsts[0], whole, cpu)


if __name__ == "__main__":
    main()
