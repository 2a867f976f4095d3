"""No address leads a device into the repository of another one, or out of its own; sent as raw bytes, as attackers do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.store_requests import SECRET, VICTIM, make_victim, raw, stored_files
from tests.backups import BackingUp, signed_in_device
from tests.catalogue import noted
from tests.store_server import StoreServer, running_store
from tests.unit.console.store.test_addresses import GUID, TRAVERSALS
from tests.worlds import user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture
def attacker(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("eve"))
    assert store.request(made, "POST", "?create=true").status == 200
    make_victim()
    return made


def test_no_address_reads_or_writes_elsewhere(store: StoreServer, attacker: BackingUp) -> None:
    with noted(
        "requests",
        "addresses that lead into another device's archive",
        how="dots, encoded dots, slashes, line ends and other names, as raw bytes, by five methods",
        expected="each is refused, nothing is read or written",
    ) as row:
        before, count = stored_files(), 0

        for address in [each.replace(GUID, attacker.guid) for each in TRAVERSALS if each]:
            for method in ("GET", "HEAD", "POST", "DELETE", "PUT"):
                answer = raw(store.port, attacker, method, address, b"evil")
                status = answer.partition(b"\r\n")[0]
                # Refused by name, or not understood as HTTP and hung up on; never an error of the server.
                assert status[9:10] == b"4", (method, address, status)
                assert SECRET not in answer, address
                assert b"X-Header" not in answer, address
                count += 1

        assert stored_files() == before
        row.saw(f"{count} requests refused", wrongly_changed=0)


def test_another_devices_repository_is_refused_by_its_plain_address(store: StoreServer, attacker: BackingUp) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = raw(store.port, attacker, method, f"/backup/{VICTIM}/config", b"evil")
        assert answer.startswith(b"HTTP/1.1 403 This is the archive of another device."), answer[:100]
