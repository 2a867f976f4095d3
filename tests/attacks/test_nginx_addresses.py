"""No address leads into another device's repository where nginx sends the files, in the documented configuration."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import nginx
from tests.attacks.store_requests import SECRET, VICTIM, make_victim, stored_files
from tests.backups import BackingUp, signed_in_device
from tests.catalogue import noted
from tests.nginx import Nginx
from tests.store_server import StoreServer, basic, running_store
from tests.unit.console.store.test_addresses import GUID, TRAVERSALS
from tests.worlds import user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(nginx.NGINX is None, reason=nginx.MISSING),
]
METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT")
NO_HTTP = b"<title>400 Bad Request</title>"
# To nginx another way to write the address of the device's own config (RFC 9112, 3.2.2): it hands the path on.
OWN = f"http://localhost/backup/{GUID}/config"
# What an nginx reads into another address than the store, and its location for files that nobody may ask for.
BY_NGINX = [
    f"/backup/{GUID}/../{VICTIM}/config",
    f"/backup/{GUID}/%2e%2e/{VICTIM}/config",
    f"/backup/{GUID}/..%2f{VICTIM}/config",
    f"/backup/{GUID}/data/../../{VICTIM}/config",
    f"/backup/{GUID}/.%2e/{VICTIM}/config",
    f"/backup/{GUID}//../{VICTIM}/config",
    f"/backup/%32{VICTIM[1:]}/config",
    f"/stored/{VICTIM}/config",
    f"/stored/{GUID}/config",
    f"/backup/../stored/{VICTIM}/config",
    f"/backup/{GUID}/../../stored/{VICTIM}/config",
    f"/backup/{GUID}/%2e%2e/%2e%2e/stored/{VICTIM}/config",
    f"/stored../{VICTIM}/config",
    f"/stored/../{VICTIM}/config",
    "/stored/",
    "/stored/../../etc/passwd",
    f"https://localhost/stored/{VICTIM}/config",
    f"http://localhost/backup/{VICTIM}/config",
    f"/backup/{VICTIM}/config;/backup/{GUID}/config",
    f"/backup/{VICTIM}/config%20HTTP/1.1%0d%0aX-Header:1",
]


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store(STORE_BEHIND_NGINX="true") as server:
        yield server


@pytest.fixture(scope="module")
def proxy(store: StoreServer) -> Iterator[Nginx]:
    with Nginx(store=store.port, archives=store.archives) as server:
        yield server


@pytest.fixture
def attacker(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("eve"))
    assert store.request(made, "POST", "?create=true").status == 200
    make_victim()
    return made


def raw(proxy: Nginx, device: BackingUp, method: str, address: str, more: str = "") -> bytes:
    """Return all that nginx answers to these very bytes."""
    head = f"{method} {address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {basic(device)}\r\n{more}"
    return proxy.raw(f"{head}Connection: close\r\nContent-Length: 4\r\n\r\nevil".encode("utf-8", "surrogateescape"))


def test_no_address_reads_or_writes_elsewhere(proxy: Nginx, attacker: BackingUp) -> None:
    before = stored_files()
    forms = [each for each in [*TRAVERSALS, *BY_NGINX] if each and each != OWN]
    addresses = [each.replace(GUID, attacker.guid) for each in forms]
    tried = 0
    with noted(
        "requests",
        "addresses that lead into another device's archive, where nginx sends the files",
        how=f"{len(addresses)} addresses by {len(METHODS)} methods, as raw bytes: {BY_NGINX[0]}, /stored/…",
        expected="refused; no other repository is read, nothing is written",
    ) as row:
        for address in addresses:
            for method in METHODS:
                answer = raw(proxy, attacker, method, address)
                tried += 1
                status = answer.partition(b"\r\n")[0]
                # Hung up on, or answered without a status line: nginx did not understand it as HTTP.
                assert not answer or NO_HTTP in answer or status[9:10] == b"4", (method, address, status)
                assert SECRET not in answer, (method, address)
                assert b"\r\nX-Header" not in answer, (method, address)
                assert b"X-Accel" not in answer, (method, address)
        row.saw(f"{tried} requests: 4xx, nothing read or written", wrongly_changed=0, lost=len(stored_files() ^ before))


def test_headers_of_a_client_open_nothing(proxy: Nginx, attacker: BackingUp) -> None:
    """What a client claims to be told by the store, or to be, changes nothing."""
    victim = f"/stored/{VICTIM}/config"
    claims = [
        f"X-Accel-Redirect: {victim}\r\n",
        f"X-Sendfile: {victim}\r\n",
        f"X-Original-URI: /backup/{VICTIM}/config\r\n",
        f"X-Rewrite-URL: /backup/{VICTIM}/config\r\n",
        "X-Forwarded-Proto: http\r\nX-Forwarded-For: 127.0.0.1\r\n",
        "Transfer-Encoding: chunked\r\n",
    ]
    before = stored_files()
    with noted(
        "requests",
        "headers that only a proxy sends, through nginx",
        how="X-Accel-Redirect, X-Original-URI, X-Rewrite-URL and others from a device",
        expected="no other repository is read, nothing is written",
    ) as row:
        for claim in claims:
            for address in (f"/backup/{attacker.guid}/config", f"/backup/{VICTIM}/config", victim):
                answer = raw(proxy, attacker, "GET", address, claim)
                assert SECRET not in answer, (claim, address)
                assert answer[9:10] == b"4", (claim, address, answer[:60])
        row.saw("4xx, nothing read or written", wrongly_changed=0, lost=len(stored_files() ^ before))


def test_another_devices_repository_is_refused_by_its_plain_address(proxy: Nginx, attacker: BackingUp) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = raw(proxy, attacker, method, f"/backup/{VICTIM}/config")
        assert answer.startswith(b"HTTP/1.1 403 This is the archive of another device."), answer[:100]
