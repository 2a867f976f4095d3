"""The archive of a custodian is packed with a list of digests, by real restic, and downloaded by who may restore it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from pytest_django import Settings

from orgs.actions.errors import Refused
from orgs.actions.matters import hold_exports
from orgs.backups.folder_locks import locked
from orgs.backups.restic import archive_export, local_restic
from orgs.backups.storage_roots import storage_roots
from orgs.models import AuditEntry, Device, ExportState, HoldExport, Matter, Repository, User
from orgs.rules.actors import SYSTEM, person
from tests.makers import PASSWORD, make_matter, make_org, make_sysadmin, make_user, signed_in
from tests.stored_archives import make_roots
from tests.worlds import NOON, device

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed"),
]
KEY = "p" * 43
NAMES = {"report.txt": b"first", "odd\nname.txt": b"second", "back\\slash": b"third"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two snapshots: the second has changed content."""
    base = tmp_path_factory.mktemp("template")
    folder, files = base / "repository", base / "files"
    files.mkdir()

    def restic(*arguments: str) -> None:
        done = local_restic.run(folder, KEY, *arguments, go_on=lambda: None)
        assert done.went_well, done.words

    restic("init")
    for day, suffix in ((1, b" old"), (2, b"")):
        for name, content in NAMES.items():
            (files / name).write_bytes(content + suffix)
        restic("backup", "--host", "computer", "--time", f"2026-01-0{day} 12:00:00", str(files))
    return folder


@pytest.fixture
def laptop(template: Path, tmp_path: Path, settings: Settings) -> Device:
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", tmp_path / "cold"
    make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
    made = device(make_user("wendy", org=make_org("Company")))
    shutil.copytree(template, storage_roots().live.repository(made.guid))
    Repository.objects.create(archive=made.archives.get(), password=KEY, counted_at=NOON)
    return made


@pytest.fixture
def matter(laptop: Device) -> Matter:
    return make_matter("Inquiry", laptop.user)


@pytest.fixture
def ada(db: None) -> User:
    return make_sysadmin()


def requested(matter: Matter, laptop: Device, *, every: bool = False, by: User | None = None) -> HoldExport:
    actor = person(by) if by else SYSTEM
    return hold_exports.request(matter=matter, device_id=laptop.pk, every_snapshot=every, by=actor, at=NOON)


def carry_out() -> int:
    return hold_exports.carry_out_waiting(clock=lambda: NOON, stay=lambda: None)


