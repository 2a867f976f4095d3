"""Archives come over whole from whatever state a crash has left, also when they are to go back meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orgs.backups import folder_moves, root_marks
from orgs.backups.folders import StorageRoot
from orgs.backups.move_errors import FolderMissing, MoveStopped, RootMissing, TwoFolders, UnexpectedFile
from tests.archive_folders import GUID, contents, folders_in, make_repository
from tests.unit.orgs.backups.conftest import Roots

pytestmark = pytest.mark.once

State = Callable[[StorageRoot, StorageRoot], None]
DIRECTIONS = pytest.mark.parametrize("target", ["cold", "live"])


def not_begun(source: StorageRoot, target: StorageRoot) -> None:
    make_repository(source.repository(GUID))


def under_the_fence(source: StorageRoot, target: StorageRoot) -> None:
    make_repository(source.leaving(GUID))


def partly_copied(source: StorageRoot, target: StorageRoot) -> None:
    copied(source, target)
    *_, file = (path for path in target.arriving(GUID).rglob("*") if path.is_file())
    file.rename(file.with_name(f"{file.name}.part"))
    shutil.rmtree(target.arriving(GUID) / "index")


def copied(source: StorageRoot, target: StorageRoot) -> None:
    under_the_fence(source, target)
    shutil.copytree(source.leaving(GUID), target.arriving(GUID))


def come_over(source: StorageRoot, target: StorageRoot) -> None:
    under_the_fence(source, target)
    shutil.copytree(source.leaving(GUID), target.repository(GUID))


def partly_deleted(source: StorageRoot, target: StorageRoot) -> None:
    come_over(source, target)
    shutil.rmtree(source.leaving(GUID) / "data")


def ended(source: StorageRoot, target: StorageRoot) -> None:
    make_repository(target.repository(GUID))


STATES = [not_begun, under_the_fence, partly_copied, copied, come_over, partly_deleted, ended]


class Interrupted(BaseException):
    """The turn is over."""


def interrupt() -> None:
    raise Interrupted


def purge(here: StorageRoot, there: StorageRoot) -> None:
    folder_moves.begin_purge(GUID, roots=[here, there])
    folder_moves.purge(GUID, roots=[here, there])
    folder_moves.end_purge(GUID, roots=[here, there])


def whole(*roots: StorageRoot) -> Path:
    """Return the folder that is the archive."""
    places = [*(root.repository(GUID) for root in roots), *(root.leaving(GUID) for root in roots)]
    return next(place for place in places if place.is_dir())


@DIRECTIONS
@pytest.mark.parametrize("state", STATES)
class TestFromEachStateThatACrashLeaves:
    def test_the_archive_comes_over(self, state: State, target: str, roots: Roots, files: dict[str, str]) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files
        assert (folders_in(here), folders_in(there)) == (set(), {GUID})

    def test_the_archive_goes_back(self, state: State, target: str, roots: Roots, files: dict[str, str]) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        folder_moves.move(GUID, source=there, target=here)
        assert contents(here.repository(GUID)) == files
        assert (folders_in(here), folders_in(there)) == ({GUID}, set())

    def test_a_purge_leaves_nothing(self, state: State, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        purge(here, there)
        assert (folders_in(here), folders_in(there)) == (set(), set())
        assert not folder_moves.begin_purge(GUID, roots=[here, there])

    def test_a_purge_that_has_begun_has_taken_the_name_away(self, state: State, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        assert not folder_moves.purge_has_begun(GUID, roots=[here, there])
        for _ in range(2):
            assert folder_moves.begin_purge(GUID, roots=[here, there])
            assert folder_moves.purge_has_begun(GUID, roots=[here, there])
            assert GUID not in folders_in(here) | folders_in(there)
        purge(here, there)
        assert (folders_in(here), folders_in(there)) == (set(), set())

    def test_a_purge_that_is_called_off_before_it_deletes_gives_the_archive_back(
        self, state: State, target: str, roots: Roots, files: dict[str, str]
    ) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        both, size = [here, there], sum(made.stat().st_size for made in whole(here, there).rglob("*") if made.is_file())
        folder_moves.begin_purge(GUID, roots=both)
        assert folder_moves.call_off_purge(GUID, roots=both, size_bytes=size)
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files

    def test_a_purge_in_turns_of_one_file_comes_to_its_end_and_can_not_be_called_off(
        self, state: State, target: str, roots: Roots
    ) -> None:
        here, there = roots.ordered(target)
        state(here, there)
        both, turns = [here, there], 0
        size = sum(made.stat().st_size for made in whole(here, there).rglob("*") if made.is_file())
        folder_moves.begin_purge(GUID, roots=both)
        while True:
            try:
                folder_moves.purge(GUID, roots=both, go_on=interrupt)
                break
            except Interrupted:
                turns += 1
        assert turns >= 12
        # What is left shows that the archive was deleted, until its row is gone.
        assert folder_moves.begin_purge(GUID, roots=both)
        assert not folder_moves.call_off_purge(GUID, roots=both, size_bytes=size)
        folder_moves.end_purge(GUID, roots=both)
        assert (folders_in(here), folders_in(there)) == (set(), set())


@DIRECTIONS
class TestAMove:
    def test_that_is_carried_out_again_changes_nothing(self, target: str, roots: Roots, files: dict[str, str]) -> None:
        here, there = roots.ordered(target)
        not_begun(here, there)
        for _ in range(3):
            folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files

    def test_leaves_other_archives_alone(self, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        other = "999999999999999999"
        not_begun(here, there)
        make_repository(here.repository(other), seed=2)
        make_repository(there.leaving("999999999999999998"), seed=3)
        folder_moves.move(GUID, source=here, target=there)
        assert (folders_in(here), folders_in(there)) == ({other}, {GUID, ".leaving/999999999999999998"})

    def test_of_a_folder_that_is_missing_says_so(self, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        with pytest.raises(FolderMissing, match=GUID):
            folder_moves.move(GUID, source=here, target=there)

    def test_of_an_archive_with_two_folders_touches_neither(self, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        make_repository(here.repository(GUID))
        make_repository(there.repository(GUID), seed=2)
        with pytest.raises(TwoFolders):
            folder_moves.move(GUID, source=here, target=there)
        assert (folders_in(here), folders_in(there)) == ({GUID}, {GUID})

    def test_to_a_root_that_is_not_there_says_so_and_loses_nothing(
        self, target: str, roots: Roots, files: dict[str, str]
    ) -> None:
        here, there = roots.ordered(target)
        not_begun(here, there)
        there.mark.unlink()
        for _ in range(2):
            # The place of a disk that is not mounted is a folder, too.
            with pytest.raises(RootMissing, match="Is its disk mounted"):
                folder_moves.move(GUID, source=here, target=there)
            assert contents(here.leaving(GUID)) == files
            assert list(there.path.iterdir()) == []
            there.path.rmdir()
            there.path.parent.mkdir(exist_ok=True)
            there.path.mkdir()
        root_marks.mark(there)
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files

    def test_ends_uploads_as_their_paths_are_gone(self, target: str, roots: Roots) -> None:
        here, there = roots.ordered(target)
        not_begun(here, there)
        (here.repository(GUID) / ".tmp").mkdir()
        upload = here.repository(GUID) / ".tmp" / "upload"
        with upload.open("wb") as writing:
            folder_moves.move(GUID, source=here, target=there)
            writing.write(b"late")
        with pytest.raises(FileNotFoundError):
            upload.rename(here.repository(GUID) / "data" / "late")
        assert folders_in(here) == set()

    def test_follows_no_link_in_the_name_of_the_archive(self, target: str, roots: Roots, tmp_path: Path) -> None:
        here, there = roots.ordered(target)
        make_repository(tmp_path / "elsewhere")
        here.repository(GUID).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UnexpectedFile, match=GUID):
            folder_moves.move(GUID, source=here, target=there)
        purge(here, there)
        assert (tmp_path / "elsewhere" / "config").exists()
        assert folders_in(here) == set()


def test_everything_is_on_the_disk_before_it_counts(two_disks: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    not_begun(two_disks.live, two_disks.cold)
    events: list[tuple[str, str]] = []
    fsync, rename, unlink = os.fsync, Path.rename, os.unlink

    def noted_fsync(descriptor: int) -> None:
        events.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def noted_rename(path: Path, after: Path) -> Path:
        found = rename(path, after)
        events.append(("rename", str(after)))
        return found

    def noted_unlink(name: str | Path, *, dir_fd: int | None = None) -> None:
        folder = "" if dir_fd is None else f"{Path(f'/proc/self/fd/{dir_fd}').readlink()}/"
        events.append(("unlink", f"{folder}{name}"))
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    monkeypatch.setattr(os, "unlink", noted_unlink)
    folder_moves.move(GUID, source=two_disks.live, target=two_disks.cold)

    live, cold = two_disks.live, two_disks.cold
    come = events.index(("rename", str(cold.repository(GUID))))
    fence = events.index(("rename", str(live.leaving(GUID))))
    first_copy = next(at for at, (what, path) in enumerate(events) if path.endswith(".part"))
    assert {("fsync", str(live.path)), ("fsync", str(live.path / ".leaving"))} <= set(events[fence:first_copy])
    for path in cold.repository(GUID).rglob("*"):
        arrived = str(cold.arriving(GUID) / path.relative_to(cold.repository(GUID)))
        if path.is_file():
            written, named = events.index(("fsync", f"{arrived}.part")), events.index(("rename", arrived))
            assert written < named < events.index(("fsync", str(Path(arrived).parent)), named) < come
        else:
            # The folder itself, and its name in the one above it.
            assert ("fsync", arrived) in events[:come]
    assert ("fsync", str(cold.arriving(GUID))) in events[:come]
    deleted = next(
        at for at, (what, path) in enumerate(events) if what == "unlink" and path.startswith(str(live.leaving(GUID)))
    )
    assert {("fsync", str(cold.path)), ("fsync", str(cold.path / ".arriving"))} <= set(events[come:deleted])


@pytest.fixture
def small_cold_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cold"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class TestAColdDisk:
    def test_that_is_full_stops_the_move_which_goes_on_once_there_is_room(
        self, small_cold_disk: Path, tmp_path: Path
    ) -> None:
        live, cold = StorageRoot(tmp_path / "live"), StorageRoot(small_cold_disk)
        for root in (live, cold):
            root_marks.mark(root)
        make_repository(live.repository(GUID), files=20, largest=20_000)
        files = contents(live.repository(GUID))
        for _ in range(2):
            with pytest.raises(MoveStopped, match="No space left on device"):
                folder_moves.move(GUID, source=live, target=cold)
            assert contents(live.leaving(GUID)) == files
            assert not list(small_cold_disk.rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=10m", str(small_cold_disk)], check=True)
        folder_moves.move(GUID, source=live, target=cold)
        assert contents(cold.repository(GUID)) == files
        assert folders_in(live) == set()

    def test_that_is_read_only_stops_the_move_and_the_archive_goes_back(
        self, small_cold_disk: Path, tmp_path: Path
    ) -> None:
        live, cold = StorageRoot(tmp_path / "live"), StorageRoot(small_cold_disk)
        for root in (live, cold):
            root_marks.mark(root)
        make_repository(live.repository(GUID))
        files = contents(live.repository(GUID))
        subprocess.run(["mount", "-o", "remount,ro", str(small_cold_disk)], check=True)
        with pytest.raises(MoveStopped, match="Read-only file system"):
            folder_moves.move(GUID, source=live, target=cold)
        assert contents(live.leaving(GUID)) == files
        folder_moves.move(GUID, source=cold, target=live)
        assert contents(live.repository(GUID)) == files

    def test_that_is_not_mounted_stops_a_purge(self, tmp_path: Path) -> None:
        live, cold = StorageRoot(tmp_path / "live"), StorageRoot(tmp_path / "cold")
        root_marks.mark(live)
        cold.path.mkdir()
        make_repository(live.repository(GUID))
        for step in (folder_moves.begin_purge, folder_moves.purge):
            with pytest.raises(RootMissing):
                step(GUID, roots=[live, cold])
            assert folders_in(live) == {GUID}
