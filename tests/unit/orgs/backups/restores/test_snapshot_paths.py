"""Paths in snapshots that a browser sends."""

from __future__ import annotations

import pytest

from orgs.backups.restores.snapshot_paths import (
    LONGEST_PATH,
    MOST_CHOSEN,
    BadPath,
    checked_path,
    chosen_paths,
    is_path,
    is_within,
    parent_of,
)


@pytest.mark.parametrize(
    "path",
    ["/", "/home", "/home/ada/new\nline", "/C/Users/ada", "/home/...", "/home/.x", "/<b>&\"'", "/home/ada/-rf", "/ "],
)
def test_what_a_snapshot_may_have_is_a_path(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "home", "-r", "//", "/home/", "/home//ada", "/.", "/..", "/home/../etc", "/home/./ada", "../etc"),
        *("/a\0b", "/caf\ufffd", "/\udce9", "/" + "x" * LONGEST_PATH),
    ],
)
def test_anything_else_is_none(path: str) -> None:
    assert not is_path(path)
    with pytest.raises(BadPath):
        checked_path(path)


def test_what_is_in_another_choice_is_chosen_once() -> None:
    given = ["/home/ada/b", "/home/ada", "/home/ada", "/home/adam", "/home/ada.txt", "/home/ada/b/c"]

    assert chosen_paths(given) == ("/home/ada", "/home/ada.txt", "/home/adam")
    assert chosen_paths(["/a", "/"]) == ("/",)


def test_too_many_are_refused() -> None:
    assert len(chosen_paths(f"/{number}" for number in range(MOST_CHOSEN))) == MOST_CHOSEN
    with pytest.raises(BadPath):
        chosen_paths(f"/{number}" for number in range(MOST_CHOSEN + 1))


def test_paths_that_are_too_long_together_are_refused() -> None:
    # As JSON each of these letters has six characters.
    paths = [f"/{number}{'я' * 4000}" for number in range(5)]

    assert len(chosen_paths(paths[:4])) == 4
    with pytest.raises(BadPath):
        chosen_paths(paths)


def test_a_folder_has_what_is_below_it() -> None:
    assert is_within("/home/ada", "/home")
    assert is_within("/home", "/home")
    assert is_within("/home", "/")
    assert not is_within("/homes", "/home")
    assert (parent_of("/home/ada"), parent_of("/home"), parent_of("/")) == ("/home", "/", "/")