def test_the_newest_snapshot_is_packed_with_the_digest_of_each_file(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)

    assert carry_out() == 1

    export.refresh_from_db()
    assert (export.state, export.file_count, export.message) == (ExportState.DONE, 3, "")
    folder = hold_exports.folder(export.pk)
    [tar] = folder.glob("*.tar")
    with tarfile.open(tar) as packed:
        found = {Path(member.name).name: content.read() for member in packed if (content := packed.extractfile(member))}
    assert found == NAMES
    (folder / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", str(tar), "-C", str(folder / "unpacked")], capture_output=True, check=True)
    # The tools of the system agree about the parts, and about the files in them.
    for where, sums in ((folder, folder / "SHA256SUMS"), (folder / "unpacked", tar.with_suffix(".sha256"))):
        checked = subprocess.run(
            ["sha256sum", "--strict", "-c", str(sums)], cwd=where, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
    about = json.loads((folder / "export.json").read_text())
    assert (about["matter"], about["user"], about["guid"]) == ("Inquiry", "wendy", laptop.guid)
    assert [each["time"][:10] for each in about["snapshots"]] == ["2026-01-02"]
    actions = AuditEntry.objects.filter(action__startswith="hold export").order_by("pk")
    assert [entry.action for entry in actions] == ["hold export requested", "hold export made"]
    assert KEY not in json.dumps([[entry.before, entry.after] for entry in actions])


def test_every_snapshot_is_packed_where_that_was_chosen(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop, every=True)

    carry_out()

    names = sorted(path.name[:10] for path in hold_exports.folder(export.pk).glob("*.tar"))
    assert names == ["2026-01-01", "2026-01-02"]


def test_an_export_whose_worker_was_killed_is_made_anew(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)
    HoldExport.objects.update(state=ExportState.WORKING)
    left = hold_exports.folder(export.pk)
    left.mkdir(parents=True)
    (left / "half.tar").write_bytes(b"half")

    assert carry_out() == 1

    assert not (left / "half.tar").exists()


def test_it_waits_while_another_process_works_on_the_archive(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)

    with locked(storage_roots().live, laptop.guid):
        assert carry_out() == 0

    export.refresh_from_db()
    assert export.state == ExportState.WAITING


def test_damage_fails_it_in_words_and_leaves_nothing(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)
    for pack in (storage_roots().live.repository(laptop.guid) / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()

    carry_out()

    export.refresh_from_db()
    assert export.state == ExportState.FAILED
    assert "restic failed" in export.message
    assert not hold_exports.folder(export.pk).exists()


def test_the_newest_snapshot_is_so_in_all_time_zones(
    matter: Matter, laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 10:30 UTC, after a journey to the west; the one before was made at 10:00 UTC, in the east.
    moments = {
        b"2026-01-02T12:00:00Z": b"2026-01-03T05:30:00-05:00",
        b"2026-01-01T12:00:00Z": b"2026-01-03T12:00:00+02:00",
    }
    real = local_restic.run

    def run(*arguments: Any, output: Any, **options: Any) -> Any:
        done = real(*arguments, output=output, **options)
        if "snapshots" in arguments:
            output.seek(0)
            text = output.read()
            for utc, local in moments.items():
                assert utc in text
                text = text.replace(utc, local)
            output.seek(0)
            output.write(text)
        return done

    monkeypatch.setattr(local_restic, "run", run)
    export = requested(matter, laptop)

    carry_out()

    [snapshot] = json.loads((hold_exports.folder(export.pk) / "export.json").read_text())["snapshots"]
    assert snapshot["time"] == "2026-01-03T05:30:00-05:00"


def test_one_that_nobody_can_read_does_not_stop_the_next(
    matter: Matter, laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = requested(matter, laptop)
    monkeypatch.setattr(archive_export, "_write_sums", Mock(side_effect=tarfile.ReadError("bad checksum")))

    assert carry_out() == 1

    export.refresh_from_db()
    assert (export.state, export.message) == (ExportState.FAILED, "bad checksum")


def test_nothing_is_packed_of_somebody_who_was_released_meanwhile(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)
    matter.custodians.update(released_at=NOON)

    carry_out()

    export.refresh_from_db()
    assert (export.state, export.message) == (ExportState.FAILED, "the matter does not hold this user any more")
    assert not hold_exports.folder(export.pk).exists()


def test_files_that_no_export_has_are_removed(matter: Matter, laptop: Device) -> None:
    export, other = requested(matter, laptop), hold_exports.folder(10**6)
    carry_out()
    removed = hold_exports.folder(export.pk + 1)
    for left in (other, removed):
        left.mkdir(parents=True)
        (left / "left.tar").write_bytes(b"left")

    carry_out()

    assert not other.exists()
    assert not removed.exists()
    assert (hold_exports.folder(export.pk) / "SHA256SUMS").exists()


def test_files_are_removed_when_they_expire(matter: Matter, laptop: Device) -> None:
    export = requested(matter, laptop)
    carry_out()

    hold_exports.carry_out_waiting(clock=lambda: NOON + timedelta(days=15), stay=lambda: None)

    export.refresh_from_db()
    assert export.state == ExportState.REMOVED
    assert not hold_exports.folder(export.pk).exists()


class TestWhoMay:
    def test_nobody_whose_roles_restore_no_files_of_this_user(self, matter: Matter, laptop: Device) -> None:
        manager = make_user("mona", roles=["All Org Manager"], password=PASSWORD)
        with pytest.raises(Refused, match="do not let you restore"):
            requested(matter, laptop, by=manager)
        assert signed_in(manager).get(f"/legal-holds/{matter.pk}/exports/").status_code == 403

    def test_nobody_from_another_org(self, matter: Matter, laptop: Device) -> None:
        olga = make_user("olga", org=make_org("Other"), roles=["Org Admin"], password=PASSWORD)
        export = requested(matter, laptop)

        client = signed_in(olga)
        assert client.get(f"/legal-holds/{matter.pk}/exports/").status_code == 404
        answer = client.post(f"/legal-holds/{matter.pk}/exports/{export.pk}/download/", {"part": "SHA256SUMS"})
        assert answer.status_code == 404

    def test_nobody_less_than_the_user(self, matter: Matter, laptop: Device) -> None:
        olga = make_user("olga", org=laptop.user.org, roles=["Org Admin"], password=PASSWORD)
        laptop.user.grants.create(role=make_sysadmin("root").roles.get())
        with pytest.raises(Refused, match="holds more than you do"):
            requested(matter, laptop, by=olga)

    def test_nobody_less_than_the_user_removes_one(self, matter: Matter, laptop: Device) -> None:
        export = requested(matter, laptop)
        olga = make_user("olga", org=laptop.user.org, roles=["Org Admin"], password=PASSWORD)
        laptop.user.grants.create(role=make_sysadmin("root").roles.get())
        with pytest.raises(Refused, match="holds more than you do"):
            hold_exports.remove(export_id=export.pk, by=person(olga), at=NOON)

    def test_not_of_somebody_whom_the_matter_does_not_hold(self, matter: Matter, laptop: Device) -> None:
        other = device(make_user("stan"))
        with pytest.raises(Refused, match="no device of a custodian"):
            requested(matter, other)

    def test_not_where_the_user_holds_the_key(self, matter: Matter, laptop: Device) -> None:
        Repository.objects.update(key_holder="user", password="")
        with pytest.raises(Refused, match="holds the password"):
            requested(matter, laptop)

    def test_not_twice_at_once(self, matter: Matter, laptop: Device) -> None:
        requested(matter, laptop)
        with pytest.raises(Refused, match="under way already"):
            requested(matter, laptop)


class TestThePages:
    @pytest.fixture
    def client(self, ada: User) -> Client:
        return signed_in(ada)

    def test_from_the_request_to_the_download_and_the_removal(
        self, client: Client, matter: Matter, laptop: Device
    ) -> None:
        exports = f"/legal-holds/{matter.pk}/exports/"
        assert f"exports/add/?device={laptop.pk}" in client.get(exports).content.decode()
        asked = client.get(f"{exports}add/?device={laptop.pk}")
        assert "Export laptop of wendy?" in asked.content.decode()
        client.post(f"{exports}add/", {"device": laptop.pk, "snapshots": "newest"})
        carry_out()
        export = HoldExport.objects.get()
        text = client.get(exports).content.decode()
        tar = next(part for part in export.files if part["name"].endswith(".tar"))
        assert tar["sha256"] in text

        answer = client.post(f"{exports}{export.pk}/download/", {"part": tar["name"]})

        content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        answer.close()
        assert hashlib.sha256(content).hexdigest() == tar["sha256"]
        with tarfile.open(fileobj=io.BytesIO(content)) as packed:
            assert packed.getnames()
        assert AuditEntry.objects.get(action="hold export downloaded").after["part"] == tar["name"]

        assert "are deleted" in client.get(f"{exports}{export.pk}/remove/").content.decode()
        client.post(f"{exports}{export.pk}/remove/")
        assert not hold_exports.folder(export.pk).exists()
        assert client.post(f"{exports}{export.pk}/download/", {"part": tar["name"]}).status_code == 404

    @pytest.mark.parametrize("part", ["../secret_key", "nothing.tar", "", "..%2fsecret_key", "/etc/passwd"])
    def test_no_other_file_is_sent(self, client: Client, matter: Matter, laptop: Device, part: str) -> None:
        export = requested(matter, laptop)
        carry_out()
        answer = client.post(f"/legal-holds/{matter.pk}/exports/{export.pk}/download/", {"part": part})
        assert answer.status_code == 404

    def test_a_device_is_found_by_its_user(self, client: Client, matter: Matter, laptop: Device) -> None:
        exports = f"/legal-holds/{matter.pk}/exports/"
        assert "exports/add/" in client.get(exports, {"q": "wend"}).content.decode()
        assert "No custodian here has" in client.get(exports, {"q": "nobody"}).content.decode()
