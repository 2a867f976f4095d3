"""The state of Rollcall: what each part is told to be, on the page, on the command line and to load balancers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import redis
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from console.process import heartbeats as pulses
from console.process.env import encryption_keys
from directory.models import Heartbeat, Mail, MailKind, Run, RunState, SyncSettings
from directory.models.heartbeats import Part
from directory.scheduling import heartbeats, supervised_processes, timetable
from directory.scheduling.timetable import Timetable
from directory.scripts.sandbox.protections import Layer, LayerState, SandboxState
from directory.scripts.sandbox.sandbox import state as sandbox_state
from directory.status import (
    Line,
    LineState,
    broker,
    database,
    keys_https_and_data_folder,
    processes,
    sandbox,
    sections,
    sync_readiness,
)
from tests.backups import signed_in_device
from tests.makers import (
    BIND_PASSWORD,
    NOW,
    PASSWORD,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db


def look(part: str, *, at: datetime = NOW) -> list[Line]:
    """Return what is told about one part."""
    return next(list(section.lines) for section in sections(at=at) if section.key == part)


def states(lines: list[Line]) -> set[str]:
    return {f"{line.state}: {line.title}" for line in lines}


def everyone_lives(at: datetime = NOW) -> None:
    """Note a worker of all queues and a clock."""
    heartbeats.note(part=Part.WORKER, host="one", pid=11, queues=["sync", "mail", "archives"], at=at)
    heartbeats.note(part=Part.CLOCK, host="one", pid=12, at=at)


class TestDatabase:
    def test_says_what_it_is_and_that_it_fits_the_code(self) -> None:
        lines = look("database")

        assert {line.state for line in lines if line.title != "Disk"} == {LineState.OK}
        assert ("SQLite" if connection.vendor == "sqlite" else "PostgreSQL") in lines[0].fact

    def test_misses_a_migration(self) -> None:
        MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")

        line = look("database")[1]

        assert (line.state, line.fact) == (LineState.PROBLEM, "Not applied: sessions 0001_initial.")
        assert "migrate" in line.advice

    def test_notices_that_it_is_newer_than_the_code(self) -> None:
        MigrationRecorder(connection).record_applied("orgs", "0999_from_the_future")

        line = look("database")[1]

        assert (line.state, "0999_from_the_future" in line.fact) == (LineState.WARNING, True)

    def test_warns_of_more_users_than_sqlite_is_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("directory.status.database.SQLITE_USERS", 0)
        make_user("wendy")

        expected = {line.title: line.state for line in look("database")}

        assert expected.get("Size") == (LineState.WARNING if connection.vendor == "sqlite" else None)

    def test_warns_of_a_full_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("directory.status.database.LITTLE_SPACE", 10**18)

        assert "warning: Disk" in states(look("database"))


@pytest.fixture
def own_redis(redis_url: str, settings: Settings) -> Iterator[redis.Redis]:
    """A real Redis that Rollcall is set to, put back as it was afterwards."""
    settings.REDIS_URL = redis_url
    with redis.Redis.from_url(redis_url) as client:
        yield client
        for name, value in (("maxmemory", "0"), ("maxmemory-policy", "noeviction"), ("appendonly", "yes")):
            client.config_set(name, value)


class TestRedis:
    def test_says_what_it_is_and_never_its_password(self, own_redis: redis.Redis, redis_url: str) -> None:
        password = redis_url.split(":")[2].partition("@")[0]

        lines = look("redis")

        assert [line.state for line in lines] == [LineState.OK] * 3
        assert str(own_redis.info()["redis_version"]) in lines[0].fact
        assert password not in str(lines)

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("appendonly", "no", "warning: Persistence"),
            ("maxmemory-policy", "allkeys-lru", "warning: Memory"),
            ("maxmemory", "1", "problem: Memory"),
        ],
    )
    def test_warns_of_settings_that_lose_tasks(
        self, own_redis: redis.Redis, name: str, value: str, expected: str
    ) -> None:
        own_redis.config_set(name, value)

        lines = look("redis")

        assert expected in states(lines)
        assert all(line.advice for line in lines if line.state != LineState.OK)

    def test_counts_what_waits_in_each_queue(self, own_redis: redis.Redis) -> None:
        everyone_lives()
        own_redis.rpush("mail", *["{}"] * (processes.MANY + 1))
        own_redis.rpush("sync", "{}")

        sync, mail, _archives, _clock = look("workers")

        assert (sync.state, "1 task waits." in sync.fact) == (LineState.OK, True)
        assert (mail.state, "51 tasks wait." in mail.fact) == (LineState.WARNING, True)

    def test_tells_of_one_that_is_stopped(self, settings: Settings) -> None:
        settings.REDIS_URL = "redis://:geheim@127.0.0.1:1/0"

        (line,) = look("redis")

        assert (line.state, "127.0.0.1:1" in line.fact, "geheim" in str(line)) == (LineState.PROBLEM, True, False)

    def test_does_not_wait_long_for_one_that_says_nothing(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            started = time.monotonic()

            (line,) = look("redis")

            assert line.state == LineState.PROBLEM
            assert time.monotonic() - started < 30

    @pytest.mark.parametrize("wrong", ["redis://:geheim@host:port/0", "http://geheim@host", "geheim"])
    def test_survives_an_address_that_is_none(self, wrong: str, settings: Settings) -> None:
        settings.REDIS_URL = wrong

        (line,) = look("redis")

        assert (line.state, "geheim" in line.fact) == (LineState.PROBLEM, False)

    def test_is_content_where_it_may_not_ask_for_more(self) -> None:
        (line,) = broker.look(broker.BrokerAnswer())

        assert line.state == LineState.OK

    def test_tells_that_its_disk_is_full(self) -> None:
        lines = broker.look(broker.BrokerAnswer(facts={"aof_enabled": 1, "aof_last_write_status": "err"}))

        assert "problem: Persistence" in states(lines)


class TestWorkersAndClock:
    def test_are_a_problem_where_none_was_ever_heard_of(self) -> None:
        assert states(look("workers")) == {"problem: Queue sync", "problem: Queue mail", "problem: Clock (beat)"}

    def test_are_well_while_they_say_so(self) -> None:
        everyone_lives()

        lines = look("workers", at=NOW + timedelta(seconds=25))

        assert {line.state for line in lines} == {LineState.OK}
        assert all("one:1" in line.fact and line.at == NOW for line in lines)

    def test_are_named_when_they_fall_silent(self) -> None:
        everyone_lives()

        lines = look("workers", at=NOW + timedelta(minutes=5))

        assert {line.state for line in lines} == {LineState.PROBLEM}
        assert all("one:1" in line.fact and line.at == NOW for line in lines)

    def test_count_for_their_own_queues_only(self) -> None:
        everyone_lives()
        Heartbeat.objects.filter(part=Part.WORKER).update(queues=["mail"])

        assert states(look("workers")) == {"problem: Queue sync", "ok: Queue mail", "ok: Clock (beat)"}

    def test_need_no_second_clock(self) -> None:
        everyone_lives()
        heartbeats.note(part=Part.CLOCK, host="two", pid=12, at=NOW)

        assert "warning: Clock (beat)" in states(look("workers"))

    def test_share_no_sqlite_file_between_hosts(self) -> None:
        everyone_lives()
        heartbeats.note(part=Part.WORKER, host="two", pid=11, queues=["sync"], at=NOW)

        assert ("problem: Hosts" in states(look("workers"))) is (connection.vendor == "sqlite")


class TestTheStore:
    def test_is_not_missed_while_no_archive_is_stored(self) -> None:
        everyone_lives()

        assert not any("Store" in state for state in states(look("workers")))

    def test_is_well_while_it_says_so_and_a_problem_when_it_falls_silent(self) -> None:
        signed_in_device(make_user("sean"))
        assert "problem: Store (backups)" in states(look("workers"))

        heartbeats.note(part=Part.STORE, host="one", pid=13, at=NOW)

        assert "ok: Store (backups)" in states(look("workers"))
        assert "problem: Store (backups)" in states(look("workers", at=NOW + timedelta(minutes=1)))


class TestAHeartbeat:
    def test_is_one_row_a_process(self) -> None:
        everyone_lives()
        everyone_lives(NOW + timedelta(seconds=30))

        assert set(Heartbeat.objects.values_list("part", "last_beat_at")) == {
            (Part.WORKER, NOW + timedelta(seconds=30)),
            (Part.CLOCK, NOW + timedelta(seconds=30)),
        }

    def test_is_one_statement(self) -> None:
        everyone_lives()

        with CaptureQueriesContext(connection) as queries:
            heartbeats.note(part=Part.CLOCK, host="one", pid=12, at=NOW)

        assert len(queries) == 1

    def test_of_long_ago_is_forgotten(self) -> None:
        everyone_lives(NOW - timedelta(days=8))

        heartbeats.note(part=Part.CLOCK, host="two", pid=1, at=NOW)

        assert [str(beat) for beat in Heartbeat.objects.all()] == ["two:1"]

    def test_is_written_every_ten_seconds_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pulse = pulses.Pulse()
        times = iter([0.0, 0.0, 8.0, 10.0, 10.0])
        monkeypatch.setattr("console.process.heartbeats.time.monotonic", lambda: next(times))

        assert [pulse.due(), pulse.due(), pulse.due()] == [True, False, True]


class TestRuns:
    def test_name_their_worker_and_when_it_was_heard_of(self, settings: Settings) -> None:
        run = make_run(state=RunState.APPLYING, owner="one:11", phase="applying", done=500, total=2000)
        lease = timedelta(seconds=settings.RUN_LEASE_SECONDS)
        Run.objects.update(lease_until=NOW - timedelta(seconds=4) + lease, attempts=1)

        (line,) = look("runs")

        assert (line.state, line.at, line.about) == (LineState.OK, NOW - timedelta(seconds=4), ("run", run.pk))
        assert "500 of 2000; worked on by one:11" in line.fact

    def test_whose_worker_is_silent_are_told(self) -> None:
        make_run(state=RunState.READING, owner="one:11", lease_until=NOW - timedelta(seconds=1))

        (line,) = look("runs")

        assert (line.state, "one:11" in line.fact) == (LineState.WARNING, True)

    def test_that_were_taken_over_are_told(self) -> None:
        make_run(state=RunState.READING, owner="two:9", lease_until=NOW + timedelta(seconds=9), attempts=2)

        (line,) = look("runs")

        assert (line.state, "Attempt 2 of 5" in line.fact) == (LineState.WARNING, True)

    @pytest.mark.parametrize(("minutes", "state"), [(1, LineState.OK), (10, LineState.WARNING)])
    def test_wait_for_a_worker_not_for_long(self, minutes: int, state: LineState) -> None:
        make_run(state=RunState.QUEUED)

        (line,) = look("runs", at=NOW + timedelta(minutes=minutes))

        assert line.state == state


class TestServers:
    def test_tell_their_last_reading(self) -> None:
        server = make_server()
        run = make_run(server)

        lines = look("servers")

        assert {line.state for line in lines} == {LineState.OK}
        assert (lines[0].fact, lines[0].about) == ("The last reading was complete: 200 entries.", ("run", run.pk))

    def test_tell_what_the_last_reading_failed_at(self) -> None:
        run = make_run(make_server(), state=RunState.FAILED)
        run.readings.update(complete=False, error="can't contact LDAP server")

        line = look("servers")[0]

        assert (line.state, "can't contact LDAP server" in line.fact) == (LineState.PROBLEM, True)

    def test_are_unsafe_without_certificate_checks(self) -> None:
        make_server(verify_certificates=False)

        assert LineState.WARNING in {line.state for line in look("servers")}

    def test_miss_the_key_of_their_password(self, settings: Settings) -> None:
        make_server()
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

        lines = look("servers")

        assert LineState.PROBLEM in {line.state for line in lines}
        assert BIND_PASSWORD not in str(lines)

    def test_need_nothing_while_they_are_disabled(self) -> None:
        make_server(enabled=False, verify_certificates=False)

        (line,) = look("servers")

        assert (line.state, line.fact) == (LineState.OK, "It is disabled.")

    @pytest.mark.parametrize(("hours", "state"), [(12, LineState.OK), (14, LineState.WARNING)])
    def test_are_late_an_hour_after_they_were_due(self, hours: int, state: LineState) -> None:
        server = make_server()
        server.org_links.create(org=make_user("wendy").org)
        server.orgs.update(directory_service="ldap")
        SyncSettings.objects.update_or_create(pk=1, defaults={"interval_hours": 12, "interval_since": NOW})
        make_run(server, state=RunState.APPLIED, simulated=False)

        line = look("servers", at=NOW + timedelta(hours=hours))[-1]

        assert (line.state, line.at) == (state, NOW + timedelta(seconds=4))

    @pytest.mark.parametrize("state", [RunState.HELD_BACK, RunState.FAILED, RunState.CANCELLED])
    def test_do_not_count_what_did_not_succeed(self, state: RunState) -> None:
        server = make_server()
        server.org_links.create(org=make_user("wendy").org)
        server.orgs.update(directory_service="ldap")
        SyncSettings.objects.update_or_create(pk=1, defaults={"interval_since": NOW - timedelta(days=2)})
        make_run(server, state=state, simulated=False)

        line = look("servers")[-1]

        assert (line.state, "No sync of it has succeeded yet" in line.fact) == (LineState.WARNING, True)

    def test_never_synchronized_by_itself_are_never_late(self) -> None:
        never = Timetable(server_id=1, interval_hours=0, last_run=None)

        assert not timetable.late(never, last_success=None, since=NOW, now=NOW + timedelta(days=999))


class TestMail:
    @pytest.fixture
    def mail(self, settings: Settings) -> Mail:
        """A mail that was written just now."""
        settings.EMAIL_HOST = "mail.example.com"
        make_sysadmin()
        known = {"kind": MailKind.SUMMARY, "recipient": "ada@example.com", "subject": "done", "body": ""}
        return Mail.objects.create(run=make_run(), created_at=NOW, **known)

    def test_warns_where_there_is_no_server_and_nobody_to_tell(self, settings: Settings) -> None:
        settings.EMAIL_HOST = ""

        assert states(look("mail")) == {"warning: Mail server", "ok: Waiting", "warning: Recipients"}

    def test_that_waits_for_the_first_time_is_well(self, mail: Mail) -> None:
        assert states(look("mail")) == {"ok: Mail server", "ok: Waiting"}
        assert look("mail")[1].fact == "1 mail waits."

    def test_that_was_sent_says_when(self, mail: Mail) -> None:
        Mail.objects.update(sent_at=NOW)

        assert [line.at for line in look("mail")] == [NOW, None]

    def test_that_was_refused_says_why(self, mail: Mail) -> None:
        Mail.objects.update(tried_at=NOW, error="554 no thanks")

        line = look("mail")[1]

        assert (line.state, "554 no thanks" in line.fact, line.at) == (LineState.WARNING, True, NOW)

    def test_that_was_given_up_is_a_problem_for_a_week(self, mail: Mail) -> None:
        Mail.objects.update(tried_at=NOW, error="554 no thanks")

        soon, much_later = (look("mail", at=NOW + timedelta(days=days))[1] for days in (3, 8))

        assert (soon.state, much_later.state) == (LineState.PROBLEM, LineState.OK)


class TestSafety:
    def test_names_the_keys_and_shows_none(self, settings: Settings) -> None:
        key = Fernet.generate_key().decode()
        settings.ENCRYPTION_KEYS = [key, key]
        own = keys_https_and_data_folder.look()
        settings.ENCRYPTION_KEYS, settings.SECRET_KEY = [], "one-from-the-environment"
        derived = keys_https_and_data_folder.look()

        expected = [line.fact for lines in (own, derived) for line in lines if line.title == "Encryption keys"]
        assert expected[0].startswith("2 keys of your own")
        assert expected[1] == "Made from your SECRET_KEY."
        assert key not in str(own)

    @pytest.mark.parametrize(
        ("https", "seconds", "state"),
        [(False, 0, LineState.WARNING), (True, 0, LineState.WARNING), (True, 31536000, LineState.OK)],
    )
    def test_wants_https_and_browsers_that_insist(
        self, https: bool, seconds: int, state: LineState, settings: Settings
    ) -> None:
        settings.HTTPS, settings.SECURE_HSTS_SECONDS = https, seconds

        assert f"{state}: HTTPS" in states(keys_https_and_data_folder.look())

    def test_has_no_place_for_debug(self, settings: Settings) -> None:
        settings.DEBUG = True

        assert "problem: DEBUG" in states(keys_https_and_data_folder.dangers())

    def test_takes_no_key_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENCRYPTION_KEYS", f"{Fernet.generate_key().decode()},hunter2")

        with pytest.raises(ImproperlyConfigured, match="key 2") as refused:
            encryption_keys("ENCRYPTION_KEYS")

        assert "hunter2" not in str(refused.value)


class TestSandbox:
    @pytest.fixture(autouse=True)
    def afresh(self) -> Iterator[None]:
        """Ask anew, and leave nothing made up behind."""
        sandbox._sandbox.cache_clear()
        yield
        sandbox._sandbox.cache_clear()

    def test_tells_of_every_layer_of_a_real_child(self) -> None:
        lines = look("sandbox")

        assert len(lines) == len(sandbox_state().layers) > 3
        assert {line.state for line in lines} == {LineState.OK}

    def test_misses_a_layer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lacking = SandboxState((Layer("Landlock", LayerState.MISSING, "no kernel support"),), "refuses to start")
        monkeypatch.setattr(sandbox, "state", lambda _: lacking)

        assert states(look("sandbox")) == {"problem: Sandbox", "warning: Landlock"}

    def test_that_may_be_weak_is_warned_of_on_the_page_and_the_dashboard(self, settings: Settings) -> None:
        settings.ALLOW_WEAK_SANDBOX = True
        everyone_lives(timezone.now())
        client = signed_in(make_server_administrator())

        texts = [client.get(reverse(page)).content.decode() for page in ("status", "dashboard")]

        assert all('class="note note-warning"' in text and "ALLOW_WEAK_SANDBOX" in text for text in texts)


class TestThePage:
    def test_shows_every_state_with_what_to_do(self) -> None:
        text = signed_in(make_server_administrator()).get(reverse("status")).content.decode()

        assert all(word in text for word in ("OK", "Warning", "Problem", "Start it, and check REDIS_URL."))

    def test_takes_the_same_queries_however_much_there_is(self) -> None:
        client = signed_in(make_server_administrator())
        self._fill("first")
        client.get(reverse("status"))
        with CaptureQueriesContext(connection) as few:
            client.get(reverse("status"))
        for number in range(10):
            self._fill(f"more {number}")
        with CaptureQueriesContext(connection) as many:
            client.get(reverse("status"))

        assert len(many) == len(few) < 40

    def _fill(self, name: str) -> None:
        make_run(make_server(name, verify_certificates=False), state=RunState.APPLYING, owner="one:1")
        everyone_lives(timezone.now())

    def test_tells_no_secret(self, own_redis: redis.Redis, redis_url: str, settings: Settings) -> None:
        make_server()

        text = signed_in(make_server_administrator()).get(reverse("status")).content.decode()

        password = redis_url.split(":")[2].partition("@")[0]
        assert not [secret for secret in (password, settings.SECRET_KEY, BIND_PASSWORD) if secret in text]

    def test_answers_htmx_with_its_fragment(self) -> None:
        client = signed_in(make_server_administrator())

        answer = client.get(reverse("status"), headers={"HX-Request": "true", "HX-Target": "status"})

        assert answer.content.decode().strip().startswith('<div id="status"')


class TestEveryPage:
    def test_marks_problems_in_the_menu_for_those_who_can_mend_them(self) -> None:
        make_user("olga", roles=["Org Admin"], password=PASSWORD)
        sam = signed_in(make_server_administrator())

        before = sam.get(reverse("users:list")).content.decode()
        everyone_lives(timezone.now())
        after = sam.get(reverse("users:list")).content.decode()

        assert ("Problem" in before, "Problem" in after) == (True, False)

    def test_of_the_others_says_nothing_of_them(self) -> None:
        olga = make_user("olga", roles=["Org Admin"], password=PASSWORD)

        text = signed_in(olga).get(reverse("dashboard")).content.decode()

        assert "No worker" not in text

    def test_asks_for_problems_once(self) -> None:
        client = signed_in(make_server_administrator())

        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("dashboard"))

        assert sum(Heartbeat._meta.db_table in query["sql"] for query in queries) == 1

    def test_that_is_the_first_tells_them_above_all(self) -> None:
        text = signed_in(make_server_administrator()).get(reverse("dashboard")).content.decode()

        assert "No worker is there." in text
        assert "See Status for what to do." in text


class TestTheCommand:
    def _run(self, *arguments: str) -> tuple[int | str | None, str]:
        printed = StringIO()
        try:
            call_command("status", *arguments, stdout=printed)
        except SystemExit as ended:
            return ended.code, printed.getvalue()
        return 0, printed.getvalue()

    def test_ends_with_1_where_there_is_a_problem(self) -> None:
        code, printed = self._run()

        assert code == 1
        assert "problem  Queue sync: No worker is there." in printed

    def test_ends_with_0_where_there_is_none(self, own_redis: redis.Redis) -> None:
        everyone_lives(timezone.now())

        code, printed = self._run("--json")

        expected = json.loads(printed)
        assert (code, expected["state"]) == (0, "warning")
        assert {"section", "title", "state", "fact", "advice", "at"} == set(expected["lines"][0])

    @pytest.mark.django_db(transaction=True)
    def test_tells_of_a_database_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        connection.close()
        wrong: dict[str, Any] = {"HOST": "127.0.0.1", "PORT": "1"}
        if connection.vendor == "sqlite":
            wrong = {"NAME": str(tmp_path / "missing" / "file")}
        with monkeypatch.context() as broken:
            for key, value in wrong.items():
                broken.setitem(connection.settings_dict, key, value)

            code, printed = self._run()
            health = Client().get("/healthz")
            connection.close()

        assert code == 1
        assert "The database does not answer" in printed
        assert (health.status_code, health.content) == (503, b"not ok")


class TestHealth:
    def test_is_told_to_anyone_by_any_name(self) -> None:
        answer = Client().get("/healthz", headers={"Host": "10.0.0.7"})

        assert (answer.status_code, answer.content) == (200, b"ok")
        assert answer["Cache-Control"] == "no-store"

    def test_is_told_without_https(self, settings: Settings) -> None:
        settings.SECURE_SSL_REDIRECT = True

        assert Client().get("/healthz").status_code == 200

    def test_is_only_read(self) -> None:
        assert Client().post("/healthz").status_code == 405

    def test_is_bad_before_the_first_migration(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MigrationRecorder, "has_table", lambda _: False)

        assert Client().get("/healthz").status_code == 503


class TestHealthOfASync:
    PARTS = ("database", "broker", "worker", "clock", "store", "sandbox", "disk")

    @pytest.fixture(autouse=True)
    def looked_at_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sync_readiness, "KEPT", -1.0)

    def health_of_sync(self) -> tuple[int, dict[str, str]]:
        answer = Client().get("/healthz/sync", headers={"Host": "10.0.0.7"})
        assert answer["Cache-Control"] == "no-store"
        return answer.status_code, dict(line.split(" ") for line in answer.content.decode().splitlines())

    def test_is_ok_when_every_part_is_there(self, redis_url: str, settings: Settings) -> None:
        settings.REDIS_URL = redis_url
        now = timezone.now()
        heartbeats.note(part=Part.WORKER, host="a", pid=1, at=now, queues=["sync"])
        heartbeats.note(part=Part.CLOCK, host="a", pid=2, at=now)

        assert self.health_of_sync() == (200, dict.fromkeys(self.PARTS, "ok"))

    def test_names_each_part_that_is_not(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.REDIS_URL = "redis://:hunter2@127.0.0.1:1/0"
        monkeypatch.setattr(sync_readiness, "LEAST_SPACE", 1 << 62)
        # A worker that died 40 seconds ago, and one that only sends mail.
        gone = timezone.now() - timedelta(seconds=40)
        heartbeats.note(part=Part.WORKER, host="a", pid=1, at=gone, queues=["sync"])
        heartbeats.note(part=Part.WORKER, host="a", pid=2, at=timezone.now(), queues=["mail"])

        assert self.health_of_sync() == (
            503,
            {
                "database": "ok",
                "broker": "silent",
                "worker": "silent",
                "clock": "silent",
                "store": "ok",
                "sandbox": "ok",
                "disk": "full",
            },
        )

    def test_needs_a_store_where_archives_are_stored(self) -> None:
        signed_in_device(make_user("sean"))
        assert self.health_of_sync()[1]["store"] == "silent"

        heartbeats.note(part=Part.STORE, host="a", pid=3, at=timezone.now())

        assert self.health_of_sync()[1]["store"] == "ok"

    def test_knows_nothing_of_workers_without_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "answers", lambda: False)
        monkeypatch.setattr(Heartbeat, "objects", mock.Mock(filter=mock.Mock(side_effect=OperationalError)))

        status, parts = self.health_of_sync()

        assert (status, parts["database"], parts["worker"], parts["clock"]) == (503, "silent", "unknown", "unknown")

    def test_looks_only_now_and_then_however_often_it_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sync_readiness, "KEPT", 60.0)
        monkeypatch.setattr(sync_readiness, "_kept", (float("-inf"), {}))
        with mock.patch.object(sync_readiness, "look", return_value={"database": "ok"}) as look:
            for _ in range(20):
                assert self.health_of_sync() == (200, {"database": "ok"})

        assert look.call_count == 1


class TestTheSupervisorsReport:
    @pytest.fixture
    def folder(self, settings: Settings, tmp_path: Path) -> Path:
        settings.VAR = tmp_path
        return tmp_path

    def test_says_which_process_ended_how_often_and_since_when(self, folder: Path) -> None:
        ended = tuple(NOW - timedelta(minutes=minutes) for minutes in (200, 3, 1))
        up = supervised_processes.Supervised("mail", 17, "1", ended, -9)
        down = supervised_processes.Supervised("clock", 0, "", ended[2:], 1, NOW + timedelta(seconds=8))
        supervised_processes.write(
            folder, supervised_processes.Report(NOW, (up, down, supervised_processes.Supervised("web", 4)))
        )

        lines = {line.title: line for line in processes.look(at=NOW)}

        assert lines["Process mail"].state == LineState.WARNING
        assert "It ended 2 times in the last hour, the last time with exit status -9." in lines["Process mail"].fact
        assert lines["Process mail"].at == ended[-1]
        assert lines["Process clock"].state == LineState.PROBLEM
        assert "It is down; the next start is at" in lines["Process clock"].fact
        assert lines["Process clock"].at == NOW + timedelta(seconds=8)
        assert "Process web" not in lines

    def test_says_that_the_supervisor_is_silent(self, folder: Path) -> None:
        supervised_processes.write(folder, supervised_processes.Report(NOW - timedelta(minutes=10)))

        assert any(line.title == "Supervisor" and line.state == LineState.WARNING for line in processes.look(at=NOW))

    def test_that_can_not_be_read_is_none(self, folder: Path) -> None:
        (folder / supervised_processes.FILE).write_text('{"at": 1, "processes": [{}]}')

        assert supervised_processes.read(folder) is None
        assert processes.look(at=NOW)
