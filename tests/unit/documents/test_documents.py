"""Documents fit together: links lead somewhere, modules exist, decisions are numbered, a term is explained once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tree import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
MODULES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("console", "directory", "orgs", "tests", ".ci")
    for path in [*(ROOT / folder).rglob("*.py"), ROOT / "manage.py"]
]
PARTS = ["Context", "Decision", "Consequences"]


def ids(paths: list[Path]) -> list[str]:
    """Return what tests of these files are called."""
    return [path.relative_to(ROOT).as_posix() for path in paths]


def anchors(page: Path) -> set[str]:
    """Return the names under which the headings of a page can be linked to."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[tuple[str, str]]:
    """Return the file, empty for the page itself, and the anchor of each link within the project."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL))
    return [(file, anchor) for file, _, anchor in (link.partition("#") for link in found if "://" not in link)]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for file, anchor in links(page):
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{file}#{anchor}")
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_every_module_that_is_named_exists(page: Path) -> None:
    """By its name, or by the end of its path; ``<area>`` stands for any folder."""
    named = set(re.findall(r"`([\w/.-]+\.py)`", page.read_text()))
    assert [name for name in sorted(named) if not any(f"/{path}".endswith(f"/{name}") for path in MODULES)] == []


class TestDecisions:
    def test_are_numbered_without_a_gap(self) -> None:
        assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))

    def test_are_listed_by_number_and_title(self) -> None:
        index = (ROOT / "docs/decisions/README.md").read_text()
        listed = re.findall(r"^\| \[(\d+)\]\((.+)\) \| (.+) \|$", index, re.MULTILINE)
        titles = [page.read_text().partition("\n")[0].removeprefix("# ") for page in DECISIONS]
        assert [f"{number}. {title}" for number, _, title in listed] == titles
        assert [file for _, file, _ in listed] == [page.name for page in DECISIONS]

    @pytest.mark.parametrize("page", DECISIONS, ids=ids(DECISIONS))
    def test_say_context_decision_and_consequences_on_one_page(self, page: Path) -> None:
        text = page.read_text()
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
        assert len(text.splitlines()) <= 75


class TestTheGlossary:
    ROWS = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (ROOT / "docs/glossary.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| term ")
    ]

    def test_explains_each_term_once(self) -> None:
        terms = [row[0] for row in self.ROWS]
        assert len(terms) >= 50
        assert sorted(terms) == sorted(set(terms))

    def test_names_classes_and_modules_that_exist(self) -> None:
        product = [path for folder in ("console", "directory", "orgs") for path in (ROOT / folder).rglob("*.py")]
        classes = {name for path in product for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE)}
        named = [row[2].strip("`") for row in self.ROWS]
        assert [name for name in named if not ((ROOT / name).exists() if "/" in name else name in classes)] == []

    def test_has_one_sentence_and_one_place_in_the_code_for_each(self) -> None:
        wrong = [
            row
            for row in self.ROWS
            if len(row) != 3 or not re.fullmatch(r"[A-Z].+[^.]\.", row[1]) or not re.fullmatch(r"`[\w/.]+`", row[2])
        ]
        assert wrong == []
