"""Secrets stay where they are: in no log, page, mail, export, message or database dump; and their keys can be exchanged."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from directory.actions import servers
from directory.invariants import broken
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.reading.whole_reading import pages as read_pages
from directory.models import LdapServer, Run, RunState
from directory.sync.finish import run_mails
from directory.values.ldap import Connection
from orgs.models import AuditEntry
from orgs.rules.actors import SYSTEM
from tests.attacks.ldap_pages import filled_in
from tests.brokers import messages_go_to
from tests.catalogue import noted
from tests.directories import Directory, people
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, ldap_server, simulate, simulate_and_sync, user

pytestmark = pytest.mark.django_db
CANARY = "Read3r? geheim"
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with Directory(ldif=people(5)) as directory:
        assert directory.reader_password == CANARY
        yield directory


@pytest.fixture
def corp(directory: Directory) -> LdapServer:
    """A server that is bound to with the canary."""
    return ldap_server(directory.url, search_base=directory.base, bind_dn=directory.reader_dn, bind_password=CANARY)


def pages(resolver: URLResolver, before: str = "/") -> Iterator[str]:
    """Yield the address of every page, with 1 for each number and text."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from pages(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def address(route: str, server: LdapServer, run: Run) -> str:
    names = {"history/": run.pk, "ldap": server.pk}
    key = next((pk for name, pk in names.items() if name in route), 1)
    for kind in ("<int:pk>", "<int:change_pk>", "<path:object_id>"):
        route = route.replace(kind, str(key))
    return route


class TestSecrets:
    def test_are_in_nothing_that_leaves_rollcall(
        self,
        corp: LdapServer,
        directory: Directory,
        settings: Settings,
        caplog: pytest.LogCaptureFixture,
        redis_url: str,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        tmp_path: Path,
    ) -> None:
        settings.ENCRYPTION_KEYS, settings.EMAIL_HOST = [OLD], "localhost"
        corp = servers.save(server=corp, values={"bind_password": CANARY}, by=SYSTEM, at=NOON)
        caplog.set_level(logging.DEBUG)
        user("u1")
        user("leaver")
        ada = make_sysadmin()
        client = signed_in(ada)
        expected = "found in no place but the encrypted column; the session's id in no place but its own table"
        how = "saved, tested, synchronized, failed, exported, mailed; every page of the console; Redis; a database dump"
        with noted("settings", "the secrets of a day's work", how=how, expected=expected) as row:
            with messages_go_to(redis_url), django_capture_on_commit_callbacks(execute=True):
                client.post(reverse("ldap_servers:simulate"))
            Run.objects.all().delete()
            given = filled_in(client, corp)
            seen = {
                "“Test connection”": client.post(
                    reverse("ldap_servers:test-connection", args=[corp.pk]), given
                ).content,
                "“Test search”": client.post(reverse("ldap_servers:test-search", args=[corp.pk]), given).content,
                "a refused form": client.post(
                    reverse("ldap_servers:edit", args=[corp.pk]), given | {"bind_password": CANARY, "page_size": "x"}
                ).content,
                "the broker": b" ".join(_everything_in(redis_url)),
            }
            run = simulate_and_sync(corp)
            assert run.state in {RunState.APPLIED, RunState.HELD_BACK}, run.error
            run_mails.send_waiting(at=NOON)
            seen |= {route: _content(client, address(route, corp, run)) for route in pages(get_resolver())}
            seen["mails"] = b" ".join(each.message().as_bytes() for each in mail.outbox)
            seen["ldapserver show"] = _printed("ldapserver", "show").encode()
            seen["the log"] = caplog.text.encode()
            seen["the database"] = json.dumps(list(_dump()), default=str).encode()
            secrets = [CANARY, django_settings.SECRET_KEY, OLD, client.session.session_key or ""]
            found = [(place, secret) for place, text in seen.items() for secret in secrets if secret.encode() in text]
            assert found == []
            # Looked into, not past: each of these has something in it that would be found.
            for place, text in {
                "“Test connection”": b"entries found",
                "the broker": b"carry_out_run",
                "/history/<int:pk>/": b"Corp",
                "mails": b"sync",
                "ldapserver show": corp.bind_dn.encode(),
                "the log": b"DIRSYNC",
                "the database": corp.bind_dn.encode(),
                "/audit/audit.csv": b"LDAP server saved",
            }.items():
                assert text in seen[place], place
            assert broken(at=timezone.now()) == []
            row.saw(f"looked for {len(secrets)} secrets in {len(seen)} places: none", wrongly_changed=0)

    @pytest.mark.parametrize(
        "change",
        [
            {"bind_password": "wrong canary"},
            {"search_base": "ou=nowhere"},
            {"urls": ("ldap://127.0.0.1:1",)},
            {"urls": ("nonsense",)},
            {"search_filter": "("},
            {"bind_dn": "nonsense"},
        ],
    )
    def test_are_in_no_exception(self, change: dict[str, Any], corp: LdapServer) -> None:
        values = {name: getattr(corp.connection, name) for name in Connection.__slots__}
        attempted = Connection(**(values | change))

        with pytest.raises(DirectoryUnavailable) as failure:
            list(read_pages(attempted))

        texts = f"{failure.value!r} {failure.value.server_message} {attempted!r}"
        assert CANARY not in texts
        assert "wrong canary" not in texts

    def test_are_not_in_the_error_page_of_a_bug(
        self, corp: LdapServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        expected = "500 without a word about the inside; the log has the traceback without the password"
        with noted("settings", "a bug while a connection is tested", how="“Test connection”", expected=expected) as row:

            def break_down(*_: Any, **__: Any) -> None:
                raise RuntimeError("a bug")

            client = signed_in(make_sysadmin())
            client.raise_request_exception = False
            given = filled_in(client, corp)
            monkeypatch.setattr("directory.actions.server_trials.test_connection", break_down)
            response = client.post(
                reverse("ldap_servers:test-connection", args=[corp.pk]), given | {"bind_password": CANARY}
            )
            assert response.status_code == 500
            assert b"RuntimeError" not in response.content
            assert CANARY not in response.content.decode() + caplog.text
            row.saw("500; neither the page nor the log has the password", wrongly_changed=0)


def _content(client: Client, page: str) -> bytes:
    response = client.get(page)
    return b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]


