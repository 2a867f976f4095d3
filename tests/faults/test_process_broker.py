"""Redis, clocks and web servers that die, fill up or repeat themselves: every run starts, and starts once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.actions import run_start_and_cancel
from directory.models import LIVE_STATES, LdapServer, Run, RunState, SyncSettings, Trigger
from orgs.rules.actors import SYSTEM
from tests.catalogue import noted
from tests.faults import processes
from tests.faults.process_world import Scene
from tests.faults.processes import Process, wait_for
from tests.makers import make_sysadmin, signed_in
from tests.server_process import free_port

pytestmark = [pytest.mark.django_db(transaction=True)]
AS_TWIN = "rows, audit, history lines and mail as if nothing had happened"


@pytest.fixture
def clocks(scene: Scene, tmp_path: Path) -> Iterator[list[Process]]:
    """Clocks that ring every 2 seconds; a test starts as many as it likes, and they end with it."""
    started: list[Process] = []
    yield started
    for each in started:
        each.kill()


# What a clock of the tests says each time.
RANG = "rang directory.tasks.start_due"


def start_clock(clocks: list[Process], scene: Scene, folder: Path, seconds: int = 2) -> Process:
    clocks.append(processes.clock(folder, scene.workers.environment | {"TICK": str(seconds)}))
    return clocks[-1]


@pytest.mark.whole
def test_a_run_whose_worker_is_gone_is_taken_over_within_a_minute(
    scene: Scene, clocks: list[Process], tmp_path: Path
) -> None:
    scene.twin()

    with noted(
        "faults",
        "kill -9 of the worker, with the lease and the clock of production",
        how="RUN_LEASE_SECONDS=30, a clock that rings every 10 seconds, a second worker that stands by",
        expected=f"taken over within a minute; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        for _ in range(2):
            scene.workers.start(RUN_LEASE_SECONDS="30")
        for worker in scene.workers.processes:
            worker.wait_for_words(" ready.")
        scene.reach(run, "batch", nth=1).kill()
        died = time.monotonic()
        start_clock(clocks, scene, tmp_path, 10)
        wait_for(lambda: Run.objects.filter(pk=run.pk, fence=2).exists(), "taken over")
        seconds = time.monotonic() - died
        scene.end(run)
        # A worker that is stopped between sending and noting it would have it sent once more.
        scene.deliver(run)
        scene.workers.stop()
        assert seconds < 60

        scene.same_as_twin(row, run, "taken over within a minute")


@pytest.mark.whole
def test_a_lost_message_is_made_up_for_by_the_next_worker_that_starts(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "the message is lost with Redis' data, and no clock runs",
        how="Redis emptied before a worker took the message; then a worker starts",
        expected=f"the worker looks around when it starts and takes the run up; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.stop()
        run_start_and_cancel.wake_worker(run.pk)
        scene.broker.do("FLUSHALL")
        scene.workers.start(LOOKS_AROUND="1")
        wait_for(lambda: not _live(run), "the run ends by itself")
        scene.end(run)

        scene.same_as_twin(row, run, "taken up by the worker that started")


@pytest.mark.whole
def test_a_clock_makes_up_for_a_lost_message(scene: Scene, clocks: list[Process], tmp_path: Path) -> None:
    scene.twin()

    with noted(
        "faults",
        "Redis killed with a run in its queue, started again empty",
        how="kill -9 of a Redis without persistence, workers and a clock that live on",
        expected=f"the clock rings again and the run is carried out; {AS_TWIN}",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready()
        for worker in scene.workers.processes:
            worker.send_all(signal.SIGSTOP)
        run_start_and_cancel.wake_worker(run.pk)
        scene.broker.kill()
        scene.broker.start()
        scene.workers.wake()
        start_clock(clocks, scene, tmp_path)
        wait_for(lambda: not _live(run), "the clock's bell")
        scene.end(run)

        scene.same_as_twin(row, run, "taken up after Redis was back")


@pytest.mark.whole
def test_redis_killed_in_mid_run_does_not_stop_the_run(scene: Scene) -> None:
    scene.twin()

    with noted(
        "faults",
        "Redis killed while a run is applied",
        how="kill -9 of Redis between two batches; started again after the run has ended",
        expected=f"the run goes on to its end without Redis; {AS_TWIN}; afterwards runs start again",
        where=connection.vendor,
    ) as row:
        run = scene.begin()
        scene.workers.ready(1)
        scene.reach(run, "waiting", nth=2)
        scene.broker.kill()
        scene.fuse.go_on()
        wait_for(lambda: not _live(run), "the run ends without Redis")
        scene.broker.start()
        following = _simulation()
        scene.end(following, RunState.PLANNED)
        following.delete()
        run.refresh_from_db()
        assert run.state == RunState.APPLIED
        row.saw("applied without Redis; the simulation after it was planned", wrongly_changed=0)


def _live(run: Run) -> bool:
    run.refresh_from_db()
    return run.state in LIVE_STATES


def _simulation() -> Run:
    return run_start_and_cancel.start(servers=(), simulated=True, trigger=Trigger.HAND, by=SYSTEM, at=timezone.now())


@pytest.fixture
def person(scene: Scene) -> Client:
    """A SYSADMIN before a console in which nothing runs."""
    run = scene.begin()
    run_start_and_cancel.cancel(run=run, by=SYSTEM, at=timezone.now())
    return signed_in(make_sysadmin())


@pytest.mark.parametrize(
    "trouble",
    ["is full", *(pytest.param(trouble, marks=pytest.mark.whole) for trouble in ("is down", "does not answer"))],
)
def test_a_person_can_start_a_run_although_redis_has_trouble(scene: Scene, person: Client, trouble: str) -> None:
    hows = {
        "is down": "kill -9 of Redis, started again later",
        "is full": "maxmemory set to 1 byte with noeviction, raised later",
        "does not answer": "SIGSTOP to Redis, SIGCONT later",
    }
    with noted(
        "faults",
        f"a person presses Synchronize while Redis {trouble}",
        how=hows[trouble],
        expected="the page answers and says what the run waits for; it starts by itself when Redis is well again",
        where=connection.vendor,
    ) as row:
        scene.workers.ready(1)
        match trouble:
            case "is down":
                scene.broker.kill()
            case "is full":
                scene.broker.do("CONFIG", "SET", "maxmemory", "1")
            case _:
                scene.broker.process.send(signal.SIGSTOP)
        answer = person.post(reverse("ldap_servers:synchronize"))
        page = person.get(answer["Location"])
        run = Run.objects.newest_first()[0]
        match trouble:
            case "is down":
                scene.broker.start()
            case "is full":
                scene.broker.do("CONFIG", "SET", "maxmemory", "0")
            case _:
                scene.broker.process.send(signal.SIGCONT)
        scene.end(run)

        assert (answer.status_code, page.status_code) == (302, 200)
        assert b"waits for a worker: the broker can&#x27;t be reached" in page.content
        row.saw(
            f"the page said: queued, waits for a worker: the broker can't be reached; later {run.state}",
            wrongly_changed=0,
        )


@pytest.mark.whole
def test_two_clocks_start_one_run_for_each_slot(scene: Scene, clocks: list[Process], tmp_path: Path) -> None:
    with noted(
        "faults",
        "two clocks (Celery beat started twice)",
        how="two beats that ring every 2 seconds, two workers, a server that is due every hour",
        expected="one run for the hour that is due, none beside it",
        where=connection.vendor,
    ) as row:
        _due(scene)
        scene.workers.ready()
        for _ in range(2):
            start_clock(clocks, scene, tmp_path)
        run = _started_by_schedule()
        scene.workers.refill()
        wait_for(lambda: not _live(run), "its end")
        for each in clocks:
            each.wait_for_words(RANG)
        for each in clocks:
            _rings_again(each)

        started = Run.objects.filter(trigger="schedule").count()
        assert started == 1
        row.saw(f"{started} run by schedule, {run.state}, although both clocks rang on", wrongly_changed=0)


def _rings_again(clock: Process) -> None:
    """Wait until a clock has rung twice more."""
    before = clock.log.count(RANG)
    wait_for(lambda: clock.log.count(RANG) > before + 1, "the clock rings on")


def _started_by_schedule() -> Run:
    wait_for(lambda: Run.objects.filter(trigger="schedule").exists(), "the run that is due")
    return Run.objects.get(trigger="schedule")


def _due(scene: Scene) -> None:
    """Let the server's hour be over, with nothing under way."""
    run_start_and_cancel.cancel(run=scene.begin(), by=SYSTEM, at=timezone.now())
    past = timezone.now() - timedelta(hours=2)
    LdapServer.objects.update(sync_interval_hours=1)
    SyncSettings.objects.update(interval_since=past)
    Run.objects.update(created_at=past)


