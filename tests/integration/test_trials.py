"""“Test connection” and “Test search”: a few at once, none for long, and none that nobody waits for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from console.http.page_requests import browser_has_gone
from directory import trial_slots
from directory.actions import server_trials
from directory.ldap.errors import Stage
from directory.ldap.process import isolated_connection_trial
from directory.ldap.process.isolated_connection_trial import NobodyWaits, try_connection, try_search
from directory.models import Alert, AlertKind
from directory.servers.presets import BY_KEY
from directory.values.ldap import Connection
from orgs.actions.errors import Refused
from tests.attacks.forms import as_sent
from tests.directories import Directory, people
from tests.fake_ldap import FakeDirectory
from tests.makers import NOW, make_server, make_sysadmin, signed_in

HOURS = 3600


@pytest.fixture(scope="module")
def company() -> Iterator[Directory]:
    with Directory(ldif=people(3)) as directory:
        yield directory


def to(url: str, **values: Any) -> Connection:
    given: dict[str, Any] = {"search_base": "dc=example", "search_filter": "(cn=*)"} | values
    return Connection(name="Corp", urls=(url,), connect_timeout=HOURS, operation_timeout=HOURS, **given)


class TestATrial:
    def test_tells_what_the_connection_comes_to(self, company: Directory) -> None:
        to_company = to(company.url, search_base=company.base, search_filter="(uid=*)")

        steps = try_connection(to_company)
        entries = try_search(to_company, limit=2)

        assert [step.stage for step in steps] == [Stage.NAME, Stage.CONNECT, Stage.BIND, Stage.BASE, Stage.FILTER]
        assert all(step.ok for step in steps)
        assert len(entries) == 2

    def test_suggests_the_preset_that_goes_with_the_server(self, company: Directory) -> None:
        found = server_trials.suggested(try_connection(to(company.url, search_base=company.base)))

        assert found is BY_KEY["openldap"]

    def test_tells_the_servers_own_words(self, company: Directory) -> None:
        wrong = to(company.url, bind_dn=company.admin_dn, bind_password="wrong")

        assert "Invalid credentials" in try_connection(wrong)[-1].detail

    def test_of_a_silent_server_ends_soon_whatever_the_settings_say(self) -> None:
        with FakeDirectory(silent=True) as server:
            began = time.monotonic()
            steps = try_connection(to(server.url))

        assert time.monotonic() - began < isolated_connection_trial.SECONDS + 2
        assert [step.ok for step in steps] == [True, True, False]

    def test_of_servers_that_keep_it_waiting_ends_after_all_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(isolated_connection_trial, "SECONDS", 3)
        with FakeDirectory(silent=True) as server:
            began = time.monotonic()
            steps = try_connection(to(server.url))

        assert time.monotonic() - began < 6
        assert steps[-1].detail == "no answer to everything within 3 seconds: the test was ended"

    def test_ends_with_its_process_when_nobody_waits(self) -> None:
        # Those of readings before stay for the next ones.
        before = _children()
        with FakeDirectory(silent=True) as server:
            began = time.monotonic()
            with pytest.raises(NobodyWaits):
                try_connection(to(server.url), lambda: False)

        assert time.monotonic() - began < 3
        assert _children() <= before


def _children() -> set[str]:
    """Return the processes of this one that speak LDAP, by their numbers."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return {line.split()[0] for line in listed.stdout.splitlines() if "directory.ldap.process.child" in line}


