"""Each module that decides without Django has a test file of its name in the folder of its name, and that imports it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tree import ROOT

CONTRACT = "Deciding is pure"


def pure_modules(root: Path = ROOT) -> Iterator[Path]:
    """Yield the files, from the root on, of the modules that import-linter lets import no Django."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    [contract] = [contract for contract in settings["contracts"] if contract["name"].startswith(CONTRACT)]
    for module in contract["source_modules"]:
        path = root / module.replace(".", "/")
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        yield from (file.relative_to(root) for file in files if file.name != "__init__.py")


def imported_modules(test: Path) -> set[str]:
    """Return the dotted names that a test file imports, each also as part of its package."""
    found = set[str]()
    for node in ast.walk(ast.parse(test.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def untested(root: Path = ROOT) -> list[str]:
    """Return what is missing, a sentence for each pure module without tests of its name."""
    missing = []
    for module in pure_modules(root):
        test = Path("tests/unit") / module.parent / f"test_{module.name}"
        name = ".".join(module.with_suffix("").parts)
        if not (root / test).is_file():
            missing.append(f"{module} has no {test}")
        elif name not in imported_modules(root / test):
            missing.append(f"{test} does not import {name}")
    return missing


def test_each_pure_module_has_the_test_file_of_its_name_that_imports_it() -> None:
    assert len(list(pure_modules())) > 25
    assert untested() == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one pure module in a folder, and its tests."""
    (tmp_path / "pyproject.toml").write_text(
        f'[[tool.importlinter.contracts]]\nname = "{CONTRACT}: x"\nsource_modules = ["directory.values"]\n'
    )
    module = tmp_path / "directory/values/names.py"
    test = tmp_path / "tests/unit/directory/values/test_names.py"
    for file, text in ((module, ""), (test, "from directory.values import names\n")):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    return tmp_path


def test_a_project_in_which_nothing_is_missing_passes(project: Path) -> None:
    assert untested(project) == []


def test_a_module_without_a_file_of_its_name_is_named(project: Path) -> None:
    (project / "directory/values/numbers.py").write_text("")

    assert untested(project) == ["directory/values/numbers.py has no tests/unit/directory/values/test_numbers.py"]


def test_a_test_file_that_does_not_import_its_module_is_named(project: Path) -> None:
    test = "tests/unit/directory/values/test_names.py"
    (project / test).write_text("from directory.values import numbers\n")

    assert untested(project) == [f"{test} does not import directory.values.names"]
