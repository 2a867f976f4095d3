"""A real restic backs up to the store and restores from it; what the gate decides reaches the person at the computer."""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests.backups import signed_in_device
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
