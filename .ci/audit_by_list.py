"""Compares installed packages with the lowest versions in docs/dependencies.md; fails if one is older."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import Version

ROW = re.compile(r"\| (?P<package>[\w.-]+) \| (?P<floor>\d[\w.]*) \| (?P<advisory>[^|]+) \|")
CHECKED = re.compile(r"Checked on \d{4}-\d{2}-\d{2}\.")


def main(page: Path) -> int:
    """Print the packages that are older than their lowest version; return how many."""
    text = page.read_text("utf-8")
    floors = list(ROW.finditer(text))
    if not floors or not CHECKED.search(text):
        sys.exit(f"{page}: there is no list of floors with the day on which it was checked")
    old = [problem for row in floors if (problem := _problem(row["package"], row["floor"], row["advisory"].strip()))]
    for problem in old:
        print(problem, file=sys.stderr)
    print(f"    {len(floors)} floors, {len(old)} not held")
    return len(old)


def _problem(package: str, floor: str, advisory: str) -> str | None:
    try:
        installed = version(package)
    except PackageNotFoundError:
        return f"{package} is not installed: take it off the list, or run .ci/setup"
    if Version(installed) < Version(floor):
        return f"{package} {installed} is older than {floor}: {advisory}"
    return None


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
