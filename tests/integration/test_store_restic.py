"""A real restic backs up to the store and restores from it; what the gate decides reaches the person at the computer."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests.backups import BackingUp, signed_in_device
from tests.store_server import StoreServer, running_store
from tests.worlds import NOON, user

RESTIC = shutil.which("restic")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(RESTIC is None, reason="restic is not installed: .ci/setup test installs it"),
]


@pytest.fixture(scope="module")
def store(django_db_setup: None) -> Iterator[StoreServer]:
    with running_store() as server:
        yield server


class Client:
    """Restic on a device."""

    def __init__(self, store: StoreServer, device: BackingUp, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RESTIC_REPOSITORY": store.url(device),
            "RESTIC_PASSWORD": device.password,
            "RESTIC_CACHE_DIR": str(folder / "cache"),
        }

    def run(self, *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
        environment = self._environment | ({"RESTIC_REPOSITORY": url} if url else {})
        command = [str(RESTIC), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)

    def does(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(20):
        (folder / f"file {number}").write_bytes(os.urandom(50_000))
    return folder


def test_a_backup_is_restored_as_it_was(store: StoreServer, files: Path, tmp_path: Path) -> None:
    laptop = signed_in_device(user("sean"))
    restic = Client(store, laptop, tmp_path)
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
    local = restic.run("snapshots", "--json", "--no-lock", url=str(settings.ARCHIVES / laptop.guid))
    assert [each["id"] for each in json.loads(local.stdout)] == [each["id"] for each in snapshots]


def test_a_device_can_neither_forget_nor_see_another_one(store: StoreServer, files: Path, tmp_path: Path) -> None:
    sean, mia = signed_in_device(user("sean")), signed_in_device(user("mia"))
    restic = Client(store, sean, tmp_path)
    restic.does("init")
    restic.does("backup", str(files))
    path = settings.ARCHIVES / sean.guid / "snapshots"

    other = restic.run("snapshots", url=store.url(mia).replace(f"/{mia.guid}/", f"/{sean.guid}/"))
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
    restic = Client(store, laptop, tmp_path)
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
    restic = Client(store, laptop, tmp_path)

    refused = restic.run("snapshots", url=store.url(laptop).replace(laptop.token, "x" * 43))

    assert refused.returncode == 1
    assert "401 This device is not registered, or has to sign in again." in refused.stderr