@pytest.mark.whole
def test_a_killed_clock_is_made_up_for_when_it_is_back(scene: Scene, clocks: list[Process], tmp_path: Path) -> None:
    with noted(
        "faults",
        "the clock killed before a server's hour, started again after it",
        how="kill -9 of Celery beat; the hour passes without it; beat started again with the same files",
        expected="the run that is overdue starts with the first bell, once",
        where=connection.vendor,
    ) as row:
        run_start_and_cancel.cancel(run=scene.begin(), by=SYSTEM, at=timezone.now())
        scene.workers.ready(1)
        first = start_clock(clocks, scene, tmp_path)
        first.wait_for_words(RANG)
        first.kill()
        scene.broker.do("FLUSHALL")
        past = timezone.now() - timedelta(hours=30)
        SyncSettings.objects.update(interval_since=past)
        Run.objects.update(created_at=past)
        assert not Run.objects.filter(trigger="schedule").exists()

        start_clock(clocks, scene, tmp_path)
        run = _started_by_schedule()
        wait_for(lambda: not _live(run), "its end")

        assert Run.objects.filter(trigger="schedule").count() == 1
        row.saw(f"one run by schedule after the clock was back, {run.state}", wrongly_changed=0)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("words", "point", "when", "kept"),
    [
        ("in the transaction that stores the run", "note run", "after", False),
        ("after the run was stored, before a worker was told", "wake", "before", True),
    ],
)
def test_a_web_server_killed_in_mid_request(
    scene: Scene, person: Client, words: str, point: str, when: str, kept: bool, tmp_path: Path
) -> None:
    with noted(
        "faults",
        f"kill -9 of the web server {words}",
        how="a person presses Synchronize; gunicorn and its children are killed in mid-request",
        expected="the run is there whole and starts by itself" if kept else "no run, no trace of one, nothing held",
        where=connection.vendor,
    ) as row:
        scene.workers.ready(1)
        count, port = Run.objects.count(), free_port()
        scene.fuse.light(point, when=when)
        server = processes.web(tmp_path, scene.workers.environment, port)
        try:
            _press_synchronize(person, port)
            server.wait()
        finally:
            server.kill()
        assert scene.fuse.burnt

        assert Run.objects.count() == count + kept
        if kept:
            run = scene.end(Run.objects.newest_first()[0])
            seen = f"the run was stored and is {run.state}"
        else:
            assert not Run.objects.live().exists()
            seen = "no run was stored"
        row.saw(seen, wrongly_changed=0)


def _press_synchronize(person: Client, port: int) -> None:
    """Do over HTTP what the button does; the answer never comes."""
    token = "a" * 32
    cookies = {settings.SESSION_COOKIE_NAME: person.session.session_key, settings.CSRF_COOKIE_NAME: token}
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as browser:
        browser.request("POST", reverse("ldap_servers:synchronize"), f"csrfmiddlewaretoken={token}", headers)
        with pytest.raises(ConnectionError):
            browser.getresponse()
