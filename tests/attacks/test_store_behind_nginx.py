"""The store behind Debian's nginx, as a large site has it: no address leads elsewhere, and restic works as without it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests.attacks.store_requests import SECRET, VICTIM, make_victim, raw, stored_files
from tests.backups import BackingUp, signed_in_device
from tests.catalogue import noted
from tests.faults.processes import Process, wait_for
from tests.restic_client import MISSING, RESTIC, Restic
from tests.server_process import accepts, free_port
from tests.store_server import StoreServer, running_store
from tests.unit.console.store.test_addresses import GUID, TRAVERSALS
from tests.worlds import NOON, user

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed: .ci/setup test installs it"),
]
# Without a path behind the port nginx passes the address on as it came, so that the store judges the very same one.
CONFIGURATION = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location /backup/ {{
            proxy_pass http://127.0.0.1:{store};
            proxy_http_version 1.1;
            proxy_request_buffering on;
            client_max_body_size 512m;
        }}
        location / {{
            return 404;
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture
def port(store: StoreServer, tmp_path: Path) -> Iterator[int]:
    """The port of nginx."""
    with nginx_before(store, tmp_path) as found:
        yield found


@contextmanager
def nginx_before(store: StoreServer, folder: Path) -> Iterator[int]:
    """Run nginx in front of the store."""
    port, configuration = free_port(), folder / "nginx.conf"
    own_user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port, store=store.port, user=own_user))
    command = [str(NGINX), "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    subprocess.run([*command, "-t", "-q"], check=True)
    nginx = Process("nginx", command, {}, folder)
    try:
        wait_for(lambda: accepts(port) or not nginx.runs, "nginx answers")
        assert nginx.runs, nginx.log
        yield port
    finally:
        nginx.kill()


@pytest.fixture
def attacker(store: StoreServer) -> BackingUp:
    made = signed_in_device(user("eve"))
    assert store.request(made, "POST", "?create=true").status == 200
    make_victim()
    return made


def test_no_address_leads_elsewhere(port: int, attacker: BackingUp) -> None:
    with noted(
        "requests",
        "addresses that lead into another device's archive, through nginx",
        how="dots, encoded dots, slashes and line ends, as raw bytes, by five methods",
        expected="nothing of another device is read or written",
    ) as row:
        own = str(settings.ARCHIVES / attacker.guid)

        def of_others() -> set[tuple[str, bytes]]:
            return {(path, content) for path, content in stored_files() if not path.startswith(own)}

        before, count = of_others(), 0
        addresses = [each.replace(GUID, attacker.guid) for each in TRAVERSALS if each]
        addresses += [f"/backup/{attacker.guid}/{up}/{VICTIM}/config" for up in ("..", "%2e%2e", "data/../..", ".%2e")]
        addresses += [f"/backup/{attacker.guid}/%0d%0aX-Header:%20x", f"//backup/{VICTIM}/config"]
        for address in addresses:
            for method in ("GET", "HEAD", "POST", "DELETE", "PUT"):
                answer = raw(port, attacker, method, address, b"evil")
                status = answer.partition(b"\r\n")[0]
                # nginx takes a host out of an address, which may then be the attacker's own. It hangs up on what is no HTTP, or
                # answers it in the way of HTTP 0.9, without a status.
                assert status[9:10] in (b"4", b"2", b""), (method, address, status)
                assert SECRET not in answer, address
                assert b"X-Header" not in answer, address
                count += 1

        assert of_others() == before
        row.saw(f"{count} requests, none of them came to another archive", wrongly_changed=0)


@pytest.mark.skipif(RESTIC is None, reason=MISSING)
def test_restic_backs_up_reads_reasons_and_restores(store: StoreServer, port: int, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic(store.url(laptop).replace(f":{store.port}/", f":{port}/"), laptop.password, tmp_path)
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "film").write_bytes(os.urandom(20 * 1024**2))

    restic.does("init")
    restic.does("backup", str(documents))
    assert "no errors were found" in restic.does("check", "--read-data")
    assert restic.differing_files(documents) == 0
    assert len(list((settings.ARCHIVES / laptop.guid / "snapshots").iterdir())) == 1

    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
    assert "403 This device is blocked. Ask your administrator." in restic.run("snapshots").stderr
