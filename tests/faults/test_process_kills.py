"""Workers killed outright, at random moments and at named points: the run ends as if nothing had happened."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from django.db import connection

from directory.models import Run
from tests.catalogue import noted
from tests.faults.process_world import Scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.in_turns, pytest.mark.database]
SEED = 20260105
KILLS = 5
AS_TWIN = "another worker goes on; rows, audit, history lines and mail as if nothing had happened"
# Where the worker is killed, how often it has come by then, and what that is in words.
POINTS = {
    "right after it took the run": ("claim", "after", 1),
    "after an earlier plan was dropped": ("forget", "after", 1),
    "before the first page was read": ("begin", "after", 1),
    "before the scripts ran": ("scripts", "before", 1),
    "after the scripts ran on the second page": ("scripts", "after", 2),
    "after the first page was stored": ("keep", "after", 1),
    "after entries that are gone were dropped": ("unseen", "after", 1),
    "while it decided for the 150th user": ("plan", "after", 150),
    "before the plan was stored": ("record", "before", 1),
    "in the transaction that stored the plan": ("record", "after", 1),
    "after the limits were checked": ("limits", "after", 1),
    "before the first change": ("waiting", "after", 1),
    "before the second batch, in its transaction": ("batch", "before", 2),
    "after people were moved, in the transaction": ("move", "after", 2),
    "after people were blocked, in the transaction": ("block", "after", 1),
    "while archives went to cold storage": ("archives", "after", 1),
    "after people were deactivated, in the transaction": ("deactivate", "after", 1),
    "at the end of a batch's transaction": ("batch", "after", 3),
    "after the last batch": ("matches", "before", 1),
    "while matches were noted": ("matches", "after", 1),
    "after the counts were settled": ("counts", "after", 1),
    "while it wrote the log": ("line", "after", 120),
    "in the transaction that ends the run": ("finish", "after", 1),
    "after its mail was written, in the transaction": ("write mail", "after", 1),
    "after the run had ended, before its mail was sent": ("send", "before", 1),
    "after the mail was taken for sending": ("claim mail", "after", 1),
}
FAST = {"at the end of a batch's transaction", "while it wrote the log", "while matches were noted"}


@pytest.mark.parametrize(
    "words", [pytest.param(words, marks=() if words in FAST else pytest.mark.whole) for words in POINTS]
)
def test_a_worker_killed_at_a_named_point(scene: Scene, words: str) -> None:
    scene.twin()
    point, when, nth = POINTS[words]

    with noted(
        "faults",
        f"kill -9 of the worker {words}",
        how=f"the worker kills itself and its children {when} call {nth} of {point}; a second worker stands by",
        expected=AS_TWIN,
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.fuse.light(point, when=when, nth=nth)
        scene.ring()
        scene.fuse.wait()
        at = _stage(run)
        scene.end(run)

        scene.same_as_twin(row, run, f"killed {at}")


def _stage(run: Run) -> str:
    run.refresh_from_db()
    far = f" {run.done}" if run.done and run.live else ""
    return f"{run.state}{f', {run.phase}' if run.phase else ''}{far}"


def test_a_worker_killed_in_the_smtp_dialogue(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "kill -9 of the worker after the SMTP server took the mail, before that was noted",
        how="the worker kills itself right after the server's 250",
        expected="the mail is sent again after 5 minutes under the same Message-ID; at most 2 in all",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.fuse.light("smtp")
        scene.ring()
        scene.fuse.wait()
        scene.end(run)

        scene.same_as_twin(row, run, f"killed after the 250; {len(scene.mailbox.messages)} mail by then", mails=2)


@pytest.mark.whole
def test_a_killed_pool_child_is_replaced_by_its_worker(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "kill -9 of the one process that works on the run; the rest of the worker lives",
        how="SIGKILL to the pool's child in mid-apply; Celery starts another child and gives the message back",
        expected=AS_TWIN,
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.fuse.light("batch", "kill the child", nth=2)
        scene.ring()
        scene.fuse.wait()
        scene.end(run)

        scene.same_as_twin(row, run, f"taken up again, {run.attempts} attempt since it got further")


@pytest.mark.whole
@pytest.mark.parametrize("quarter", range(4))
def test_a_worker_killed_at_random_moments(crowd: Scene, quarter: int) -> None:
    seconds = crowd.twin().seconds
    chance = random.Random(SEED + quarter)
    moments = sorted((quarter + chance.random()) / 4 for _ in range(KILLS))
    stages: Counter[str] = Counter()

    with noted(
        "faults",
        f"kill -9 of the worker at {KILLS} random moments of the {quarter + 1}. quarter of a run of 2,000 users",
        how=f"SIGKILL to the worker and its children after {', '.join(f'{each:.0%}' for each in moments)} of the time",
        expected=AS_TWIN,
        where=connection.vendor,
    ) as row:
        for moment in moments:
            run = crowd.begin()
            crowd.workers.ready()
            crowd.ring()
            worker = crowd.workers.working_on(run)
            time.sleep(moment * seconds)
            worker.kill()
            run.refresh_from_db()
            stages[run.phase or run.state] += 1
            # Once a run has ended, its mail may be on its way.
            mails = 1 if run.live else 2
            crowd.end(run)
            kills = ", ".join(f"{count} while {stage}" for stage, count in stages.items())
            crowd.same_as_twin(row, run, f"killed {kills}", mails=mails)
