"""From a person's registration to the purge of the archive: console, store, restic and an Active Directory, as they are.

What the commands print has to stand in docs/backups.md.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from orgs.actions import archives, devices, legal_holds
from orgs.actions.errors import Refused
from orgs.models import Archive, AuditEntry, Device, Matter, Org, User
from orgs.rules.actors import SYSTEM
from tests.archive_folders import contents, folders_in
from tests.backup_sites import BackupSite, backup_site
from tests.backups import BackingUp
from tests.faults.processes import wait_for
from tests.laptops import Laptop
from tests.makers import make_matter
from tests.restic_client import MISSING, RESTIC
from tests.servers import active_directory
from tests.servers.company import PASSWORD
from tests.stored_archives import move_all
from tests.tree import ROOT

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(RESTIC is None, reason=MISSING),
    pytest.mark.in_turns,
    pytest.mark.timeout(1200),
]
STOPS_WITHIN = timedelta(seconds=35)
DEACTIVATED = "rollcall-agent: Your account is deactivated. Ask your administrator.\n"
BLOCKED = "rollcall-agent: Your account is blocked. Ask your administrator.\n"
UNKNOWN = "rollcall-agent: This device is not registered, or has to sign in again.\n"
COLD = "rollcall-agent: The archive is on its way from cold storage. Try again in some minutes.\n"


@pytest.fixture(scope="session", autouse=True)
def _a_controller_is_stopped() -> Iterator[None]:
    """The domain controller ends with the tests."""
    yield
    active_directory.stop()


@pytest.fixture
def site(tmp_path: Path, transactional_db: None) -> Iterator[BackupSite]:
    with (
        active_directory.domain() as company,
        backup_site(company, tmp_path, port=active_directory.controller().ports[389]) as running,
    ):
        yield running


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    computer = Laptop(tmp_path / "laptop", files=20)
    yield computer
    computer.end()


@pytest.fixture
def new_laptop(tmp_path: Path) -> Iterator[Laptop]:
    computer = Laptop(tmp_path / "new-laptop")
    yield computer
    computer.end()


@dataclass(slots=True)
class Story:
    """What the chapters have in common: bo of the directory, and the computers."""

    site: BackupSite
    laptop: Laptop
    new_laptop: Laptop
    guid: str = ""

    @property
    def bo(self) -> User:
        """The user as stored now."""
        found: User = User.objects.get(username="bo")
        return found

    def shows(self, printed: str) -> None:
        """Make sure that the page of documentation has what was printed, whatever the numbers in it."""
        for computer in (self.laptop, self.new_laptop):
            printed = printed.replace(str(computer.home), "/home/bo")
        printed = printed.replace(self.site.address, "https://rollcall.example.com")
        document = (ROOT / "docs" / "backups.md").read_text()
        assert without_numbers(printed) in without_numbers(document), printed


def without_numbers(text: str) -> str:
    """Return a text in which all sizes, numbers, times and ids of snapshots are the same."""
    same_ids = re.sub(r"\b[0-9a-f]{8}\b", "ID", text)
    return re.sub(r"\d[\d.,]*( (bytes|[kKMGT]B)\b)?", "N", same_ids)


def test_an_archive_follows_its_person_from_the_registration_to_the_purge(
    site: BackupSite, laptop: Laptop, new_laptop: Laptop, tmp_path: Path
) -> None:
    story = Story(site, laptop, new_laptop)
    bo_registers_and_backs_up(story)
    run = the_directory_disables_bo_and_a_simulation_says_what_that_means(story, tmp_path / "changes.jsonl")
    the_plan_is_applied_and_stops_a_backup_that_runs(story, run)
    stored = the_archive_goes_to_another_disk(story)
    the_directory_enables_bo_and_the_schedule_goes_on(story, stored)
    a_new_computer_takes_over(story)
    a_legal_hold_keeps_everything(story)
    the_hold_ends_and_the_archive_with_it(story)


def bo_registers_and_backs_up(story: Story) -> None:
    """Bo is in the directory and nowhere else; the org is made by the script."""
    key = Org.objects.get(name="Default").registration_key
    secrets = {"ROLLCALL_KEY": key, "ROLLCALL_PASSWORD": PASSWORD}

    done = story.laptop.register(story.site.address, "--username", "bo", **secrets)

    assert (done.returncode, done.stderr) == (0, "")
    story.shows(done.stdout)
    assert story.bo.org.path.startswith(Org.objects.get(name="Default").path)
    assert (story.bo.org.name, story.bo.email) == ("Staff", "bo@example.com")
    story.guid = story.laptop.guid
    story.shows(story.laptop.does("backup"))
    story.shows(story.laptop.does("status"))
    story.shows(story.laptop.does("snapshots"))
    story.site.counts_sizes()
    story.shows(story.site.manage("check_invariants"))


def the_directory_disables_bo_and_a_simulation_says_what_that_means(story: Story, changes: Path) -> int:
    """Return the number of the simulation."""
    story.site.company.disables("bo")

    printed = story.site.manage("ldapsync", "--simulate", "--changes", str(changes))

    story.shows(printed)
    [change] = map(json.loads, changes.read_text().splitlines())
    folder = story.site.roots.live.repository(story.guid)
    real_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    [leaving] = change["leaving"]
    assert (leaving["device"], leaving["guid"], leaving["bytes"]) == ("laptop", story.guid, real_bytes)
    story.shows(json.dumps(leaving))
    assert story.bo.active
    return int(printed.split()[1].rstrip(":"))


def the_plan_is_applied_and_stops_a_backup_that_runs(story: Story, run: int) -> None:
    """The laptop backs up a film over a slow line."""
    laptop = story.laptop
    laptop.writes("a film", size=8_000_000)
    laptop.line(kilobytes_a_second=50)
    backup = laptop.start("backup")
    arriving = story.site.roots.live.repository(story.guid) / ".tmp"
    wait_for(lambda: any(arriving.glob("*")) or backup.poll() is not None, "the store receives")
    assert backup.poll() is None, backup.communicate()
    assert laptop.secrets_in_processes(PASSWORD) == []

    story.shows(story.site.manage("ldapsync", "--apply", str(run)))
    output, errors = backup.communicate(timeout=120)

    ended_at, deactivated_at = timezone.now(), story.bo.deactivated_at
    assert (backup.returncode, output, errors) == (77, "", DEACTIVATED)
    assert deactivated_at is not None
    assert ended_at - deactivated_at <= STOPS_WITHIN
    story.shows(errors)


def the_archive_goes_to_another_disk(story: Story) -> dict[str, str]:
    """Return what is stored."""
    roots = story.site.roots
    assert folders_in(roots.live) == {story.guid}
    before = contents(roots.live.repository(story.guid))

    move_all()

    assert roots.cold.path.stat().st_dev != roots.live.path.stat().st_dev
    assert (folders_in(roots.live), folders_in(roots.cold)) == (set(), {story.guid})
    assert contents(roots.cold.repository(story.guid)) == before
    for command in ("backup", "restore", "snapshots"):
        done = story.laptop.run(command)
        assert (done.returncode, done.stderr) == (77, DEACTIVATED)
    assert story.site.troubles() == []
    return before


def the_directory_enables_bo_and_the_schedule_goes_on(story: Story, stored: dict[str, str]) -> None:
    """There is no systemd here: the agent's loop starts backups by itself."""
    laptop, reports = story.laptop, Device.objects.get(guid=story.guid).backup_reports.order_by("pk")
    laptop.line(kilobytes_a_second=0)
    laptop.changes_settings(every_hours=0.001)
    loop = laptop.start("loop", "--minutes", "0.02")
    story.site.company.enables("bo")

    story.shows(story.site.manage("ldapsync"))
    waiting = laptop.run("status")
    assert (waiting.returncode, "Allowed:     no: The archive is on its way" in waiting.stdout) == (75, True)
    story.shows(COLD)
    move_all()
    # A backup is reported before it is printed: the next one's report says that the first is.
    wait_for(lambda: reports.filter(exit_code=0).count() >= 3 or loop.poll() is not None, "the loop backs up")
    loop.terminate()
    output, errors = loop.communicate(timeout=60)
    laptop.changes_settings(every_hours=4.0)

    story.shows(output.splitlines()[0])
    assert DEACTIVATED in errors
    assert COLD in errors
    assert list(reports.values_list("exit_code", flat=True))[:3] == [0, 77, 0]
    # What the backup that was stopped had stored is still there, and was used.
    now = contents(story.site.roots.live.repository(story.guid))
    assert {name for name in stored if name.startswith("data/")} <= now.keys()
    laptop.restic("unlock")
    assert "no errors were found" in laptop.restic("check", "--read-data")
    assert laptop.guid == story.guid


