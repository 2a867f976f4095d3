"""Paths are made of names that were checked as a whole, and of no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.backups import folders
from orgs.backups.folders import BadName, StorageRoot

pytestmark = pytest.mark.once

ROOT = StorageRoot(Path("/archives"))
GUID = "123456789012345678"
NAME = "ab" + "0" * 62
# Digits of other scripts, line ends and ways out of the folder.
NO_GUIDS = [
    "", "1" * 17, "1" * 19, "1" * 18 + "\n", "\n" + "1" * 18, "1" * 17 + "٣", "..", "../" + "1" * 18, "1" * 18 + "/..",
    "." * 18, ".leaving", "1" * 17 + "\0",
]  # fmt: skip
NO_NAMES = [
    "", "config", "a" * 63, "a" * 65, "A" * 64, "g" * 64, NAME + "\n", NAME[:-1] + "/", "../" + NAME, ".tmp", "..", NAME[:61] + "%2f",
]  # fmt: skip


def test_an_archive_has_a_folder_in_its_root_and_in_those_of_moves() -> None:
    assert ROOT.repository(GUID) == Path(f"/archives/{GUID}")
    assert ROOT.leaving(GUID) == Path(f"/archives/.leaving/{GUID}")
    assert ROOT.arriving(GUID) == Path(f"/archives/.arriving/{GUID}")
    assert ROOT.gone(GUID) == Path(f"/archives/.gone/{GUID}")
    assert ROOT.lock(GUID) == Path(f"/archives/.locks/{GUID}")


@pytest.mark.parametrize("guid", NO_GUIDS)
def test_no_path_is_made_of_a_name_that_is_no_guid(guid: str) -> None:
    for make in (ROOT.repository, ROOT.leaving, ROOT.arriving, ROOT.gone, ROOT.lock):
        with pytest.raises(BadName):
            make(guid)


def test_files_of_data_stand_in_folders_of_their_first_two_letters_and_others_do_not() -> None:
    repository = ROOT.repository(GUID)
    assert folders.file_path(repository, "data", NAME) == repository / "data" / "ab" / NAME
    for kind in ("keys", "locks", "snapshots", "index"):
        assert folders.file_path(repository, kind, NAME) == repository / kind / NAME


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_path_is_made_of_a_name_that_no_file_has(name: str) -> None:
    for kind in folders.KINDS:
        with pytest.raises(BadName):
            folders.file_path(ROOT.repository(GUID), kind, name)


@pytest.mark.parametrize("kind", ["", "Data", "data/", "data\n", "..", ".tmp", "config", "lock"])
def test_no_path_is_made_of_a_kind_that_does_not_exist(kind: str) -> None:
    with pytest.raises(BadName):
        folders.file_path(ROOT.repository(GUID), kind, NAME)


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_is_given_as_names_stays_below_the_folder_of_the_archive(kind: str, name: str) -> None:
    try:
        path = folders.file_path(ROOT.repository(GUID), kind, name)
    except BadName:
        return
    assert re.fullmatch(rf"/archives/{GUID}/[a-z]+/(?:[0-9a-f]{{2}}/)?[0-9a-f]{{64}}", str(path))


def test_no_folder_of_a_root_has_the_name_of_an_archive() -> None:
    for name in (*folders.ROOT_FOLDERS, folders.UPLOADS):
        assert folders.GUID.fullmatch(name) is None
