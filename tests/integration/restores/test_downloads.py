"""Files come back from a real archive as a zip: by whom, how much, under which names, and with what left behind."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from console.views.restores.downloads import ZipDownload
from orgs.actions import devices
from orgs.backups.restores import reading_slots, snapshots
from orgs.backups.restores.readable_archives import archive_of
from orgs.backups.restores.reading_slots import ReadingKind
from orgs.backups.restores.restic_output import ReadingFailed
from orgs.backups.restores.zip_stream import ChosenPaths
from orgs.models import Archive, ArchiveState, AuditEntry, KeyHolder, Org, Repository, RepositoryLocation, Role, User
from orgs.rules import restore_rights
from orgs.rules.actors import SYSTEM
from tests.live_archives import HOSTILE, LiveArchive
from tests.makers import NOW, make_org, make_sysadmin, make_user, signed_in
from tests.restic_client import MISSING, RESTIC

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.skipif(RESTIC is None, reason=MISSING)]


def page(client: Client, laptop: LiveArchive, name: str = "detail", **query: str) -> str:
    answer = client.get(reverse(f"restores:{name}", args=[laptop.device.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, laptop: LiveArchive, snapshot: str, *paths: Path | str, **given: str) -> Any:
    data = {"snapshot": snapshot, "chosen": [quote(str(path), safe="") for path in paths], **given}
    return client.post(reverse("restores:download", args=[laptop.device.pk]), data)


def zipped(answer: Any) -> zipfile.ZipFile:
    assert answer["Content-Type"] == "application/zip"
    found = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert found.testzip() is None
    return found


def words(answer: Any) -> str:
    """Return the page that a refused form leads to."""
    assert answer.status_code == 302
    return str(answer.client.get(answer["Location"]).content.decode())


def restic_processes(snapshot: str) -> dict[int, str]:
    """Return the arguments of each restic that reads a snapshot, by its process."""
    found = {int(path.parent.name): path.read_text("utf-8", "replace") for path in Path("/proc").glob("[0-9]*/cmdline")}
    return {process: line for process, line in found.items() if "restic" in line and snapshot in line}


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 200_000)
    return path


class TestPages:
    def test_lead_from_the_device_to_the_files(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        assert "laptop" in ada.get(reverse("restores:list")).content.decode()
        assert f"?snapshot={snapshot}" in page(ada, laptop)
        shown = page(ada, laptop, "files", snapshot=snapshot, path=str(documents))
        assert all(name in shown for name in ("letters", "names", "photo.raw", "293.0"))

    def test_show_names_of_every_kind_as_text(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        shown = page(ada, laptop, "files", snapshot=snapshot, path=str(documents / "names"))

        assert "<img" not in shown
        assert "&lt;img src=x onerror=alert(1)&gt;.txt" in shown
        assert "new\ufffdline" in shown
        assert shown.count("no file: it comes back with its folder, to the computer only") == 1
        assert shown.count("its name can&#x27;t be sent by a browser") == 1

    def test_have_parts_of_a_large_folder(
        self, laptop: LiveArchive, snapshot: str, documents: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("console.views.restores.restore_pages.PAGE", 2)
        ada = signed_in(make_sysadmin())

        first = page(ada, laptop, "files", snapshot=snapshot, path=str(documents))
        second = page(ada, laptop, "files", snapshot=snapshot, path=str(documents), begin="2")

        assert ("photo.raw" in first, "Later names" in first, "Earlier names" in first) == (False, True, False)
        assert ("photo.raw" in second, "Later names" in second, "Earlier names" in second) == (True, False, True)

    def test_find_files_by_a_part_of_the_name(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        for wanted in ("may", "MAY.T", "m*y.t?t"):
            found = page(ada, laptop, "files", snapshot=snapshot, q=wanted)
            assert quote(str(documents / "letters" / "2026" / "May.txt"), safe="") in found
            assert "photo.raw" not in found
        assert "Nothing below this folder" in page(ada, laptop, "files", snapshot=snapshot, q="[m]ay")

    @pytest.mark.parametrize("query", [{"path": "/../etc"}, {"begin": "-1"}, {"begin": "9" * 8}])
    def test_of_nonsense_are_not_there(self, laptop: LiveArchive, snapshot: str, query: dict[str, str]) -> None:
        address = reverse("restores:files", args=[laptop.device.pk])

        assert signed_in(make_sysadmin()).get(address, {"snapshot": snapshot} | query).status_code == 404


class TestADownload:
    def test_asks_first_with_counts(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        asked = send(ada, laptop, snapshot, documents / "letters", documents / "photo.raw")

        assert asked.status_code == 200
        assert "Download these files as a zip?" in asked.content.decode()
        assert not AuditEntry.objects.filter(action="files downloaded").exists()

    def test_has_the_files_as_they_were(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        found = zipped(send(ada, laptop, snapshot, documents / "letters", documents / "photo.raw", sure="yes"))

        expected = [
            documents / "letters" / "2026" / "May.txt",
            documents / "letters" / "to bob.txt",
            documents / "photo.raw",
        ]
        assert sorted(found.namelist()) == [str(path)[1:] for path in expected]
        assert all(found.read(str(path)[1:]) == path.read_bytes() for path in expected)
        entry = AuditEntry.objects.get(action="files downloaded")
        assert (entry.actor_label, entry.object_id) == ("ada", laptop.device.pk)
        assert entry.after == {
            "snapshot": snapshot,
            "paths": [str(documents / "letters"), str(documents / "photo.raw")],
            "files": 3,
            "bytes": 300_018,
        }

    def test_leads_nowhere_else_and_says_what_is_not_in_it(
        self, laptop: LiveArchive, snapshot: str, documents: Path
    ) -> None:
        ada = signed_in(make_sysadmin())

        found = zipped(send(ada, laptop, snapshot, documents / "names", sure="yes"))

        names = found.namelist()
        assert not any(part in {"", ".", ".."} for name in names for part in name.split("/"))
        assert not any("\\" in name or name.startswith("/") for name in names)
        assert {found.read(name) for name in names} >= set(HOSTILE)
        assert found.read("Not in this zip.txt").decode().endswith("/names/a link -> /etc/passwd\r\n")

    def test_has_a_name_that_no_header_breaks(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        laptop.device.name = 'a"b\r\nSet-Cookie: x=y; ü/../'
        laptop.device.save()

        answer = send(signed_in(make_sysadmin()), laptop, snapshot, documents / "letters", sure="yes")

        assert answer["Content-Disposition"] == f'attachment; filename="a-b-Set-Cookie-x-y {snapshot[:8]}.zip"'
        zipped(answer)

    def test_of_nothing_says_so(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())

        assert "Choose files or folders first" in words(send(ada, laptop, snapshot))
        assert "This snapshot has no /nowhere" in words(send(ada, laptop, snapshot, "/nowhere", sure="yes"))
        assert "Choose at most 200" in words(send(ada, laptop, snapshot, "/../etc/passwd", sure="yes"))
        assert "Choose a snapshot first" in words(send(ada, laptop, "--help", documents, sure="yes"))
        assert "Choose a snapshot first" in page(ada, laptop, "files", snapshot="latest")

    def test_shows_no_password(self, laptop: LiveArchive, large: Path) -> None:
        snapshot = laptop.back_up(large)
        archive = archive_of(laptop.device)
        download = ZipDownload(
            archive, ChosenPaths(snapshot, [str(large)], ()), reading_slots.take(ReadingKind.DOWNLOAD, 1), lambda: True
        )
        download.begin()

        running = restic_processes(snapshot)
        download.close()

        assert len(running) == 1
        assert laptop.backing_up.password not in "".join(running.values()) + repr(archive)

    def test_that_the_browser_leaves_leaves_nothing(self, laptop: LiveArchive, large: Path) -> None:
        snapshot = laptop.back_up(large)
        ada, bea, cleo = (signed_in(make_sysadmin(name)) for name in ("ada", "bea", "cleo"))

        answers = [send(ada, laptop, snapshot, large, sure="yes")]
        second = send(ada, laptop, snapshot, large, sure="yes")
        answers.append(send(bea, laptop, snapshot, large, sure="yes"))
        for answer in answers:
            next(iter(answer.streaming_content))
        assert len(restic_processes(snapshot)) == 2
        refused = send(cleo, laptop, snapshot, large, sure="yes")
        for answer in answers:
            # As the web server does; the response's own way would close the connection to the database of the test.
            answer._iterator.close()

        assert "As many archives are read as may be at once" in words(refused)
        # One person never has all the places.
        assert "or you read one already" in words(second)
        assert restic_processes(snapshot) == {}
        assert zipped(send(ada, laptop, snapshot, large, sure="yes")).namelist() == [str(large)[1:]]

    def test_that_breaks_off_has_no_end(self, laptop: LiveArchive, large: Path) -> None:
        snapshot = laptop.back_up(large)
        answer = send(signed_in(make_sysadmin()), laptop, snapshot, large, sure="yes")
        pieces = iter(answer.streaming_content)
        next(pieces)

        (running,) = restic_processes(snapshot)
        os.kill(running, signal.SIGKILL)

        with pytest.raises(ReadingFailed):
            list(pieces)
        assert restic_processes(snapshot) == {}

    def test_ends_when_the_right_to_it_ends(
        self, laptop: LiveArchive, large: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("console.views.restores.downloads.LOOKED_EVERY", 0.0)
        olga = make_user("olga", org=Org.objects.get(name="Left"), roles=["Org Admin"])
        snapshot = laptop.back_up(large)
        pieces = iter(send(signed_in(olga), laptop, snapshot, large, sure="yes").streaming_content)
        next(pieces)
        next(pieces)

        olga.grants.all().delete()

        with pytest.raises(ReadingFailed, match="has ended"):
            list(pieces)
        assert restic_processes(snapshot) == {}

    def test_of_a_damaged_archive_does_not_begin(self, laptop: LiveArchive, large: Path) -> None:
        snapshot = laptop.back_up(large)
        for path in (laptop.path / "data").glob("*/*"):
            path.unlink()

        answer = send(signed_in(make_sysadmin()), laptop, snapshot, large, sure="yes")

        assert "The archive could not be read" in words(answer)
        assert not AuditEntry.objects.filter(action="files downloaded").exists()


class TestWhoMay:
    def test_people_restore_their_own_files(
        self, laptop: LiveArchive, snapshot: str, documents: Path, ann: User
    ) -> None:
        browser = signed_in(ann)

        assert "laptop" in browser.get(reverse("restores:list")).content.decode()
        assert "your own device" in page(browser, laptop)
        assert len(zipped(send(browser, laptop, snapshot, documents / "letters", sure="yes")).namelist()) == 2

    def test_nobody_finds_those_of_others(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        strangers = [
            make_user("eve", org=Org.objects.get(name="Left"), roles=["PROe User", "Desktop User"]),
            make_user("olga", org=make_org("Right"), roles=["Org Admin"]),
            make_user("max", org=Org.objects.get(name="Right"), roles=["Org Manager"]),
        ]
        for stranger in strangers:
            browser = signed_in(stranger)
            for name in ("detail", "files"):
                address = reverse(f"restores:{name}", args=[laptop.device.pk])
                assert browser.get(address, {"snapshot": snapshot}).status_code == 404
            assert send(browser, laptop, snapshot, documents, sure="yes").status_code == 404
            assert "laptop" not in browser.get(reverse("restores:list")).content.decode()

    def test_a_limited_role_restores_up_to_its_limit(
        self, laptop: LiveArchive, snapshot: str, documents: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(restore_rights, "LIMITED_BYTES", 1000)
        browser = signed_in(make_user("max", org=Org.objects.get(name="Left"), roles=["Org Manager"]))

        too_much = send(browser, laptop, snapshot, documents, sure="yes")

        assert "the most that you may download at a time" in words(too_much)
        assert len(zipped(send(browser, laptop, snapshot, documents / "letters", sure="yes")).namelist()) == 2

    def test_files_of_somebody_who_holds_more_stay_closed(
        self, laptop: LiveArchive, snapshot: str, documents: Path
    ) -> None:
        browser = signed_in(make_user("olga", org=Org.objects.get(name="Left"), roles=["Org Admin"]))
        laptop.device.user.roles.add(Role.objects.get(name="SYSADMIN"))

        refusal = "Only somebody who holds it too may restore their files"
        assert refusal in page(browser, laptop)
        assert refusal in page(browser, laptop, "files", snapshot=snapshot)
        assert refusal in words(send(browser, laptop, snapshot, documents, sure="yes"))


class TestWhatCanNotBeRead:
    def test_is_said_in_words(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        ada = signed_in(make_sysadmin())
        archive, repository = Archive.objects.get(device=laptop.device), Repository.objects.get()
        in_cold = {"state": ArchiveState.COLD_STORAGE, "cold_since": NOW, "expires_at": NOW}
        states: list[tuple[dict[str, Any], dict[str, Any], str]] = [
            ({"state": ArchiveState.EXPIRED, "purge_at": NOW}, {}, "The archive has expired"),
            (in_cold, {"location": RepositoryLocation.COLD}, "nothing is restored from there"),
            ({}, {"location": RepositoryLocation.MOVING}, "on its way between live and cold storage"),
            ({}, {"key_holder": KeyHolder.USER, "password": ""}, "The user alone has the password"),
        ]
        for of_archive, of_repository, expected in states:
            Archive.objects.filter(pk=archive.pk).update(**of_archive)
            Repository.objects.filter(pk=repository.pk).update(**of_repository)
            assert expected in page(ada, laptop)
            assert expected in page(ada, laptop, "files", snapshot=snapshot)
            assert expected in words(send(ada, laptop, snapshot, documents, sure="yes"))
            archive.save()
            repository.save()

    def test_in_cold_storage_stays_there(self, laptop: LiveArchive, snapshot: str, documents: Path) -> None:
        devices.deactivate(device_ids=[laptop.device.pk], by=SYSTEM, at=NOW)

        assert "nothing is restored from there" in page(signed_in(make_sysadmin()), laptop)

    def test_in_time_is_ended(self, laptop: LiveArchive, snapshot: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(snapshots, "LISTED_WITHIN", 0.01)

        assert "It took too long" in page(signed_in(make_sysadmin()), laptop, "files", snapshot=snapshot)

    def test_before_the_first_backup_is_nothing(self, laptop: LiveArchive) -> None:
        assert "There is no snapshot yet" in page(signed_in(make_sysadmin()), laptop)