class TestSlots:
    def test_are_one_for_each_owner_and_three_in_all(self) -> None:
        with ExitStack() as slots:
            slots.enter_context(trial_slots.taken("ada"))
            with pytest.raises(Refused, match="Another test of yours"):
                slots.enter_context(trial_slots.taken("ada"))
            slots.enter_context(trial_slots.taken("bob"))
            slots.enter_context(trial_slots.taken("carl"))
            with pytest.raises(Refused, match="Too many connection tests"):
                slots.enter_context(trial_slots.taken("dora"))

        with trial_slots.taken("dora"), trial_slots.taken("ada"):
            pass

    def test_are_those_of_all_processes_and_free_when_theirs_is_killed(self) -> None:
        program = (
            "import sys, pathlib\n"
            "from django.conf import settings\n"
            "settings.configure(VAR=pathlib.Path(sys.argv[1]))\n"
            "from directory import trial_slots\n"
            "with trial_slots.taken('ada'):\n"
            "    print('held', flush=True)\n"
            "    sys.stdin.read()\n"
        )
        held = subprocess.Popen(
            [sys.executable, "-c", program, str(settings.VAR)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert held.stdout is not None
            assert held.stdout.readline() == "held\n"
            with pytest.raises(Refused, match="Another test of yours"), trial_slots.taken("ada"):
                pass
        finally:
            held.kill()
            held.communicate()
        with trial_slots.taken("ada"):
            pass

    def test_keep_nothing_that_opens_a_session(self) -> None:
        with trial_slots.taken("secret-session-key"):
            kept = [path.read_text() for path in (settings.VAR / "connection-tests").iterdir()]

        assert any(kept)
        assert "secret-session-key" not in "".join(kept)


class TestABrowser:
    def test_that_closed_its_connection_has_gone(self) -> None:
        here, there = socket.socketpair()
        request = HttpRequest()
        request.META["gunicorn.socket"] = here

        waiting = browser_has_gone(request)
        there.send(b"the next request")
        browser = browser_has_gone(request)
        here.recv(100)
        there.close()

        assert (waiting, browser, browser_has_gone(request)) == (False, False, True)
        here.close()

    def test_is_there_where_the_web_server_does_not_tell(self) -> None:
        assert not browser_has_gone(HttpRequest())


@pytest.mark.django_db
class TestThePage:
    def test_says_that_another_test_is_under_way(self) -> None:
        server, client = make_server(), signed_in(make_sysadmin())
        given = as_sent(client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"])
        key = client.session.session_key
        assert key is not None

        with trial_slots.taken(key):
            for button in ("test-connection", "test-search"):
                text = client.post(reverse(f"ldap_servers:{button}", args=[server.pk]), given).content.decode()
                assert "Another test of yours is under way" in text

    def test_ends_the_alert_once_the_stored_settings_work(self, company: Directory) -> None:
        server = make_server(
            urls=[company.url],
            search_base=company.base,
            bind_dn=company.admin_dn,
            bind_password=company.admin_password,
            search_filter="(uid=*)",
        )
        alert = Alert.objects.create(kind=AlertKind.CONNECTION, message="down", server=server, created_at=NOW)
        client = signed_in(make_sysadmin())
        address = reverse("ldap_servers:test-connection", args=[server.pk])
        given = as_sent(client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"])

        client.post(address, given | {"search_filter": "(uid=u*)"})
        still_open = Alert.objects.get(pk=alert.pk).dismissed_at is None
        client.post(address, given)

        assert still_open
        assert Alert.objects.get(pk=alert.pk).dismissed_at is not None

    @pytest.mark.parametrize(
        ("wrong", "advice"),
        [
            ({"bind_password": "wrong"}, "Enter the bind DN as the directory has it"),
            ({"search_base": "ou=gone,dc=example,dc=com"}, "correct the search base"),
        ],
    )
    @pytest.mark.parametrize("button", ["test-connection", "test-search"])
    def test_says_what_to_look_at_when_the_directory_refuses(
        self, company: Directory, button: str, wrong: dict[str, str], advice: str
    ) -> None:
        server = make_server(
            urls=[company.url], search_base=company.base, bind_dn=company.admin_dn, bind_password=company.admin_password
        )
        client = signed_in(make_sysadmin())
        given = as_sent(client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"])

        assert advice not in client.post(reverse(f"ldap_servers:{button}", args=[server.pk]), given).content.decode()
        refused = client.post(reverse(f"ldap_servers:{button}", args=[server.pk]), given | wrong)

        assert advice in refused.content.decode()


def test_three_at_once_end_in_their_time() -> None:
    ended: list[float] = []

    def one(url: str) -> None:
        began = time.monotonic()
        try_connection(to(url))
        ended.append(time.monotonic() - began)

    with FakeDirectory(silent=True) as server:
        threads = [threading.Thread(target=one, args=(server.url,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(ended) == 3
    assert max(ended) < isolated_connection_trial.SECONDS + 3
