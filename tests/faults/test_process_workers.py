"""Workers that stop, race, hang, run on or die of themselves, and clocks that are set: each run is done once."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from directory.actions import run_start_and_cancel
from directory.models import EvaluationBatch, Mail, Run, RunState
from directory.models.heartbeats import Part
from directory.scheduling import heartbeats
from directory.sync.lease import MAX_ATTEMPTS
from orgs.models import AuditEntry
from tests.catalogue import noted
from tests.faults.process_world import LEASE, Scene
from tests.faults.processes import script_children_of, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.in_turns]
AS_TWIN = "rows, audit, history lines and mail as if nothing had happened"


def test_a_worker_told_to_go_puts_the_run_down_after_its_step(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "TERM to the worker in mid-apply, as a new version is brought in",
        how="SIGTERM while the second batch is being written; a second worker stands by",
        expected=f"the batch is finished, the worker leaves, the next one goes on at once; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        worker = scene.reach(run, "waiting", nth=2)
        worker.send(signal.SIGTERM)
        worker.wait_for_words("Warm shutdown")
        scene.fuse.go_on()
        status = worker.wait()
        run.refresh_from_db()
        assert (run.state, run.lease_until, run.attempts) == (RunState.APPLYING, None, 0)
        done = run.changes.exclude(outcome="planned").count()
        scene.end(run)

        scene.same_as_twin(row, run, f"left after {done} of {run.changes.count()} changes with exit status {status}")


def test_a_worker_that_was_stopped_for_three_leases_is_fenced_out(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "a worker stopped for three leases between two batches, then let go on (a machine that was suspended)",
        how="SIGSTOP, another worker takes the run over and ends it, SIGCONT",
        expected=f"the first worker finds itself overtaken and writes nothing; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.fuse.light("waiting", "stop", nth=2)
        scene.ring()
        scene.fuse.wait()
        stopped = scene.workers.working_on(run)
        ends = time.monotonic() + 3 * LEASE
        scene.end(run)
        wait_for(lambda: time.monotonic() > ends, "three leases")
        stopped.send_all(signal.SIGCONT)
        stopped.wait_for_words("is worked on elsewhere")

        scene.same_as_twin(row, run, f"run {run.pk} is worked on elsewhere, says the first worker")


def test_a_message_that_comes_six_times_to_two_workers_is_carried_out_once(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "the same message delivered six times to two workers at once",
        how="six messages for one run in the queue before two workers are let go on",
        expected=f"one worker carries the run out, the other finds it taken; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        for worker in scene.workers.processes:
            worker.send_all(signal.SIGSTOP)
        for _ in range(6):
            run_start_and_cancel.wake_worker(run.pk)
        scene.workers.wake()
        scene.end(run)

        scene.same_as_twin(row, run, "carried out once")


@pytest.mark.whole
def test_a_step_that_takes_longer_than_the_lease_keeps_its_run(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "a step that takes longer than the lease",
        how="the worker is held before its scripts run while the clock rings on; a second worker stands by",
        expected=f"the lease is renewed by a thread of its own, nobody takes the run over; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        # Long enough for the thread that renews it to come to its turn on a busy machine.
        for _ in range(2):
            scene.workers.start(RUN_LEASE_SECONDS="8")
        scene.workers.ready()
        scene.reach(run, "scripts", when="before")
        ends = time.monotonic() + 10
        scene.until(lambda: time.monotonic() > ends, "more than the lease")
        scene.fuse.go_on()
        scene.end(run)
        assert run.fence == 1

        scene.same_as_twin(row, run, f"taken {run.fence} time")


@pytest.mark.parametrize("do", ["wait", "kill", "bug"])
def test_a_worker_that_helps_with_scripts_is_no_loss_when_it_is_lost(scene: Scene, do: str) -> None:
    scene.twin()
    what = {"wait": "takes longer than its claim lasts", "kill": "is killed", "bug": "dies of a bug"}[do]

    with noted(
        "faults",
        f"a worker that runs scripts for another one's run {what}",
        how="two workers, scripts that are worth help; the second one has claimed a page",
        expected=f"the run's own worker does the page, in the same attempt; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        for _ in range(2):
            scene.workers.start(HELPED="1", RUN_LEASE_SECONDS="15")
        scene.workers.ready()
        for worker in scene.workers.processes:
            heartbeats.note(part=Part.WORKER, host="vm", pid=worker.pid, at=timezone.now(), queues=["sync", "mail"])
        scene.fuse.light("help", do, when="before")
        scene.ring()
        scene.fuse.wait()
        own = scene.workers.working_on(run)
        helper = next(worker for worker in scene.workers.processes if worker is not own)
        if do == "kill":
            wait_for(lambda: not helper.runs, "the helper is gone")
        scene.end(run)
        if do == "wait":
            scene.fuse.go_on()

        assert (run.fence, EvaluationBatch.objects.count()) == (1, 0)
        scene.same_as_twin(row, run, f"taken {run.fence} time")


def test_a_worker_is_counted_from_when_it_is_ready_until_it_has_left(scene: Scene) -> None:
    def alive() -> int:
        return heartbeats.workers_alive(queue="sync", at=timezone.now())

    scene.begin()
    scene.workers.stop()
    scene.workers.ready(1)
    assert alive() == 1

    (worker,) = scene.workers.processes
    worker.send(signal.SIGTERM)
    worker.wait()

    assert alive() == 0


@pytest.mark.whole
def test_a_run_that_dies_of_itself_ends_with_the_reason_and_a_mail(scene: Scene) -> None:
    with noted(
        "faults",
        f"a bug that ends each of {MAX_ATTEMPTS} attempts",
        how="an exception that nobody expects, before the plan is stored, in every attempt",
        expected="the run fails with the reason, nothing is applied, its mail is sent, the server is free again",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        before = AuditEntry.objects.count()
        scene.workers.ready(1)
        for _ in range(MAX_ATTEMPTS):
            scene.fuse.light("record", "bug", when="before")
            scene.until(lambda: scene.fuse.burnt, "the next attempt")
        scene.end(run, RunState.FAILED)
        scene.deliver(run)

        assert "ZeroDivisionError: a bug" in run.error
        assert Mail.objects.get(run=run).kind == "failed"
        assert not run.readings.filter(live=True).exists()
        row.saw(run.error, wrongly_changed=AuditEntry.objects.count() - before)


@pytest.mark.whole
def test_a_run_that_gets_further_each_time_is_not_given_up(scene: Scene) -> None:
    scene.twin()
    deaths = MAX_ATTEMPTS + 1

    with noted(
        "faults",
        f"a run whose worker is killed {deaths} times, each time a batch further",
        how="kill -9 at the start of each batch",
        expected=f"attempts count anew with each batch, so that it is not given up; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        for _ in range(deaths):
            scene.fuse.light("waiting", "kill the child", nth=2)
            scene.until(lambda: scene.fuse.burnt, "the next death")
        scene.end(run)

        scene.same_as_twin(row, run, f"taken {run.fence} times")


@pytest.mark.whole
def test_a_clock_set_back_by_an_hour_does_not_hold_a_dead_workers_run(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "the clock set back by an hour, and the worker killed at the same time",
        how="the run's lease lies an hour and two seconds ahead, as it does after the clock was set back; kill -9",
        expected=f"nobody ever gets a lease that long, so the run is taken over at once; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        scene.reach(run, "waiting", nth=2).kill()
        Run.objects.filter(pk=run.pk).update(lease_until=F("lease_until") + timedelta(hours=1))
        scene.end(run)

        scene.same_as_twin(row, run, f"taken {run.fence} times")


@pytest.mark.whole
def test_a_clock_set_forward_by_a_day_does_no_harm_to_a_run(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "the clock set forward by a day in mid-apply",
        how="the run's lease has run out a day ago, as it has after the clock was set forward; two workers",
        expected=f"at worst the second worker takes the run over and the first is fenced out; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        worker = scene.reach(run, "waiting", nth=2)
        worker.send_all(signal.SIGSTOP)
        Run.objects.filter(pk=run.pk).update(lease_until=F("lease_until") - timedelta(days=1))
        # The first bell may be for the worker that can't hear it.
        scene.until(lambda: Run.objects.filter(pk=run.pk, fence=2).exists(), "the second worker takes the run")
        scene.fuse.go_on()
        worker.send_all(signal.SIGCONT)
        worker.wait_for_words("is worked on elsewhere")
        scene.end(run)

        scene.same_as_twin(row, run, f"taken {run.fence} times, the first worker fenced out")


@pytest.mark.whole
def test_a_killed_worker_leaves_no_process_behind(scene: Scene) -> None:
    with noted(
        "faults",
        "kill -9 of the worker's own process alone, while the scripts run",
        how="SIGKILL to the pool's child; who was its script child is looked up by id",
        expected="the script child ends with it; nothing is left over; the run goes on",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "scripts", when="after")
        run.refresh_from_db()
        pid = int(run.owner.rpartition(":")[2])
        scripts = wait_for(lambda: script_children_of(pid), "the script child")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(Path(f"/proc/{each}/fd").exists() for each in scripts), "no script child is left")
        scene.fuse.put_out()
        scene.end(run)

        row.saw(f"{len(scripts)} script child ended with its parent; the run is {run.state}", wrongly_changed=0)
