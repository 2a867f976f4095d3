"""Each rule about modules, names and imports is broken once, and the check that holds it is seen to fail."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tree import ROOT

CHECK = runpy.run_path(str(ROOT / ".ci" / "check_house.py"))
PROBLEMS: Callable[[Path], Iterator[str]] = CHECK["problems"]
RETIRED_WORD: Callable[[str], tuple[str, str] | None] = CHECK["retired_word"]
FINE = '"""Fine."""\n'


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
            {"orgs/a.py": f"{FINE}class A: ...\n", "console/b.py": f"{FINE}class A: ...\n"},
            "A: the class name",
        ),
        ({"orgs/a.py": '"""Fine."""\n' + "X = 1\n" * 300}, "orgs/a.py: 301 lines"),
        ({f"console/m{number}.py": FINE for number in range(16)}, "console: 16 modules"),
        (
            {"directory/a.py": f"{FINE}\nsighting = 1\n"},
            "directory/a.py:3: sighting: `sighting` is retired: use lookup result",
        ),
        ({"directory/tally.py": FINE}, "directory/tally.py:1: tally: `tally` is retired: use plan counts"),
    ],
)
def test_names_what_is_wrong(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    write(tmp_path, files)

    (found,) = PROBLEMS(tmp_path)

    assert found.startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        '"""Fine."""\n' + "X = 1\n" * 299,
        '"""Fine.\n\nLong because it is one table.\n"""\n' + "X = 1\n" * 300,
    ],
)
def test_lets_a_module_be_long_that_says_why(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"orgs/a.py": text})

    assert list(PROBLEMS(tmp_path)) == []


def test_leaves_migrations_and_names_of_frameworks_alone(tmp_path: Path) -> None:
    fine = f"{FINE}class Command: ...\n"
    migration = "class A: ...\nsighting = 1\n"
    write(tmp_path, {"orgs/a.py": fine, "orgs/b.py": fine, "orgs/migrations/0001.py": migration})

    assert list(PROBLEMS(tmp_path)) == []


class TestARetiredWord:
    """No product code gives a name that is one or, for most of them, that holds one."""

    @pytest.mark.parametrize(
        "code",
        [
            "rivals = 1",
            "RIVALS: int = 1",
            "class Rival: ...",
            "class _RivalList: ...",
            "def rivals_of(): ...",
            "async def _rivals(): ...",
            "def f(rivals): ...",
            "def f(*, rivals=None): ...",
            "def f(*rivals): ...",
            "f = lambda rivals: 1",
            "f(rivals=1)",
            "for rival in (): ...",
            "x = [rival for rival in ()]",
            "with f() as rival: ...",
            "if rival := f(): ...",
            "x.rivals = 1",
            "import json as rival",
            "from json import loads as rivals",
            "try: ...\nexcept OSError as rival: ...",
            "match x:\n    case [rival]: ...",
            "match x:\n    case [*rivals]: ...",
            "match x:\n    case {**rivals}: ...",
        ],
    )
    def test_is_found_wherever_a_name_is_given(self, tmp_path: Path, code: str) -> None:
        write(tmp_path, {"orgs/a.py": f"{FINE}{code}\n"})

        (found,) = PROBLEMS(tmp_path)

        assert "`rival` is retired: use competing users" in found

    @pytest.mark.parametrize("code", ["print(x.rivals)", "'rivals'", "# rivals", "x = print(sent)"])
    def test_counts_only_as_a_name_that_is_given_here(self, tmp_path: Path, code: str) -> None:
        write(tmp_path, {"orgs/a.py": f"{FINE}{code}\n"})

        assert list(PROBLEMS(tmp_path)) == []

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("second_look", "second_look"),
            ("has_second_look", "second_look"),
            ("SecondLook", "second_look"),
            ("_sightings", "sighting"),
            ("MAX_SIGHTINGS", "sighting"),
            ("seen", "seen"),
            ("_places", "place"),
            ("History", "History"),
            ("as_told", "told"),
            ("tells_all", "tell"),
            ("_said_before", "said"),
            ("says", "say"),
            ("heard_at", "heard"),
        ],
    )
    def test_is_found_in_any_spelling(self, name: str, word: str) -> None:
        assert (found := RETIRED_WORD(name)) is not None
        assert found[0] == word

    @pytest.mark.parametrize("name", ["canary_seen", "replace", "wired", "history", "sent_at", "unsought_", "_", "s"])
    def test_is_not_found_inside_another_word(self, name: str) -> None:
        assert RETIRED_WORD(name) is None

    def test_comes_with_the_words_to_use_instead(self) -> None:
        assert all([*CHECK["RETIRED_PARTS"].values(), *CHECK["RETIRED_NAMES"].values()])


def test_an_import_against_the_layers_a_circle_and_a_pure_module_that_imports_django_fail(tmp_path: Path) -> None:
    """The same command as in ``make check``, on a copy of the product."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("console", "directory", "orgs"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for module, line in (
        ("orgs/apps.py", "from directory import org_scope"),
        ("directory/sync/plan/rules/decision_table.py", "from django.db import models"),
        ("console/http/page_requests.py", "from console.presenters import status"),
    ):
        with (tmp_path / module).open("a") as file:
            file.write(f"\n{line}\n")

    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stdout + done.stderr
    broken = {line.partition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line}
    assert broken == {
        "Imports go one way: console, directory, orgs",
        "No module and no folder imports one beside it that imports it",
        "The folders of console go one way",
        "The folders of orgs go one way",
        "Deciding is pure: values in, values out, no Django",
    }
    assert "orgs.apps -> directory.org_scope" in done.stdout
    assert "No cycles are allowed in console." in done.stdout
    assert "directory.sync.plan.rules.decision_table -> django (" in done.stdout
