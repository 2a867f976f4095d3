"""Administrators who act on users at the same time as a sync, from another process, through the same actions as pages.

Run as ``python -m tests.load.hands JOB RESULTS``: it goes on until the job's ``stop`` file is there and leaves what
every user was last made to be.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from orgs.models import Matter
    from orgs.rules.actors import Actor

THREADS = 2


@dataclass(slots=True)
class ExpectedState:
    """What hands last did to one user."""

    blocked: bool = False
    held: bool = False


@dataclass(slots=True)
class Hands:
    """One administrator with users of their own, whom they block and unblock, put on hold and release."""

    users: list[int]
    matter: Matter
    by: Actor
    pause: float
    chance: random.Random
    expected: dict[int, ExpectedState] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def work(self, stop: Path) -> None:
        """Act until told to stop."""
        from django.db import Error, connection

        self.expected = {pk: ExpectedState() for pk in self.users}
        try:
            while not stop.exists():
                started = time.monotonic()
                self.act(self.chance.choice(self.users))
                self.times.append(round((time.monotonic() - started) * 1000, 1))
                time.sleep(self.chance.uniform(0, self.pause))
        except Error as error:
            self.errors.append(repr(error))
        finally:
            connection.close()

    def act(self, pk: int) -> None:
        """Turn one thing about a user into its opposite."""
        from django.utils import timezone

        from orgs.actions import legal_holds
        from orgs.actions.users import blocking

        state, at = self.expected[pk], timezone.now()
        if self.chance.random() < 0.5:
            turn = blocking.unblock if state.blocked else blocking.block
            turn(user_ids=[pk], by=self.by, at=at)
            state.blocked = not state.blocked
        elif state.held:
            legal_holds.release(matter=self.matter, user_ids=[pk], by=self.by, at=at)
            state.held = False
        else:
            legal_holds.add_custodians(matter=self.matter, user_ids=[pk], by=self.by, at=at)
            state.held = True


def main(job: dict[str, Any], results: Path) -> None:
    """Work with a few threads, each on users of its own."""
    from django.utils import timezone

    from orgs.actions import legal_holds
    from orgs.models import User
    from orgs.rules.actors import person

    by = person(User.objects.get(pk=job["by"]))
    matter = legal_holds.open_matter(name=f"Inquiry {os.getpid()}", by=by, at=timezone.now())
    everyone = [
        Hands(job["users"][number::THREADS], matter, by, job["pause"], random.Random(job["seed"] + number))
        for number in range(THREADS)
    ]
    threads = [threading.Thread(target=hands.work, args=(Path(job["stop"]),)) for hands in everyone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = {
        "matter": matter.pk,
        "times": [each for hands in everyone for each in hands.times],
        "errors": [error for hands in everyone for error in hands.errors],
        "expected": {pk: asdict(state) for hands in everyone for pk, state in hands.expected.items()},
    }
    results.write_text(json.dumps(result))


if __name__ == "__main__":
    django.setup()
    main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
