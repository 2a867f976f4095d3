"""Archives are copied to another file system whole and as they were, or the copy stops and says at what."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orgs.backups import folder_copies, folder_moves
from orgs.backups.move_errors import FileDamaged, UnexpectedFile
from tests.archive_folders import GUID, contents, folders_in, make_repository
from tests.unit.orgs.backups.conftest import Roots

pytestmark = pytest.mark.once


def test_a_copy_has_the_files_of_the_original_and_asks_after_each_file_whether_to_go_on(
    tmp_path: Path, files: dict[str, str]
) -> None:
    make_repository(tmp_path / "original")
    calls = list[None]()
    folder_copies.copy(tmp_path / "original", tmp_path / "copy", go_on=lambda: calls.append(None))
    assert contents(tmp_path / "copy") == contents(tmp_path / "original") == files
    # All but ``config``.
    assert len(calls) == len([digest for digest in files.values() if digest]) - 1
    folder_copies.copy(tmp_path / "original", tmp_path / "copy", go_on=calls.clear)
    assert calls


@pytest.mark.parametrize("target", ["cold", "live"])
class TestBetweenTwoFileSystems:
    def test_a_damaged_file_stops_the_move_and_is_named(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        name = next(name for name in files if name.startswith("index/"))
        file = here.repository(GUID) / name
        good = file.read_bytes()
        file.write_bytes(bytes([good[0] ^ 1]) + good[1:])
        damaged = here.leaving(GUID) / name
        for _ in range(2):
            with pytest.raises(FileDamaged, match=str(damaged)):
                folder_moves.move(GUID, source=here, target=there)
            assert (folders_in(here), folders_in(there)) == ({f".leaving/{GUID}"}, {f".arriving/{GUID}"})
            assert contents(here.leaving(GUID)).keys() == files.keys()
        damaged.write_bytes(good)
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files
        assert (folders_in(here), folders_in(there)) == (set(), {GUID})

    def test_an_archive_with_a_damaged_file_still_goes_back(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        file = here.repository(GUID) / next(name for name in files if name.startswith("data/") and files[name])
        file.write_bytes(b"damaged")
        with pytest.raises(FileDamaged):
            folder_moves.move(GUID, source=here, target=there)
        folder_moves.move(GUID, source=there, target=here)
        assert (folders_in(here), folders_in(there)) == ({GUID}, set())
        assert file.read_bytes() == b"damaged"

    def test_what_a_copy_that_was_given_up_had_copied_does_not_come_back(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.leaving(GUID))
        make_repository(there.arriving(GUID), seed=9)
        (there.arriving(GUID) / "data" / "zz").mkdir()
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files

    def test_a_config_of_the_same_size_is_copied_again(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.leaving(GUID))
        make_repository(there.arriving(GUID))
        (there.arriving(GUID) / "config").write_bytes(b"x" * 155)
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files

    def test_uploads_and_leftovers_of_restic_stay_behind(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        (here.repository(GUID) / ".tmp").mkdir()
        (here.repository(GUID) / ".tmp" / "upload").touch()
        (here.repository(GUID) / "index" / f"{'0' * 64}-tmp-123").touch()
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files
        assert not (there.repository(GUID) / ".tmp").exists()

    @pytest.mark.parametrize(
        "name", ["link", "data/link", f"data/ab/{'ab' * 32}", "keys", "data/.hidden", f"locks/{'0' * 64}x"]
    )
    def test_links_and_foreign_files_are_not_followed_and_stop_the_move(
        self, target: str, name: str, two_disks: Roots, tmp_path: Path
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        (tmp_path / "secret").mkdir()
        (tmp_path / "secret" / "file").write_text("secret")
        foreign = here.repository(GUID) / name
        if name == "keys":
            shutil.rmtree(foreign)
        foreign.parent.mkdir(exist_ok=True)
        if foreign.name.endswith(("x", ".hidden")):
            foreign.touch()
        else:
            foreign.symlink_to(tmp_path / "secret" / "file")
        with pytest.raises(UnexpectedFile, match=foreign.name):
            folder_moves.move(GUID, source=here, target=there)
        assert "secret" not in [path.read_text("latin-1") for path in there.path.rglob("*") if path.is_file()]
        assert folders_in(here) == {f".leaving/{GUID}"}

    def test_only_rollcall_may_read_what_came_over(self, target: str, two_disks: Roots) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        for path in here.repository(GUID).rglob("*"):
            path.chmod(0o777)
        before = os.umask(0)
        try:
            folder_moves.move(GUID, source=here, target=there)
        finally:
            os.umask(before)
        paths = [there.repository(GUID), *there.repository(GUID).rglob("*"), there.path / ".arriving"]
        assert {path.stat().st_mode & 0o7777 for path in paths if path.is_dir()} == {0o700}
        assert {path.stat().st_mode & 0o7777 for path in paths if path.is_file()} == {0o600}

    def test_an_interrupted_copy_goes_on_with_the_files_that_are_missing(
        self, target: str, two_disks: Roots, files: dict[str, str]
    ) -> None:
        here, there = two_disks.ordered(target)
        make_repository(here.repository(GUID))
        left = [None] * 8
        with pytest.raises(IndexError):
            folder_moves.move(GUID, source=here, target=there, go_on=left.pop)
        done = {path.stat().st_ino for path in there.arriving(GUID).rglob("*") if path.is_file()}
        assert done
        folder_moves.move(GUID, source=here, target=there)
        assert contents(there.repository(GUID)) == files
        # All but ``config`` were not copied again.
        assert len(done - {path.stat().st_ino for path in there.repository(GUID).rglob("*")}) <= 1
