"""What an action decides about archives happens to their folders, and rows and folders fit each other at all times."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from directory.invariants import broken
from orgs.actions import archives, devices, legal_holds
from orgs.actions.backups import move_turns, repository_folders, sizes
from orgs.actions.users import deactivation
from orgs.backups import folder_moves, folder_sizes
from orgs.backups.folder_locks import locked
from orgs.backups.folder_sizes import FolderSize
from orgs.backups.move_errors import MoveStopped
from orgs.backups.move_signal import moves_begun
from orgs.backups.storage_roots import StorageRoots, storage_roots
from orgs.models import Archive, ArchiveMove, ArchiveState, AuditEntry, Repository, User
from orgs.rules.actors import SYSTEM
from tests.archive_folders import OTHER_DISK, contents, folders_in, other_disk
from tests.makers import make_device, make_matter, make_users
from tests.stored_archives import StoredArchive, make_roots, move_all, stored_archive
from tests.worlds import user

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LATER = timedelta(days=400)
AT_LAST = timedelta(days=500)


@pytest.fixture
def roots(settings: Settings, tmp_path: Path) -> Iterator[StorageRoots]:
    """Storage roots on two file systems, where this machine has them."""
    with other_disk() as folder:
        two = OTHER_DISK.stat().st_dev != tmp_path.stat().st_dev
        settings.ARCHIVES, settings.COLD_STORAGE = tmp_path / "live", (folder if two else tmp_path) / "cold"
        make_roots(settings.ARCHIVES, settings.COLD_STORAGE)
        yield storage_roots()


@pytest.fixture
def sean() -> User:
    return user("sean")


@pytest.fixture
def stored(sean: User, roots: StorageRoots) -> StoredArchive:
    return stored_archive(sean)


def deactivate(owner: User) -> None:
    deactivation.deactivate(user_ids=[owner.pk], by=SYSTEM, at=timezone.now())


def reactivate(owner: User) -> None:
    deactivation.reactivate(user_ids=[owner.pk], by=SYSTEM, at=timezone.now())


def nothing_is_broken() -> bool:
    return [str(each) for each in broken(at=timezone.now() + timedelta(seconds=2))] == []


class TestADeactivation:
    def test_sends_the_folder_to_cold_storage(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        deactivate(sean)
        assert stored.state() == ("cold storage", "moving", "cold")
        assert stored.whole_in(roots.live)
        assert nothing_is_broken()
        # As if something had been stored since the last count: the move counts, too.
        Archive.objects.update(size_bytes=1)

        move_all()

        assert stored.state() == ("cold storage", "cold", None)
        assert stored.whole_in(roots.cold)
        assert folders_in(roots.live) == set()
        size = Archive.objects.get().size_bytes
        assert size == stored.archive.size_bytes
        assert nothing_is_broken()

    def test_that_is_taken_back_before_it_was_carried_out_leaves_the_folder(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        reactivate(sean)
        move_all()
        assert stored.state() == ("live", "live", None)
        assert stored.whole_in(roots.live)
        assert nothing_is_broken()

    def test_that_is_taken_back_in_the_middle_of_the_copy_turns_round(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        left = [None] * 4
        with pytest.raises(IndexError):
            move_turns.carry_out_waiting(clock=timezone.now, stay=left.pop)
        assert folders_in(roots.live) == {f".leaving/{stored.guid}"}
        assert nothing_is_broken()
        reactivate(sean)
        assert stored.state() == ("live", "moving", "live")

        move_all()

        assert stored.state() == ("live", "live", None)
        assert stored.whole_in(roots.live)
        assert folders_in(roots.cold) == set()
        assert nothing_is_broken()

    def test_that_is_taken_back_while_the_worker_ends_the_move_is_not_overwritten(
        self, sean: User, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deactivate(sean)
        real = folder_moves.move

        def move_and_reactivate(*args: object, **values: object) -> None:
            real(*args, **values)  # type: ignore[arg-type]
            monkeypatch.setattr(folder_moves, "move", real)
            reactivate(sean)

        monkeypatch.setattr(folder_moves, "move", move_and_reactivate)
        move_all()
        assert stored.state() == ("live", "moving", "live")
        assert stored.whole_in(roots.cold)
        move_all()
        assert stored.state() == ("live", "live", None)
        assert stored.whole_in(roots.live)
        assert nothing_is_broken()

    def test_of_a_device_that_has_not_backed_up_yet_ends_without_a_folder(
        self, sean: User, roots: StorageRoots
    ) -> None:
        archive = make_device(sean, size_bytes=0).archives.get()
        Repository.objects.create(archive=archive, password="b" * 43)
        deactivate(sean)
        move_all()
        assert Repository.objects.get().location == "cold"
        reactivate(sean)
        move_all()
        assert Repository.objects.get().location == "live"
        assert nothing_is_broken()

    def test_of_people_without_repositories_costs_no_statement_for_each(self, roots: StorageRoots) -> None:
        counts = []
        for name, people in (("few", 20), ("many", 200)):
            users = make_users([f"{name}{number:03}" for number in range(people)])
            for each in users:
                make_device(each)
            with CaptureQueriesContext(connection) as queries:
                deactivation.deactivate(user_ids=[each.pk for each in users], by=SYSTEM, at=timezone.now())
            counts.append(len(queries))
            statements = [query["sql"].upper() for query in queries]
            assert any("ORGS_ARCHIVE" in each for each in statements)
            assert not [each for each in statements if "ORGS_ARCHIVEMOVE" in each]
        assert counts[0] == counts[1]


class TestAReactivation:
    def test_brings_the_folder_back(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        deactivate(sean)
        move_all()
        reactivate(sean)
        assert stored.state() == ("live", "moving", "live")
        assert nothing_is_broken()

        move_all()

        assert stored.state() == ("live", "live", None)
        assert stored.whole_in(roots.live)
        assert folders_in(roots.cold) == set()
        assert nothing_is_broken()


class TestAStoppedMove:
    def test_says_which_file_is_damaged_and_goes_on_once_it_is_good(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        if roots.live.path.stat().st_dev == roots.cold.path.stat().st_dev:
            pytest.skip("files are compared with their names only between two file systems")
        deactivate(sean)
        name = next(name for name in stored.files if name.startswith("data/") and stored.files[name])
        file = roots.live.repository(stored.guid) / name
        good = file.read_bytes()
        file.write_bytes(b"x")

        for tries in (1, 2):
            move_all(stopped=tries > 1)
            move = ArchiveMove.objects.get()
            assert move.tries == tries
            assert f"{roots.live.leaving(stored.guid) / name} is damaged" in move.error
        assert nothing_is_broken()

        (roots.live.leaving(stored.guid) / name).write_bytes(good)
        move_all()
        assert ArchiveMove.objects.exists(), "what was stopped is left for the bell of stopped moves"
        move_all(stopped=True)
        assert stored.state() == ("cold storage", "cold", None)
        assert stored.whole_in(roots.cold)

    def test_keeps_no_other_waiting(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        other = stored_archive(user("mia"))
        roots.live.repository(stored.guid).rename(roots.live.path / "by hand")
        deactivate(sean)
        deactivate(User.objects.get(username="mia"))
        move_all()
        assert "is not there" in ArchiveMove.objects.get().error
        assert other.whole_in(roots.cold)
        (roots.live.path / "by hand").rename(roots.live.repository(stored.guid))
        move_all(stopped=True)
        assert stored.whole_in(roots.cold)

    def test_to_a_disk_that_is_not_mounted_says_so(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        # The place of a disk is a folder, also while the disk is away.
        roots.cold.mark.unlink()
        deactivate(sean)
        move_all()
        assert "Is its disk mounted?" in ArchiveMove.objects.get().error
        assert stored.state() == ("cold storage", "moving", "cold")
        assert list(roots.cold.path.iterdir()) == []

    def test_waits_for_whoever_works_on_the_folder(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        with locked(roots.live, stored.guid):
            move_all()
        assert (ArchiveMove.objects.get().tries, ArchiveMove.objects.get().error) == (0, "")
        assert stored.whole_in(roots.live)
        move_all()
        assert stored.whole_in(roots.cold)

    def test_that_fails_in_a_way_nobody_thought_of_keeps_no_other_waiting(
        self,
        sean: User,
        stored: StoredArchive,
        roots: StorageRoots,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        # Test processes that report to another one can't send this name.
        caplog.set_level(logging.CRITICAL, logger="rollcall.archives")
        other = stored_archive(user("mia"))
        real = folder_moves.move
        for problem in (ValueError("a name of \udcff"), OperationalError("database is locked")):
            # Both ways once, so that each is moved again.
            deactivate(sean)
            deactivate(User.objects.get(username="mia"))

            def fail(guid: str, problem: Exception = problem, **values: object) -> None:
                if guid == stored.guid:
                    raise problem
                real(guid, **values)  # type: ignore[arg-type]

            monkeypatch.setattr(folder_moves, "move", fail)
            move_all()
            assert other.whole_in(roots.cold)
            monkeypatch.setattr(folder_moves, "move", real)
            move_all(stopped=True)
            move_all()
            assert stored.whole_in(roots.cold)
            reactivate(sean)
            reactivate(User.objects.get(username="mia"))
            move_all()

    def test_names_files_whose_names_are_no_text(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        if roots.live.path.stat().st_dev == roots.cold.path.stat().st_dev:
            pytest.skip("only copies look at each file")
        (roots.live.repository(stored.guid) / os.fsdecode(b"\xff")).touch()
        deactivate(sean)
        move_all()
        assert "\\udcff is no file of a repository" in ArchiveMove.objects.get().error

    def test_whose_error_came_from_the_way_before_has_none(
        self, sean: User, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deactivate(sean)

        def turn_round_and_stop(*_args: object, **_values: object) -> None:
            reactivate(sean)
            raise MoveStopped("of the way to cold storage")

        monkeypatch.setattr(folder_moves, "move", turn_round_and_stop)
        move_all()
        move = ArchiveMove.objects.get()
        assert (move.to, move.error, move.tries) == ("live", "", 0)

    def test_whose_turn_ends_with_its_error_keeps_it(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        roots.cold.mark.unlink()
        deactivate(sean)
        move_turns.carry_out_waiting(clock=timezone.now, stay=lambda: None, turn=0.0)
        assert "Is its disk mounted?" in ArchiveMove.objects.get().error

    def test_whose_lock_can_not_be_made_says_so(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        deactivate(sean)
        (roots.live.path / ".locks").write_text("a file")
        move_all()
        assert f"{roots.live.path / '.locks'}" in ArchiveMove.objects.get().error
        assert "Nothing was lost" in ArchiveMove.objects.get().error


class TestATurn:
    def test_takes_those_first_that_somebody_waits_for(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        mia = user("mia")
        other = stored_archive(mia)
        deactivate(mia)
        move_all()
        deactivate(sean)
        reactivate(mia)
        move_turns.carry_out_waiting(clock=timezone.now, stay=lambda: None, turn=0.0)
        assert folders_in(roots.live) != {stored.guid}
        assert stored.whole_in(roots.live), "its move has not begun"
        move_all()
        assert other.whole_in(roots.live)

    def test_is_given_to_the_others_after_a_long_one(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        if roots.live.path.stat().st_dev == roots.cold.path.stat().st_dev:
            pytest.skip("a rename is never long")
        mia = user("mia")
        other = stored_archive(mia)
        deactivate(sean)
        deactivate(mia)
        for _ in range(2):
            assert move_turns.carry_out_waiting(clock=timezone.now, stay=lambda: None, turn=0.0)
        # Each has had its turn.
        assert folders_in(roots.live) == {f".leaving/{stored.guid}", f".leaving/{other.guid}"}
        move_all()
        assert stored.whole_in(roots.cold)

    def test_that_is_over_leaves_the_rest_for_the_next_one_and_each_copies_something(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        turns = 0
        while move_turns.carry_out_waiting(clock=timezone.now, stay=lambda: None, turn=0.0):
            turns += 1
            assert turns < 50
        assert stored.whole_in(roots.cold)
        assert not ArchiveMove.objects.exists()


class TestAPurge:
    def test_deletes_folders_and_then_the_row(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        deactivate(sean)
        move_all()
        now = timezone.now()
        archives.age(by=SYSTEM, at=now + LATER)
        archives.age(by=SYSTEM, at=now + AT_LAST)
        assert stored.whole_in(roots.cold)

        move_all(at=now + AT_LAST)

        assert (folders_in(roots.live), folders_in(roots.cold)) == (set(), set())
        assert not Archive.objects.exists()
        entry = AuditEntry.objects.get(action="archive purged")
        assert (entry.object_id, entry.before) == (stored.archive.pk, {"size_bytes": stored.archive.size_bytes})
        assert nothing_is_broken()

    def test_is_called_off_by_a_hold_that_came_after_it_was_decided(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        self._decided(sean)
        legal_holds.add_custodians(matter=make_matter(), user_ids=[sean.pk], by=SYSTEM, at=timezone.now())

        move_all()
        move_all()

        assert stored.state() == ("expired", "cold", None)
        assert stored.whole_in(roots.cold)
        assert not AuditEntry.objects.filter(action="archive purged").exists()

    def test_is_called_off_by_a_hold_that_comes_before_the_first_file_is_deleted(
        self, sean: User, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._decided(sean)
        begin = folder_moves.begin_purge

        def begin_and_hold(*args: object, **values: object) -> bool:
            begun = begin(*args, **values)  # type: ignore[arg-type]
            assert folders_in(roots.cold) == {f".gone/{stored.guid}"}
            legal_holds.add_custodians(matter=make_matter(), user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
            return begun

        monkeypatch.setattr(folder_moves, "begin_purge", begin_and_hold)
        move_all()
        move_all()
        assert stored.state() == ("expired", "cold", None)
        assert stored.whole_in(roots.cold)
        assert nothing_is_broken()

    def test_that_was_killed_before_the_first_file_is_called_off_by_a_hold(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        self._decided(sean)
        folder_moves.begin_purge(stored.guid, roots=roots.both)
        legal_holds.add_custodians(matter=make_matter(), user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
        move_all()
        move_all()
        assert stored.state() == ("expired", "cold", None)
        assert stored.whole_in(roots.cold)

    def test_that_has_deleted_something_keeps_the_rest_until_a_hold_is_released(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        self._decided(sean)
        left = [None] * 4
        with pytest.raises(IndexError):
            move_turns.carry_out_waiting(clock=timezone.now, stay=left.pop)
        rest = contents(roots.cold.gone(stored.guid))
        assert 0 < len(rest) < len(stored.files)
        matter = make_matter()
        legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
        move_all()
        sizes.remove_rubbish(at=timezone.now() + timedelta(days=9))
        assert "deleted once the hold is released" in ArchiveMove.objects.get().error
        assert contents(roots.cold.gone(stored.guid)) == rest

        legal_holds.release(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=timezone.now())
        move_all(stopped=True)
        assert not Archive.objects.exists()
        assert folders_in(roots.cold) == set()

    def test_that_was_killed_before_its_row_was_gone_ends(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        self._decided(sean)
        folder_moves.begin_purge(stored.guid, roots=roots.both)
        assert nothing_is_broken()
        folder_moves.purge(stored.guid, roots=roots.both)
        assert nothing_is_broken()
        move_all()
        assert not Archive.objects.exists()
        assert folders_in(roots.cold) == set()

    def test_that_finds_no_folder_keeps_the_row(self, sean: User, stored: StoredArchive, roots: StorageRoots) -> None:
        self._decided(sean)
        roots.cold.repository(stored.guid).rename(roots.cold.path / "by hand")
        move_all()
        assert "is not there" in ArchiveMove.objects.get().error
        assert Archive.objects.exists()
        # A person says that it is lost for good.
        roots.cold.repository(stored.guid).mkdir()
        move_all(stopped=True)
        assert not Archive.objects.exists()

    def test_touches_no_file_inside_a_transaction(
        self, sean: User, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._decided(sean)
        around = len(connection.savepoint_ids)
        steps = list[str]()

        def watched(name: str) -> None:
            real = getattr(folder_moves, name)

            def step(*args: object, **values: object) -> object:
                steps.append(name)
                assert len(connection.savepoint_ids) == around
                return real(*args, **values)

            monkeypatch.setattr(folder_moves, name, step)

        for name in ("begin_purge", "purge", "end_purge"):
            watched(name)
        move_all()
        assert steps == ["begin_purge", "purge", "end_purge"]

    def test_deletes_nothing_while_a_disk_is_not_mounted(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        self._decided(sean)
        away = roots.cold.path.with_name("unmounted")
        roots.cold.path.rename(away)
        move_all()
        assert "Is its disk mounted?" in ArchiveMove.objects.get().error
        roots.cold.path.mkdir()
        move_all(stopped=True)
        assert "Is its disk mounted?" in ArchiveMove.objects.get().error
        assert Archive.objects.get().state == ArchiveState.EXPIRED
        assert [each.rule for each in broken(at=timezone.now())] == ["I17.6"]
        roots.cold.path.rmdir()
        away.rename(roots.cold.path)
        move_all(stopped=True)
        assert not Archive.objects.exists()

    def _decided(self, sean: User) -> None:
        deactivate(sean)
        move_all()
        now = timezone.now()
        archives.age(by=SYSTEM, at=now + LATER)
        archives.age(by=SYSTEM, at=now + AT_LAST)
        assert ArchiveMove.objects.get().to == "gone"

    def test_leaves_the_archives_of_a_database_from_a_backup(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        move_all()
        folder_moves.begin_purge(stored.guid, roots=roots.both)
        later = timezone.now() + timedelta(days=9)
        assert sizes.remove_rubbish(at=later) == 0
        assert contents(roots.cold.gone(stored.guid)) == stored.files
        assert {each.rule for each in broken(at=timezone.now())} == {"I17.6"}


class TestSizes:
    def test_are_counted_when_something_was_stored_and_once_a_day(
        self, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        data = roots.live.repository(stored.guid) / "data"
        assert self._counted() == 0
        (data / "ff").mkdir(exist_ok=True)
        (data / "ff" / ("f" * 64)).write_bytes(b"x" * 1000)
        assert self._counted() == 0
        Repository.objects.update(counted_at=None)
        assert self._counted() == 1
        assert Archive.objects.get().size_bytes == stored.archive.size_bytes + 1000
        (data / "ff" / ("f" * 64)).unlink()
        assert self._counted(days=2) == 1
        assert Archive.objects.get().size_bytes == stored.archive.size_bytes

    def test_of_an_archive_on_its_way_are_left_to_its_move(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        assert self._counted(days=2) == 0

    def test_whose_folder_is_missing_stay_as_they_are(self, stored: StoredArchive, roots: StorageRoots) -> None:
        roots.live.repository(stored.guid).rename(roots.live.path / "by hand")
        assert self._counted(days=2) == 0
        assert Archive.objects.get().size_bytes == stored.archive.size_bytes

    def test_are_counted_beside_the_removal_of_old_uploads(self, stored: StoredArchive, roots: StorageRoots) -> None:
        uploads = roots.live.repository(stored.guid) / ".tmp"
        uploads.mkdir()
        (uploads / "half").touch()
        assert self._counted(days=2) == 1
        assert not (uploads / "half").exists()

    def test_count_again_what_came_while_they_were_counted(
        self, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Repository.objects.update(counted_at=None)
        real = folder_sizes.count

        def count_and_store(folder: Path) -> FolderSize:
            found = real(folder)
            monkeypatch.setattr(folder_sizes, "count", real)
            (folder / "snapshots" / ("f" * 64)).write_bytes(b"x" * 1000)
            repository_folders.note_snapshot(stored.guid)
            return found

        monkeypatch.setattr(folder_sizes, "count", count_and_store)
        assert self._counted() == 0
        assert self._counted() == 1
        assert Archive.objects.get().size_bytes == stored.archive.size_bytes + 1000

    def test_are_left_while_a_disk_is_not_mounted(self, stored: StoredArchive, roots: StorageRoots) -> None:
        roots.live.mark.unlink()
        Archive.objects.update(size_bytes=0)
        assert self._counted(days=2) == 0

    def test_that_fail_keep_no_others_waiting(
        self, stored: StoredArchive, roots: StorageRoots, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = stored_archive(user("mia"))
        real = folder_sizes.count

        def fail(folder: Path) -> FolderSize:
            if folder.name == stored.guid:
                raise OperationalError("database is locked")
            return real(folder)

        monkeypatch.setattr(folder_sizes, "count", fail)
        assert self._counted(days=2) == 1
        lately = Repository.objects.filter(counted_at__gt=timezone.now() + timedelta(days=1))
        assert [each.archive_id for each in lately] == [other.archive.pk]

    def test_rubbish_of_killed_copies_goes_and_that_of_moves_stays(
        self, sean: User, stored: StoredArchive, roots: StorageRoots
    ) -> None:
        deactivate(sean)
        for guid in (stored.guid, "1" * 18):
            roots.cold.arriving(guid).mkdir(parents=True)
        assert sizes.remove_rubbish(at=timezone.now()) == 0
        assert sizes.remove_rubbish(at=timezone.now() + timedelta(days=2)) == 1
        assert folders_in(roots.cold) == {f".arriving/{stored.guid}"}

    def _counted(self, **later: float) -> int:
        return sizes.count_due(clock=lambda: timezone.now() + timedelta(**later), stay=lambda: None)


class TestTheRulesAboutFolders:
    def test_name_a_folder_that_is_missing(self, stored: StoredArchive, roots: StorageRoots) -> None:
        assert nothing_is_broken()
        roots.live.repository(stored.guid).rename(roots.live.path / "by hand")
        assert [each.rule for each in broken(at=timezone.now())] == ["I17.6"]

    def test_name_a_folder_without_an_archive(self, stored: StoredArchive, roots: StorageRoots) -> None:
        roots.cold.repository("1" * 18).mkdir()
        [found] = broken(at=timezone.now())
        assert str(found) == f"I17.6: {roots.cold.path / ('1' * 18)}: no archive has this folder"

    def test_name_a_copy_and_a_deletion_that_nobody_ends(self, stored: StoredArchive, roots: StorageRoots) -> None:
        for folder in (roots.cold.arriving("1" * 18), roots.live.gone("1" * 18)):
            folder.mkdir(parents=True)
        assert nothing_is_broken(), "rubbish goes by itself"
        found = [str(each) for each in broken(at=timezone.now() + timedelta(days=3))]
        assert found == [
            f"I17.6: {folder}: what was copied or deleted is still there"
            for folder in (roots.live.gone("1" * 18), roots.cold.arriving("1" * 18))
        ]

    def test_name_a_folder_by_where_it_is(self, stored: StoredArchive, roots: StorageRoots) -> None:
        roots.cold.leaving("1" * 18).mkdir(parents=True)
        [found] = broken(at=timezone.now())
        assert str(found) == f"I17.6: {roots.cold.leaving('1' * 18)}: no archive has this folder"

    def test_name_a_disk_that_is_not_mounted(self, stored: StoredArchive, roots: StorageRoots) -> None:
        roots.live.path.rename(roots.live.path.with_name("unmounted"))
        assert [each.rule for each in broken(at=timezone.now())] == ["I17.6"]
        roots.live.path.mkdir()
        [found] = broken(at=timezone.now())
        assert f"{roots.live.path}: 1 archive has to be in this storage folder" in str(found)

    def test_name_a_folder_that_is_not_where_its_row_says(self, stored: StoredArchive, roots: StorageRoots) -> None:
        folder_moves.move(stored.guid, source=roots.live, target=roots.cold)
        assert {each.rule for each in broken(at=timezone.now())} == {"I17.6"}

    def test_name_a_size_that_is_not_that_of_the_folder(self, stored: StoredArchive, roots: StorageRoots) -> None:
        Archive.objects.update(size_bytes=1)
        assert [each.rule for each in broken(at=timezone.now())] == ["I17.7"]
        Repository.objects.update(counted_at=timezone.now() - timedelta(hours=1))
        assert nothing_is_broken(), "something was stored since the last count"


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_called_when_the_decision_is_committed(sean: User, stored: StoredArchive) -> None:
    calls = list[object]()

    def called(**values: object) -> None:
        calls.append(values)

    moves_begun.connect(called)
    try:
        devices.deactivate(device_ids=[stored.archive.device_id], by=SYSTEM, at=timezone.now())
        assert len(calls) == 1
        device = make_device(sean, "no repository")
        devices.deactivate(device_ids=[device.pk], by=SYSTEM, at=timezone.now())
        assert len(calls) == 1
    finally:
        moves_begun.disconnect(called)
