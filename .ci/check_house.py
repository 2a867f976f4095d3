"""Checks names and folders of the product's modules, which no linter here looks at; prints each problem and exits with 1.

A module opens with one sentence that says its job. A folder has 15 modules at most. A class name stands once, so that it
means one thing: names that a framework gives are left out.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("console", "directory", "orgs")
MOST_MODULES = 15
# Django looks for classes of these names.
GIVEN = {"Command", "Meta", "Migration"}


def modules(root: Path) -> list[Path]:
    """Return the paths of the product's modules, from ``root`` on, without migrations."""
    found = (path.relative_to(root) for name in PRODUCT for path in (root / name).rglob("*.py"))
    return sorted(place for place in found if "migrations" not in place.parts)


def problems(root: Path) -> Iterator[str]:
    """Yield what is wrong with the product's modules below ``root``, as sentences."""
    folders, classes = defaultdict[Path, int](int), defaultdict[str, list[str]](list)
    for place in modules(root):
        if place.name != "__init__.py":
            folders[place.parent] += 1
        tree = ast.parse((root / place).read_text("utf-8"))
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        if tree.body and not first.endswith("."):
            yield f"{place}: the first line has to say in one sentence what the module does."
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name not in GIVEN:
                classes[node.name].append(place.as_posix())
    for folder, count in folders.items():
        if count > MOST_MODULES:
            yield f"{folder}: {count} modules are more than {MOST_MODULES}: give some a folder of their own."
    for name, places in classes.items():
        if len(places) > 1:
            yield f"{name}: the class name stands in {' and in '.join(places)}: one name, one class."


def main() -> int:
    """Print all problems; return the exit status."""
    found = list(problems(ROOT))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
