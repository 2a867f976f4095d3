"""The check of modules: a first line, folders that are not too full, and one class for each name."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tree import ROOT

PROBLEMS: Callable[[Path], Iterator[str]] = runpy.run_path(str(ROOT / ".ci" / "check_house.py"))["problems"]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_finds_nothing_wrong_here() -> None:
    assert list(PROBLEMS(ROOT)) == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"orgs/a.py": "X = 1\n"}, "orgs/a.py: the first line"),
        ({"orgs/a.py": '"""No sentence"""\n'}, "orgs/a.py: the first line"),
        (
            {"orgs/a.py": '"""One."""\nclass A: ...\n', "console/b.py": '"""Two."""\nclass A: ...\n'},
            "A: the class name",
        ),
        ({f"console/m{number}.py": '"""Fine."""\n' for number in range(16)}, "console: 16 modules"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    write(tmp_path, files)

    (found,) = PROBLEMS(tmp_path)

    assert found.startswith(problem)


def test_leaves_migrations_and_names_of_frameworks_alone(tmp_path: Path) -> None:
    fine = '"""Fine."""\nclass Command: ...\n'
    write(tmp_path, {"orgs/a.py": fine, "orgs/b.py": fine, "orgs/migrations/0001.py": "class A: ...\n"})

    assert list(PROBLEMS(tmp_path)) == []
