"""Names of files in a zip."""

from __future__ import annotations

import pytest

from orgs.backups.restores.zip_names import ZipNames


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/ada/letter.txt", "home/ada/letter.txt"),
        ("home/ada/ü.txt", "home/ada/ü.txt"),
        ("/../../etc/passwd", "_/_/etc/passwd"),
        ("..", "_"),
        ("/", "_"),
        ("", "_"),
        ("/a/./b//c", "a/_/b/c"),
        ("/..\\..\\evil", ".._.._evil"),
        ("C:\\windows", "C__windows"),
        ("/new\nline\x00", "new_line_"),
        ("/caf\udce9", "caf_xe9"),
        ("/CON ", "CON"),
    ],
)
def test_lead_nowhere_else(path: str, name: str) -> None:
    assert ZipNames().name_for(path) == name


def test_come_once() -> None:
    names = ZipNames()

    found = [names.name_for(path) for path in ("/a/b.txt", "/a/B.txt", "/a/b.txt", "/a/x", "/a/x", "/a.b/x", "/a.b/x")]

    assert found == ["a/b.txt", "a/B (2).txt", "a/b (3).txt", "a/x", "a/x (2)", "a.b/x", "a.b/x (2)"]


def test_tens_of_thousands_that_differ_in_nothing_take_no_time() -> None:
    names = ZipNames()

    found = [names.name_for("/a/b:.txt" if number % 2 else "/a/B?.txt") for number in range(40_000)]

    assert len({name.lower() for name in found}) == 40_000
    assert found[-1] == "a/b_ (40000).txt"
