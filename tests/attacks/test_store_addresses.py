"""No address leads a device into the repository of another one, or out of its own; sent as raw bytes, as attackers do."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.backups import BackingUp, signed_in_device
from tests.store_server import StoreServer, basic, running_store
from tests.unit.console.store.test_addresses import GUID, TRAVERSALS
from tests.worlds import user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
SECRET = b"the config of another device"
VICTIM = "223456789012345678"


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture
def attacker(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("eve"))
    assert store.request(made, "POST", "?create=true").status == 200
    victim = settings.ARCHIVES / VICTIM
    victim.mkdir(exist_ok=True)
    (victim / "config").write_bytes(SECRET)
    return made


def raw(store: StoreServer, device: BackingUp, method: str, address: str, body: bytes = b"") -> bytes:
    """Return all that the store answers to these very bytes."""
    head = f"{method} {address} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(device)}\r\nConnection: close\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "surrogateescape") + body
    with socket.create_connection(("127.0.0.1", store.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def test_no_address_reads_or_writes_elsewhere(store: StoreServer, attacker: BackingUp) -> None:
    before = files()

    for address in [each.replace(GUID, attacker.guid) for each in TRAVERSALS if each]:
        for method in ("GET", "HEAD", "POST", "DELETE", "PUT"):
            answer = raw(store, attacker, method, address, b"evil")
            status = answer.partition(b"\r\n")[0]
            # Refused by name, or not understood as HTTP and hung up on; never an error of the server.
            assert status[9:10] == b"4", (method, address, status)
            assert SECRET not in answer, address
            assert b"X-Header" not in answer, address

    assert files() == before


def test_another_devices_repository_is_refused_by_its_plain_address(store: StoreServer, attacker: BackingUp) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = raw(store, attacker, method, f"/backup/{VICTIM}/config", b"evil")
        assert answer.startswith(b"HTTP/1.1 403 This is the archive of another device."), answer[:100]


def files() -> set[tuple[str, bytes]]:
    """Return all files below the folder of archives, and beside it, with their contents."""
    found = (path for path in settings.ARCHIVES.rglob("*") if path.is_file())
    return {(str(path), path.read_bytes()) for path in found}