def _everything_in(redis_url: str) -> Iterator[bytes]:
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter("*"):
            yield client.dump(key) or b""
            if client.type(key) == b"list":
                yield from client.lrange(key, 0, -1)


def _dump() -> Iterator[Any]:
    """Yield every row of every table."""
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            yield table, [list(map(str, found)) for found in cursor.fetchall()]


def _printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestRotateKeys:
    def test_puts_every_secret_under_the_newest_key(self, settings: Settings) -> None:
        expected = "afterwards the newest key alone opens every secret, and nothing else has changed"
        how = "rotate_keys with a new key before the word secret-key, then the new key alone"
        with noted("settings", "the keys are exchanged", how=how, expected=expected) as row:
            settings.ENCRYPTION_KEYS = []
            stored = ldap_server("ldaps://corp.invalid", bind_dn="cn=reader,dc=com", bind_password=CANARY)
            before = LdapServer.objects.values("version", "changed_at").get()
            settings.ENCRYPTION_KEYS = [NEW, "secret-key"]
            printed = _printed("rotate_keys")
            settings.ENCRYPTION_KEYS = [NEW]
            assert LdapServer.objects.get(pk=stored.pk).connection.bind_password == CANARY
            assert LdapServer.objects.values("version", "changed_at").get() == before
            entry = AuditEntry.objects.latest("pk")
            assert (entry.action, entry.actor_label) == ("keys rotated", "command line")
            assert CANARY not in str(entry.after)
            row.saw(printed.strip(), wrongly_changed=0)

    def test_names_what_no_key_opens_and_leaves_it_as_it_is(self, settings: Settings) -> None:
        expected = "exit code 1 with the server's name; the others are under the newest key, that one is as it was"
        with noted("settings", "a key is lost before the exchange", how="rotate_keys", expected=expected) as row:
            settings.ENCRYPTION_KEYS = [OLD]
            lost = ldap_server("ldaps://lost.invalid", name="Lost", bind_dn="cn=a,dc=b", bind_password=CANARY)
            settings.ENCRYPTION_KEYS = [NEW]
            ldap_server("ldaps://kept.invalid", name="Kept", bind_dn="cn=a,dc=b", bind_password=CANARY)
            with pytest.raises(CommandError) as failure:
                call_command("rotate_keys", stdout=io.StringIO())
            message = str(failure.value)
            assert "LDAP server Lost: bind password" in message
            assert "Kept" not in message
            settings.ENCRYPTION_KEYS = [OLD]
            assert LdapServer.objects.get(pk=lost.pk).connection.bind_password == CANARY
            row.saw(message.replace("\n", " "), wrongly_changed=0)

    def test_prints_a_new_key_and_changes_nothing(self) -> None:
        key = _printed("rotate_keys", "--new-key").strip()

        assert Fernet(key).encrypt(b"x")
        assert not AuditEntry.objects.filter(action="keys rotated").exists()

    def test_a_key_that_is_none_stops_the_start_and_is_not_printed(self, tmp_path: Path) -> None:
        expected = "nothing starts; the message says which key it is and not what it is"
        with noted("settings", "a malformed encryption key", how="ENCRYPTION_KEYS", expected=expected) as row:
            done = subprocess.run(
                [sys.executable, "manage.py", "check"],
                env={"ENCRYPTION_KEYS": f"{NEW},half-a-key", "ROLLCALL_VAR": str(tmp_path), "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode != 0
            assert "ENCRYPTION_KEYS: key 2 is no Fernet key" in done.stderr
            assert "half-a-key" not in done.stderr.replace(str(tmp_path), "")
            row.saw(done.stderr.strip().splitlines()[-1], wrongly_changed=0)


def test_a_simulation_of_a_server_without_its_key_says_so(directory: Directory, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    corp = ldap_server(directory.url, search_base=directory.base, bind_dn=directory.reader_dn, bind_password=CANARY)
    settings.ENCRYPTION_KEYS = [NEW]

    run = simulate(corp)

    assert run.state == RunState.FAILED
    assert "can't be decrypted with the configured keys" in run.error