def a_new_computer_takes_over(story: Story) -> None:
    """Bo has another computer, and wants the files of the old one."""
    new, restored = story.new_laptop, story.new_laptop.home / "restored"
    replacing = ("replace", "--server", story.site.address, "--username", "bo", "--name", "new-laptop")
    listed = new.run(*replacing, ROLLCALL_PASSWORD=PASSWORD)
    assert listed.stdout.startswith("1  laptop, "), listed.stderr
    folders = ("--guid", story.guid, "--folder", str(new.documents), "--no-schedule")

    story.shows(new.does(*replacing, *folders, ROLLCALL_PASSWORD=PASSWORD))

    refused = story.laptop.run("backup")
    assert (refused.returncode, refused.stderr) == (77, UNKNOWN)
    story.shows(UNKNOWN)
    story.shows(new.does("restore", "--target", str(restored)))
    assert story.laptop.differing_files(restored) == 0
    shutil.copytree(restored / story.laptop.documents.relative_to("/"), new.documents, dirs_exist_ok=True)
    assert new.does("backup").startswith("Backed up: 21 files, ")
    assert new.guid == story.guid
    assert list(story.bo.devices.filter(active=True).values_list("guid", "name")) == [(story.guid, "new-laptop")]
    assert story.site.troubles() == []


