"""A restore that is requested in the console is done by the real program on the computer, from the real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from console.presenters.agent_program import NAME
from orgs.actions.restores import requested_restores
from orgs.actions.restores.requested_restores import ChosenFiles
from orgs.models import BackupReport, RestoreJob, RestoreState
from orgs.rules.actors import person
from tests.backups import BackingUp, signed_in_device
from tests.makers import make_sysadmin, make_user
from tests.restic_client import MISSING, RESTIC
from tests.store_server import StoreServer, running_store

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]


class Computer:
    """A computer on which the program is registered, with a home folder of its own."""

    def __init__(self, home: Path, console: LiveServer, store: StoreServer, device: BackingUp) -> None:
        self.home, self.settings = home, home / "settings"
        self.settings.mkdir(mode=0o700, parents=True)
        (home / "letters").mkdir()
        (home / "letters" / "to bob.txt").write_text("Dear Bob")
        (home / "letters" / "[1].txt").write_text("one")
        (home / "music").mkdir()
        (home / "music" / "song").write_text("la la la")
        values = {
            "server": console.url,
            "store": f"http://127.0.0.1:{store.port}",
            "guid": device.guid,
            "token": device.token,
            "password": device.password,
            "device": device.device.name,
            "user": "ann",
            "org": "Default",
            "key_holder": "rollcall",
            "folders": [str(home)],
        }
        path = self.settings / "settings.json"
        path.write_text(json.dumps(values))
        path.chmod(0o600)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *arguments, "--settings", str(self.settings)],
            env={"PATH": os.environ["PATH"], "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def restored(self) -> list[Path]:
        return sorted(self.home.glob("Restored *"))


PROGRAM = Path(settings.BASE_DIR) / "static" / "agent" / NAME


def test_goes_into_a_new_folder_and_is_reported(live_server: LiveServer, tmp_path: Path) -> None:
    laptop = signed_in_device(make_user("ann"))
    with running_store() as store:
        computer = Computer(tmp_path / "home", live_server, store, laptop)
        computer.run("backup")
        snapshot = BackupReport.objects.get().snapshot
        (computer.home / "letters" / "to bob.txt").write_text("Dear Bob, I have changed my mind")
        paths = (str(computer.home / "letters" / "[1].txt"), str(computer.home / "letters" / "to bob.txt"))
        ada = person(make_sysadmin())
        requested_restores.request(
            device_id=laptop.device.pk, files=ChosenFiles(snapshot, paths), by=ada, at=timezone.now()
        )
        assert "1 requested by an administrator" in computer.run("status")

        computer.run("backup", "--due")
        computer.run("backup", "--due")

    (folder,) = computer.restored()
    there = folder / str(computer.home)[1:] / "letters"
    assert (there / "to bob.txt").read_text() == "Dear Bob"
    assert (there / "[1].txt").read_text() == "one"
    assert not list(folder.rglob("song"))
    assert (computer.home / "letters" / "to bob.txt").read_text() == "Dear Bob, I have changed my mind"
    job = RestoreJob.objects.get()
    assert (job.state, job.message) == (RestoreState.DONE, f"Restored to {folder}.")
