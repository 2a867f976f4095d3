"""Memory, disks, mail servers and script processes that fail under a run: nothing half done, told, made up for."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from directory.models import LIVE_STATES, Mail, Run, RunState
from directory.sync.finish import run_mails
from orgs.models import AuditEntry, User
from tests.catalogue import noted
from tests.faults.process_world import Scene
from tests.faults.processes import children_of, script_children_of, wait_for

pytestmark = [pytest.mark.django_db(transaction=True)]
AS_TWIN = "rows, audit, history lines and mail as if nothing had happened"


@pytest.mark.whole
def test_a_worker_without_memory_ends_its_attempt_and_another_one_goes_on(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "no memory left in the worker in mid-apply",
        how="RLIMIT_AS set to what the worker has, and all of it taken, at the start of the second batch",
        expected=f"the attempt ends, the batch is rolled back, another worker goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.fuse.light("batch", "fill the memory", when="before", nth=2)
        scene.ring()
        scene.fuse.wait()
        worker = scene.workers.processes[0]
        wait_for(lambda: Run.objects.abandoned().exists(), "the attempt ends")
        worker.kill()
        run.refresh_from_db()
        assert run.state == RunState.APPLYING
        scene.end(run)

        scene.same_as_twin(row, run, "the attempt ended for want of memory, the next worker went on")


def _gave_up(run: Run) -> bool:
    run.refresh_from_db()
    return not run.owner or run.state not in LIVE_STATES


@pytest.mark.whole
def test_a_full_disk_below_the_database_ends_the_attempt(scene: Scene) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a PostgreSQL server without space is another test")
    scene.twin()

    with noted(
        "faults",
        "no space left for the database files of one worker",
        how="RLIMIT_FSIZE of 4 KB for the worker from the second batch on; a second worker stands by",
        expected=f"the batch is rolled back, the worker can't even note it; the other one goes on; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.fuse.light("batch", "fill the disk", when="before", nth=2)
        scene.ring()
        scene.fuse.wait()
        worker = scene.workers.working_on(run)
        scene.end(run)
        worker.kill()

        scene.same_as_twin(row, run, f"taken {run.fence} times, ended by the other worker")


@pytest.mark.whole
def test_a_full_disk_below_the_log_does_not_stop_a_run(scene: Scene) -> None:
    twin = scene.twin()

    with noted(
        "faults",
        "no space left for the log file",
        how="LOG_FILE=/dev/full for the worker",
        expected="the run goes to its end; the lines still are in the worker's own output",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        worker = scene.workers.start(LOG_FILE="/dev/full")
        worker.wait_for_words(" ready.")
        scene.ring()
        wait_for(lambda: _gave_up(run) and run.state not in LIVE_STATES, "the run ends")
        scene.deliver(run)
        worker.wait_for_words("summary email sent to")
        lines = sum("HISTORY::" in line for line in worker.log.splitlines() if line.startswith("["))
        worker.kill()

        assert run.state == RunState.APPLIED
        assert lines == sum(twin.history.values())
        row.saw(f"{run.state}; {lines} history lines in the worker's output", wrongly_changed=0)


@contextmanager
def killing_scripts_of(scene: Scene, run: Run, *, times: int) -> Iterator[list[int]]:
    """Kill the script children of whoever works on the run, so many times."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(killed) < times and not over.is_set():
            for worker in scene.workers.processes:
                for child in children_of(worker.pid):
                    for script in script_children_of(child):
                        if script not in killed and len(killed) < times:
                            with suppress(ProcessLookupError):
                                os.kill(script, signal.SIGKILL)
                            killed.append(script)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.whole)])
def test_a_script_process_killed_from_outside_is_nobodys_fault(scene: Scene, times: int) -> None:
    scene.twin()

    with noted(
        "faults",
        f"the process that runs the scripts killed from outside, {'once' if times == 1 else 'twice in a row'}",
        how="SIGKILL to the worker's script child while it works",
        expected=f"another one is started and asked again, no user is blamed; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        with killing_scripts_of(scene, run, times=times) as killed:
            scene.end(run)
        assert len(killed) == times

        scene.same_as_twin(row, run, f"{len(killed)} killed, {run.counts['scriptErrors']} script errors")


@pytest.mark.whole
def test_script_processes_killed_again_and_again_fail_the_run_before_anything_is_applied(scene: Scene) -> None:
    with noted(
        "faults",
        "every process that runs the scripts killed at once, again and again",
        how="SIGKILL to each script child as soon as it is there, as something that runs wild on the machine would",
        expected="the run fails and says so, nobody is changed",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        before = AuditEntry.objects.count(), User.objects.filter(active=True).count()
        scene.workers.ready(1)
        with killing_scripts_of(scene, run, times=1_000_000):
            scene.end(run, RunState.FAILED)

        after = AuditEntry.objects.count(), User.objects.filter(active=True).count()
        assert after == before
        row.saw(run.error, wrongly_changed=0)


MAIL_TROUBLES = {
    "SMTP server down": ("nobody listens", 1),
    "SMTP server refuses mails": ("451 in answer to each mail", 1),
    "SMTP server hangs up after it took the mail, before the 250": ("the connection reset before the answer", 2),
    "SMTP server that does not answer (tarpit)": ("no answer to the greeting", 1),
}


@pytest.mark.whole
@pytest.mark.parametrize("trouble", MAIL_TROUBLES)
def test_a_mail_server_in_trouble(scene: Scene, trouble: str) -> None:
    scene.twin()
    how, mails = MAIL_TROUBLES[trouble]

    with noted(
        "faults",
        trouble,
        how=f"{how}, during the run; well again later",
        expected=f"the run ends as ever, the mail waits and is sent later, at most {mails} times; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        _spoil(scene, trouble)
        scene.end(run)
        wait_for(lambda: Mail.objects.filter(run=run).exclude(error="").exists(), "the mail is not taken")
        error = Mail.objects.get(run=run).error
        _mend(scene)
        run_mails.send_waiting(at=timezone.now() + timedelta(minutes=6))

        scene.same_as_twin(row, run, f"applied; the mail waited ({error})", mails=mails)


def _spoil(scene: Scene, trouble: str) -> None:
    box = scene.mailbox
    if "down" in trouble:
        box.stop()
    elif "refuses" in trouble:
        box.refuse = "451 try again later"
    elif "hangs up" in trouble:
        box.hangs_up = True
    else:
        box.slow = True


def _mend(scene: Scene) -> None:
    box = scene.mailbox
    box.refuse, box.hangs_up, box.slow = "", False, False
    if not box.runs:
        box.start()
