"""A real restic and slow clients behind Debian's nginx, as documented: TLS, files by nginx, reasons that come through."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests import nginx, restic_client
from tests.backups import BackingUp, signed_in_device
from tests.nginx import Nginx
from tests.restic_client import RESTIC, Restic
from tests.store_server import StoreServer, basic, running_store
from tests.worlds import NOON, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(nginx.NGINX is None, reason=nginx.MISSING),
]
CONTENT = bytes(range(256)) * 400
NAME = sha256(CONTENT).hexdigest()
# Twice as many as the store has threads.
SLOW_CLIENTS = 64


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store(STORE_BEHIND_NGINX="true", BEHIND_PROXY="true") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(store: StoreServer) -> Iterator[Nginx]:
    with Nginx(store=store.port, archives=store.archives) as server:
        yield server


@pytest.fixture
def laptop(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("sean"))
    assert store.request(made, "POST", "?create=true").status == 200
    assert store.request(made, "POST", f"data/{NAME}", CONTENT).status == 200
    return made


def ask(proxy: Nginx, device: BackingUp, method: str, path: str, **headers: str) -> tuple[int, str, bytes]:
    """Return status, reason and body of an answer through nginx."""
    context = ssl.create_default_context(cafile=str(proxy.ca_file))
    connection = HTTPSConnection("localhost", proxy.port, timeout=60, context=context)
    try:
        connection.request(method, path, headers={"Authorization": basic(device), **headers})
        answer = connection.getresponse()
        assert answer.getheader("X-Accel-Redirect") is None
        return answer.status, answer.reason, answer.read()
    finally:
        connection.close()


@pytest.mark.skipif(RESTIC is None, reason=restic_client.MISSING)
def test_restic_backs_up_checks_and_restores_through_it(store: StoreServer, proxy: Nginx, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    files = tmp_path / "documents"
    files.mkdir()
    for number in range(20):
        (files / f"file {number}").write_bytes(os.urandom(900_000))
    restic = Restic(proxy.url(laptop), laptop.password, tmp_path)
    restic.environment["RESTIC_CACERT"] = str(proxy.ca_file)

    def does(*arguments: str) -> str:
        return restic.does("--cacert", str(proxy.ca_file), *arguments)

    does("init")
    does("backup", str(files), "--host", laptop.guid)
    does("backup", str(files), "--host", laptop.guid)
    does("restore", "latest", "--target", str(tmp_path / "restored"))

    assert restic_client.differing(files, tmp_path / "restored" / files.relative_to("/")) == 0
    assert "no errors were found" in does("check", "--read-data")
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
    refused = restic.run("--cacert", str(proxy.ca_file), "snapshots")
    assert "403 This device is blocked. Ask your administrator." in refused.stderr


def test_nginx_sends_files_and_parts_of_them(proxy: Nginx, laptop: BackingUp) -> None:
    path = f"/backup/{laptop.guid}/data/{NAME}"

    assert ask(proxy, laptop, "GET", path) == (200, "OK", CONTENT)
    assert ask(proxy, laptop, "GET", path, Range="bytes=100-199") == (206, "Partial Content", CONTENT[100:200])
    assert ask(proxy, laptop, "GET", path, Range="bytes=102000-") == (206, "Partial Content", CONTENT[102000:])
    assert ask(proxy, laptop, "GET", path, Range=f"bytes={len(CONTENT)}-")[0] == 416
    assert ask(proxy, laptop, "HEAD", path) == (200, "OK", b"")
    assert ask(proxy, laptop, "GET", f"/backup/{laptop.guid}/data/{'0' * 64}")[0] == 404


def test_files_by_nginx_are_for_whom_the_gate_lets_in(proxy: Nginx, laptop: BackingUp) -> None:
    other = signed_in_device(user("mia"))
    path = f"/backup/{laptop.guid}/data/{NAME}"

    assert ask(proxy, other, "GET", path)[:2] == (403, "This is the archive of another device.")
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
    assert ask(proxy, laptop, "GET", path)[:2] == (403, "This device is blocked. Ask your administrator.")


def test_more_slow_uploads_than_the_store_has_threads_are_in_nobodys_way(proxy: Nginx, laptop: BackingUp) -> None:
    head = (
        f"POST /backup/{laptop.guid}/data/{'1' * 64} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {basic(laptop)}\r\nContent-Length: 1000000\r\n\r\n"
    ).encode()
    with ExitStack() as open_connections:
        for _ in range(SLOW_CLIENTS):
            connection = open_connections.enter_context(proxy.connection())
            connection.sendall(head + b"x" * 1000)
        began = time.monotonic()

        assert ask(proxy, laptop, "GET", f"/backup/{laptop.guid}/data/{NAME}")[0] == 200

        # Without nginx they hold all threads for 20 s.
        assert time.monotonic() - began < 15


def test_the_console_answers_behind_it(store: StoreServer, live_server: LiveServer) -> None:
    console = int(live_server.url.rpartition(":")[2])
    with Nginx(store=store.port, archives=store.archives, console=console) as proxy:
        context = ssl.create_default_context(cafile=str(proxy.ca_file))
        connection = HTTPSConnection("localhost", proxy.console_port, timeout=60, context=context)
        connection.request("GET", "/sign-in/")
        answer = connection.getresponse()

        assert (answer.status, b"<h1" in answer.read()) == (200, True)
        connection.close()