def a_legal_hold_keeps_everything(story: Story) -> None:
    """Bo is a custodian when the directory disables the account again: blocked, and nothing is deleted."""
    make_matter("Inquiry", story.bo)
    device = Device.objects.get(guid=story.guid)
    kept = story.new_laptop.settings()
    [snapshot, *_] = (story.site.roots.live.repository(story.guid) / "snapshots").iterdir()
    asked = BackingUp(device, kept["token"], kept["password"])
    refused = story.site.store.request(asked, "DELETE", f"snapshots/{snapshot.name}")
    assert (refused.status, refused.headers["X-Rollcall-Reason"]) == (403, "legal-hold")
    story.site.company.disables("bo")

    story.shows(story.site.manage("ldapsync", "--simulate"))
    story.shows(story.site.manage("ldapsync"))

    assert (story.bo.active, story.bo.blocked, story.bo.pending) == (True, True, True)
    done = story.new_laptop.run("backup")
    assert (done.returncode, done.stderr) == (77, BLOCKED)
    story.shows(BLOCKED)
    with pytest.raises(Refused):
        devices.deactivate(device_ids=[device.pk], by=SYSTEM, at=timezone.now())
    years_later = timezone.now() + timedelta(days=3650)
    assert archives.age(by=SYSTEM, at=years_later) == (0, 0)
    move_all(at=years_later)
    assert snapshot.exists()
    assert story.site.troubles() == []


def the_hold_ends_and_the_archive_with_it(story: Story) -> None:
    """The release deactivates; the archive is kept for a year, then expired for 20 days, then deleted."""
    roots, matter = story.site.roots, Matter.objects.get()
    legal_holds.release(matter=matter, user_ids=[story.bo.pk], by=SYSTEM, at=timezone.now())
    assert not story.bo.active
    move_all()
    assert (folders_in(roots.live), folders_in(roots.cold)) == (set(), {story.guid})
    expires_at = Archive.objects.get().expires_at
    assert expires_at is not None

    assert archives.age(by=SYSTEM, at=expires_at - timedelta(hours=1)) == (0, 0)
    assert archives.age(by=SYSTEM, at=expires_at) == (1, 0)
    move_all(at=expires_at)
    assert folders_in(roots.cold) == {story.guid}
    purged_at = expires_at + archives.EXPIRED_FOR
    assert archives.age(by=SYSTEM, at=purged_at) == (0, 1)
    move_all(at=purged_at)

    assert folders_in(roots.cold) == folders_in(roots.live) == set()
    assert not Archive.objects.exists()
    trail = AuditEntry.objects.filter(action__in=["archive expired", "archive purged"]).order_by("pk")
    assert list(trail.values_list("action", flat=True)) == ["archive expired", "archive purged"]
    assert story.site.troubles() == []
    story.shows(story.site.manage("check_invariants"))
