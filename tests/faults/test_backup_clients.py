"""Clients that are refused, cut off, killed or many at once: their archives stay whole, and nothing that was stored is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.db import connection

from orgs.actions.devices_by_hand import states
from orgs.rules.actors import SYSTEM
from tests.backups import signed_in_device
from tests.catalogue import noted
from tests.faults.backup_scene import CLEAN, BackupScene, backup_scene
from tests.faults.processes import wait_for
from tests.makers import make_matter
from tests.restic_client import MISSING, RESTIC, Restic
from tests.store_server import basic
from tests.worlds import NOON, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.whole,
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[BackupScene]:
    with backup_scene(tmp_path) as made:
        yield made


def test_a_wrong_token_another_folder_and_a_wrong_password(scene: BackupScene, tmp_path: Path) -> None:
    with noted(
        "faults",
        "a client with a wrong token, with the folder of another device, with a wrong repository password",
        how="restic snapshots with each",
        expected="restic ends at once with status 1, and names the reason",
        where=connection.vendor,
    ) as row:
        other = signed_in_device(user("mia"))
        url = scene.store.url(scene.laptop)
        foreign = scene.store.url(other).replace(f"/{other.guid}/", f"/{scene.laptop.guid}/")
        tried = [
            scene.restic.run("snapshots", RESTIC_REPOSITORY=url.replace(scene.laptop.token, "x" * 43)),
            scene.restic.run("snapshots", RESTIC_REPOSITORY=foreign),
            scene.restic.run("snapshots", RESTIC_PASSWORD="wrong"),
        ]

        assert [each.returncode for each in tried] == [1, 1, 1]
        assert "(401): 401 This device is not registered, or has to sign in again." in tried[0].stderr
        assert "(403): 403 This is the archive of another device." in tried[1].stderr
        assert "wrong password or no key found" in tried[2].stderr
        row.saw("status 1 three times: 401, 403, wrong password", wrongly_changed=0, lost=1 - scene.snapshots())


def test_a_device_that_is_blocked_in_mid_backup(scene: BackupScene) -> None:
    with noted(
        "faults",
        "a device that is blocked during its backup",
        how="blocked once packs are stored; restic is ended after its first refusals, as the agent does; then let in again",
        expected="no snapshot, the packs stay, the next backup ends, the archive is whole",
        where=connection.vendor,
    ) as row:
        backup = scene.begin_backup()
        states.block(device_ids=[scene.laptop.device.pk], by=SYSTEM, at=NOON)
        wait_for(lambda: "403" in backup.log or not backup.runs, "restic is refused", seconds=120)
        backup.kill()
        packs = scene.packs()
        assert scene.snapshots() == 1
        assert scene.count(".tmp") == 0

        states.unblock(device_ids=[scene.laptop.device.pk], by=SYSTEM, at=NOON)
        scene.restic.does("unlock")
        done = scene.restic.does("backup", str(scene.files))

        assert scene.snapshots() == 2
        row.saw(
            f"{packs} packs kept, the next backup ended: {done.splitlines()[-1]}", wrongly_changed=0, lost=scene.lost()
        )


def test_a_device_that_is_blocked_while_an_upload_trickles(scene: BackupScene) -> None:
    with noted(
        "faults",
        "a device that is blocked in the middle of an upload, and goes on sending slowly",
        how="an upload of 16 MiB with 4 KiB each 0.2 s, the device is blocked at its start",
        expected="the upload ends within 35 s with the reason, and leaves nothing",
        where=connection.vendor,
    ) as row:
        asking = HTTPConnection("127.0.0.1", scene.store.port, timeout=60)
        asking.putrequest("POST", f"/backup/{scene.laptop.guid}/data/{'0' * 64}")
        asking.putheader("Authorization", basic(scene.laptop))
        asking.putheader("Content-Length", str(16 * 1024**2))
        asking.endheaders()
        asking.send(b"x")
        wait_for(lambda: scene.count(".tmp"), "the upload has begun")
        states.block(device_ids=[scene.laptop.device.pk], by=SYSTEM, at=NOON)
        began = time.monotonic()
        while scene.count(".tmp") and time.monotonic() < began + 60:
            asking.send(b"x" * 4096)
            time.sleep(0.2)
        seconds = time.monotonic() - began
        refused = asking.getresponse()
        asking.close()

        assert seconds < 35
        assert (refused.status, refused.reason) == (403, "This device is blocked. Ask your administrator.")
        row.saw("403 with the reason, nothing left", wrongly_changed=0, lost=1 - scene.snapshots())


def test_a_device_that_is_blocked_in_mid_restore(scene: BackupScene) -> None:
    with noted(
        "faults",
        "a device that is blocked in the middle of a download",
        how="a file of 64 MiB that is taken slowly, the device is blocked at its start",
        expected="the download breaks off within 35 s",
        where=connection.vendor,
    ) as row:
        name = "0" * 64
        size = 64 * 1024**2
        (scene.folder / "data" / "00" / name).write_bytes(bytes(size))
        asking = HTTPConnection("127.0.0.1", scene.store.port, timeout=60)
        asking.request(
            "GET", f"/backup/{scene.laptop.guid}/data/{name}", headers={"Authorization": basic(scene.laptop)}
        )
        answer = asking.getresponse()
        states.block(device_ids=[scene.laptop.device.pk], by=SYSTEM, at=NOON)
        began, received = time.monotonic(), 0
        while block := answer.read1(128 * 1024):
            received += len(block)
            assert time.monotonic() < began + 60
            time.sleep(0.1)
        seconds = time.monotonic() - began
        asking.close()
        (scene.folder / "data" / "00" / name).unlink()

        # What was under way in the buffers of the network comes through afterwards.
        assert received < size
        assert seconds < 45
        row.saw("broken off", wrongly_changed=0, lost=1 - scene.snapshots())


def test_a_client_that_is_killed_three_times(scene: BackupScene) -> None:
    with noted(
        "faults",
        "kill -9 of the client in mid-backup",
        how="three times, once packs are stored; then unlock and a backup that ends",
        expected="no uploads are left, only locks; the archive is whole",
        where=connection.vendor,
    ) as row:
        for _ in range(3):
            scene.begin_backup().kill()
            wait_for(lambda: scene.count(".tmp") == 0, "uploads that broke off are gone")
        locks = scene.count("locks")
        assert scene.snapshots() == 1

        scene.restic.does("unlock")
        scene.restic.does("backup", str(scene.files))

        assert scene.snapshots() == 2
        row.saw(f"{locks} locks left, then whole", wrongly_changed=0, lost=scene.lost())


def test_twenty_clients_at_once(scene: BackupScene, tmp_path: Path) -> None:
    with noted(
        "faults",
        "20 clients at once",
        how="20 devices: init, backup of 2 MB, check, all at the same time",
        expected="each ends with status 0",
        where=connection.vendor,
    ) as row:
        clients = []
        for number in range(20):
            made = tmp_path / f"client {number}"
            made.mkdir()
            (made / "file").write_bytes(os.urandom(2 * 1024**2))
            device = signed_in_device(user(f"user{number}"))
            clients.append(Restic.on_device(scene.store, device, made))
        for arguments in (["init"], ["backup", "{}/file"], ["check", "--read-data"]):
            with ExitStack() as stack:
                begun = [each.begin(*(word.format(each.folder) for word in arguments)) for each in clients]
                for each in begun:
                    stack.callback(each.kill)
                assert [each.wait(600) for each in begun] == [0] * 20, begun[0].log
        row.saw("20 ended well", wrongly_changed=0, lost=0 if CLEAN in clients[0].does("check") else 1)


def test_legal_hold_lets_a_device_back_up_and_nothing_be_deleted(scene: BackupScene) -> None:
    with noted(
        "faults",
        "restic forget --prune by the device, with and without a legal hold",
        how="forget of the first of three snapshots, ended after its first refusals",
        expected="403, all snapshots are there; backup and check work as ever",
        where=connection.vendor,
    ) as row:
        scene.restic.does("backup", str(scene.files))
        make_matter("Inquiry", scene.laptop.device.user)
        scene.restic.does("backup", str(scene.files))
        before = scene.snapshots()

        forget = scene.restic.begin("forget", "--keep-last", "1", "--prune")
        wait_for(lambda: "403" in forget.log or not forget.runs, "restic is refused", seconds=120)
        forget.kill()

        assert "legal hold" in scene.store.request(scene.laptop, "DELETE", f"snapshots/{'0' * 64}").reason
        assert (before, scene.snapshots()) == (3, 3)
        scene.restic.does("unlock")
        row.saw("403, 3 snapshots there", wrongly_changed=0, lost=scene.lost())
