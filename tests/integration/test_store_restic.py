"""A real restic backs up to the store and restores from it; what the gate decides reaches the person at the computer."""

from __future__ import annotations

import filecmp
import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.conf import settings

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests.backups import BackingUp, signed_in_device
from tests.faults.processes import wait_for
from tests.restic_client import MISSING, RESTIC, Restic
from tests.store_server import StoreServer, running_store
from tests.worlds import NOON, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(20):
        (folder / f"file {number}").write_bytes(os.urandom(50_000))
    return folder


def test_a_backup_is_restored_as_it_was(store: StoreServer, files: Path, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)
    restic.does("init")
    restic.does("backup", str(files), "--host", laptop.guid)
    (files / "file 3").write_bytes(b"changed")
    restic.does("backup", str(files), "--host", laptop.guid)

    snapshots = json.loads(restic.does("snapshots", "--json"))
    restic.does("restore", "latest", "--target", str(tmp_path / "restored"))

    assert len(snapshots) == 2
    restored = tmp_path / "restored" / files.relative_to("/")
    assert filecmp.cmpfiles(files, restored, [path.name for path in files.iterdir()], shallow=False)[1:] == ([], [])
    assert "no errors were found" in restic.does("check", "--read-data")
    # The same layout as a local folder: the worker opens it without the store.
    local = Restic.beside_store(store, laptop, tmp_path).run("snapshots", "--json", "--no-lock")
    assert [each["id"] for each in json.loads(local.stdout)] == [each["id"] for each in snapshots]


def test_every_command_that_deletes_nothing_works(store: StoreServer, files: Path, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)
    restic.does("init")
    restic.does("backup", "--tag", "first", str(files))
    (files / "file 3").write_bytes(b"changed")
    restic.does("backup", str(files))
    first, second = sorted(json.loads(restic.does("snapshots", "--json")), key=lambda each: str(each["time"]))
    changed = str(files / "file 3")

    assert str(files) in restic.does("ls", "latest")
    assert changed in restic.does("find", "file 3")
    assert changed in restic.does("diff", first["id"], second["id"])
    assert restic.does("dump", "latest", changed) == "changed"
    assert json.loads(restic.does("stats", "--json"))["total_file_count"] > 20
    assert json.loads(restic.does("cat", "config"))["version"] == 2
    assert second["id"] in restic.does("list", "snapshots")
    assert len(json.loads(restic.does("key", "list", "--json"))) == 1
    # What a killed client leaves is a lock; nothing else is deleted.
    assert "successfully removed locks" in restic.does("unlock", "--remove-all")
    assert "no errors were found" in restic.does("check")


@pytest.mark.parametrize(
    "command",
    [("forget", "--keep-last", "1"), ("tag", "--set", "other", "latest"), ("prune", "--max-unused", "0")],
    ids=lambda command: command[0],
)
def test_a_command_that_deletes_is_refused_and_nothing_is_gone(
    command: tuple[str, ...], store: StoreServer, files: Path, tmp_path: Path
) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)
    restic.does("init")
    for number in range(2):
        (files / "file 3").write_bytes(os.urandom(50_000))
        restic.does("backup", "--tag", str(number), str(files))
    before = _stored(store, laptop)

    # restic asks ten times for each file, which takes a minute.
    begun = restic.begin(*command)
    wait_for(lambda: "403" in begun.log or not begun.runs, "restic is refused", seconds=120)
    begun.kill()

    assert "403" in begun.log or command[0] == "prune", begun.log
    assert before <= _stored(store, laptop)
    restic.does("unlock", "--remove-all")
    assert "no errors were found" in restic.does("check", "--read-data")
    assert restic.differing_files(files) == 0


def _stored(store: StoreServer, laptop: BackingUp) -> set[str]:
    """Return the names of all files of an archive but its locks."""
    folder = store.folder(laptop)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(("locks", ".tmp"))}


def test_a_device_can_neither_forget_nor_see_another_one(store: StoreServer, files: Path, tmp_path: Path) -> None:
    sean, mia = signed_in_device(user("sean")), signed_in_device(user("mia"))
    restic = Restic.on_device(store, sean, tmp_path)
    restic.does("init")
    restic.does("backup", str(files))
    path = settings.ARCHIVES / sean.guid / "snapshots"

    other = restic.run("snapshots", RESTIC_REPOSITORY=store.url(mia).replace(f"/{mia.guid}/", f"/{sean.guid}/"))
    before = [each.name for each in path.iterdir()]
    # Asked ten times for each file by restic: one is enough here.
    deleted = store.request(sean, "DELETE", f"snapshots/{before[0]}")

    assert other.returncode != 0
    assert "403 This is the archive of another device." in other.stderr
    assert (deleted.status, [each.name for each in path.iterdir()]) == (403, before)


def test_a_blocked_device_reads_why_and_goes_on_when_it_is_let_in_again(
    store: StoreServer, files: Path, tmp_path: Path
) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)
    restic.does("init")
    states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)

    refused = restic.run("backup", str(files))

    assert refused.returncode != 0
    assert "403 This device is blocked. Ask your administrator." in refused.stderr
    assert laptop.token not in refused.stdout + refused.stderr
    states.unblock(device_ids=[laptop.device.pk], by=SYSTEM, at=NOON)
    restic.does("backup", str(files))
    assert "no errors were found" in restic.does("check", "--read-data")


def test_a_wrong_token_ends_restic_at_once(store: StoreServer, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)

    refused = restic.run("snapshots", RESTIC_REPOSITORY=store.url(laptop).replace(laptop.token, "x" * 43))

    assert refused.returncode == 1
    assert "401 This device is not registered, or has to sign in again." in refused.stderr


def test_an_initialization_that_broke_off_is_begun_again(store: StoreServer, files: Path, tmp_path: Path) -> None:
    """Of two keys with one password restic takes the first, which does not open the config of the second."""
    laptop = signed_in_device(user("sean"))
    restic = Restic.on_device(store, laptop, tmp_path)
    keys = store.folder(laptop) / "keys"
    with without_config(store.port) as port:
        begun = restic.run("init", RESTIC_REPOSITORY=store.url(laptop).replace(f":{store.port}/", f":{port}/"))
    assert begun.returncode != 0
    assert len(list(keys.iterdir())) == 1

    early = restic.run("init")
    assert "503 Another program initializes this archive. Try again in a minute." in early.stderr
    for key in keys.iterdir():
        os.utime(key, (1, 1))
    restic.does("init")

    assert len(list(keys.iterdir())) == 1
    restic.does("backup", str(files))
    assert "no errors were found" in restic.does("check", "--read-data")


@contextmanager
def without_config(port: int) -> Iterator[int]:
    """A proxy before the store that hangs up on whoever sends a config, as a network that breaks; gives its port."""

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as store:
                answers = threading.Thread(target=copied, args=[store, self.request], daemon=True)
                answers.start()
                while data := self.request.recv(65536):
                    if data.startswith(b"POST") and b"/config HTTP" in data.partition(b"\r\n")[0]:
                        self.server.shutdown_request(self.request)
                        proxy.server_close()
                        return
                    store.sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


def copied(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        # Also the end of a connection that was idle for too long: restic opens another one then.
        target.shutdown(socket.SHUT_WR)
