"""The agent with a real restic, when its user is cut off in mid-backup, and when Rollcall works on its archive."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from console.process import services
from orgs.actions.users import deactivation
from orgs.backups import folders
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Device, Org, User
from orgs.rules.actors import SYSTEM
from tests.archive_folders import other_disk
from tests.browser.conftest import database_url
from tests.catalogue import noted
from tests.faults.backup_scene import CLEAN
from tests.faults.processes import Process, wait_for
from tests.makers import PASSWORD, make_user
from tests.restic_client import MISSING, RESTIC, Restic
from tests.server_process import accepts
from tests.settings import FOLDER
from tests.store_server import running_store
from tests.stored_archives import make_roots, move_all
from tests.unit.agent.computers import Computer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.whole,
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
]
FILES = 30


@dataclass(slots=True)
class Laptop:
    """A registered computer with the real restic, and where its archive is."""

    computer: Computer
    user: User
    roots: StorageRoots

    @property
    def folder(self) -> Path:
        return self.roots.live.repository(Device.objects.get().guid)

    @property
    def local(self) -> Restic:
        """Restic as the worker calls it."""
        kept = json.loads((self.computer.folder / "settings.json").read_text())
        return Restic(str(self.folder), kept["password"], self.computer.home)

    def has_line(self, kilobytes_a_second: int) -> None:
        """Give the computer a line of this speed; 0 is as fast as it can be."""
        script = f'#!/bin/sh\nexec "{RESTIC}" --limit-upload {kilobytes_a_second} "$@"\n'
        (self.computer.programs / "restic").write_text(script)

    def writes(self, count: int) -> None:
        """Write files of a megabyte that are new to the archive."""
        for number in range(count):
            (self.computer.documents / f"file {number}").write_bytes(os.urandom(1024**2))

    def packs(self) -> int:
        return sum(len(names) for _folder, _folders, names in os.walk(self.folder / "data"))

    def lost(self) -> int:
        """Check every byte of the archive; return how many documents its latest snapshot has not, or not as they are."""
        self.local.does("unlock", "--remove-all")
        assert CLEAN in self.local.does("check", "--read-data")
        return self.local.differing_files(self.computer.documents)


@pytest.fixture
def laptop(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[Laptop]:
    # As the console has it; other tests have a hasher that is quick.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
    owner = make_user("sean", password=PASSWORD)
    computer = Computer(tmp_path / "laptop")
    with other_disk() as disk:
        settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", disk / "cold"
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
        places = {"ARCHIVES": str(settings.ARCHIVES), "COLD_STORAGE": str(settings.COLD_STORAGE)}
        with running_store(**places) as store:
            port = services.free_port()
            environment = places | {
                "DJANGO_SETTINGS_MODULE": "console.settings",
                "DATABASE_URL": database_url(),
                "SECRET_KEY": django_settings.SECRET_KEY,
                "ROLLCALL_VAR": str(FOLDER),
                "LOG_FILE": str(tmp_path / "rollcall.log"),
                "REDIS_URL": django_settings.REDIS_URL,
                "STORE_ADDRESS": f"http://127.0.0.1:{store.port}",
            }
            console = Process("console", list(services.web(services.LOOPBACK, port).command), environment, tmp_path)
            try:
                wait_for(lambda: accepts(port) or not console.runs, "the console answers")
                key = Org.objects.get(name="Default").registration_key
                typed = {"ROLLCALL_KEY": key, "ROLLCALL_PASSWORD": PASSWORD}
                done = computer.register(f"http://127.0.0.1:{port}", "--username", owner.username, **typed)
                assert done.returncode == 0, done.stderr
                made = Laptop(computer, owner, storage_roots())
                made.has_line(0)
                made.writes(2)
                assert computer.run("backup").returncode == 0
                yield made
            finally:
                computer.end()
                console.kill()


def test_a_user_who_is_deactivated_in_mid_backup(laptop: Laptop) -> None:
    with noted(
        "faults",
        "a user who is deactivated during a backup by the agent, and comes back",
        how="deactivated once packs are stored; the archive goes to another file system and back; then a backup",
        expected="the agent ends within 35 s with status 77 and the reason; the same archive goes on, and is whole",
        where=connection.vendor,
    ) as row:
        laptop.writes(FILES)
        laptop.has_line(400)
        before = laptop.packs()
        backup = laptop.computer.start("backup")
        wait_for(lambda: laptop.packs() > before or backup.poll() is not None, "packs are stored", seconds=180)
        began = time.monotonic()
        deactivation.deactivate(user_ids=[laptop.user.pk], by=SYSTEM, at=timezone.now())
        _output, errors = backup.communicate(timeout=120)
        seconds = time.monotonic() - began
        assert (backup.returncode, "Your account is deactivated. Ask your administrator." in errors) == (77, True)
        assert seconds < 35

        move_all()
        guid = Device.objects.get().guid
        assert laptop.roots.cold.repository(guid).is_dir()
        assert not laptop.folder.exists()
        deactivation.reactivate(user_ids=[laptop.user.pk], by=SYSTEM, at=timezone.now())
        move_all()
        laptop.has_line(0)
        again = laptop.computer.run("backup")
        assert again.returncode == 0, again.stderr
        row.saw("status 77 with the reason, then 0 on the same archive", wrongly_changed=0, lost=laptop.lost())


def test_a_backup_while_rollcall_works_on_the_archive(laptop: Laptop) -> None:
    with noted(
        "faults",
        "a backup by the agent while the worker has the archive locked",
        how="restic of the worker stopped once it has its exclusive lock, a backup, then it goes on",
        expected="the agent ends with status 75, says to try again in 10 minutes, and does so well afterwards",
        where=connection.vendor,
    ) as row:
        laptop.writes(FILES)
        prune = laptop.local.begin("prune")
        locks = laptop.folder / "locks"

        def is_locked() -> bool:
            return any(folders.FILE_NAME.fullmatch(path.name) for path in locks.iterdir())

        wait_for(lambda: is_locked() or not prune.runs, "restic has locked the archive", pause=0.002)
        prune.send_all(signal.SIGSTOP)
        assert is_locked(), "restic ended too soon"
        refused = laptop.computer.run("backup")
        prune.send_all(signal.SIGCONT)
        assert prune.wait(120) == 0, prune.log

        assert (refused.returncode, "Try again in 10 minutes." in refused.stderr) == (75, True)
        assert laptop.computer.run("backup").returncode == 0
        row.saw("status 75, then 0", wrongly_changed=0, lost=laptop.lost())
