"""No message says "1 entries": whatever is counted has its singular, in code and in templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgs.text import counted
from tests.tree import ROOT

THINGS = (
    "accounts|addresses|administrators|archives|attempts|attributes|branches|bytes|cells|changes|characters|columns|conflicts|"
    "connections|custodians|days|devices|digits|entries|errors|fields|files|filters|grants|groups|holders|hours|ids|keys|limits|"
    "lines|links|lists|logins|mails|matches|matters|members|messages|minutes|months|names|numbers|orgs|pages|parts|passwords|"
    "people|permissions|persons|plans|problems|processes|readings|references|referrals|results|roles|rows|rules|runs|scripts|"
    "searches|seconds|secrets|servers|sessions|settings|steps|syncs|tasks|tests|tries|URLs|usernames|users|values|versions|"
    "warnings|weeks|words|workers|years"
)
PLURAL = re.compile(rf"^ (?:[a-z]+ )??(?:{THINGS})\b(?!:)")
# A count in a text that is formatted later; "3 of 57 users" is said of 57, which are never one.
FORMATTED = re.compile(rf"(?<!of )(?:\{{\w+(?::[^}}]*)?\}}|%\(\w+\)[ds]) (?:[a-z]+ )??(?:{THINGS})\b")
IN_TEMPLATE = re.compile(rf"\{{\{{[^}}]*\}}\}} (?:[a-z]+ )??(?:{THINGS})\b")
BOTH_NUMBERS = re.compile(r"\{% blocktrans(?:late)?[^%]* count .*?\{% endblocktrans(?:late)? %\}", re.DOTALL)
# Limits far above one.
NEVER_ONE = {"%(rows)s rows", "%(passwords)d passwords", "%(most)d files", "%(waits_for)d days"}
# What is called so is no count.
NO_COUNTS = {"name", "org", "org_id", "path", "run_id", "server", "username"}
SOURCES = sorted(
    path
    for folder in ("console", "directory", "orgs")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)


class _Counts(ast.NodeVisitor):
    """Collects counts before a plural that nothing chooses."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._chosen = 0

    def visit_IfExp(self, node: ast.IfExp) -> None:
        compared = isinstance(node.test, ast.Compare) and any(
            isinstance(each, ast.Constant) and each.value == 1 for each in node.test.comparators
        )
        self._chosen += compared
        self.generic_visit(node)
        self._chosen -= compared

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        chosen = name in {"ngettext", "ngettext_lazy", "npgettext", "counted"}
        self._chosen += chosen
        self.generic_visit(node)
        self._chosen -= chosen

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        for value, after in zip(node.values, node.values[1:], strict=False):
            if self._chosen or not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
                continue
            expression = ast.unparse(value.value)
            last = expression.rpartition(".")[2]
            right = last.isupper() or last in NO_COUNTS or expression.startswith("counted(")
            if PLURAL.match(str(after.value)) and not right:
                self.found.append(f"{expression}{str(after.value)[:30]}")

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and not self._chosen:
            self.found += [found for found in FORMATTED.findall(node.value) if found not in NEVER_ONE]


def _counts(source: str) -> list[str]:
    found = _Counts()
    found.visit(ast.parse(source))
    return found.found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_count_in_the_code_has_its_singular(path: Path) -> None:
    assert _counts(path.read_text("utf-8")) == []


def test_each_count_in_a_template_has_its_singular() -> None:
    found = {}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = BOTH_NUMBERS.sub("", path.read_text("utf-8"))
        if hits := IN_TEMPLATE.findall(text):
            found[path.name] = hits
    assert found == {}


@pytest.mark.parametrize(
    ("source", "hits"),
    [
        ('f"{count} entries came"', 1),
        ('f"after {len(found)} more entries"', 1),
        ('f"{MOST_URLS} URLs are the most"', 0),
        ('"1 entry" if count == 1 else f"{count} entries"', 0),
        ('_("%(count)d archives go")', 1),
        ('ngettext("%(count)d archive goes", "%(count)d archives go", count)', 0),
        ('"{count} users would be granted"', 1),
        ('f"user {name} is in {org}"', 0),
    ],
)
def test_this_search_finds_what_it_should(source: str, hits: int) -> None:
    assert len(_counts(source)) == hits


def test_one_of_something_is_said_so() -> None:
    sentences: Iterator[str] = (counted(number, "entry", "entries") for number in (0, 1, 2, 1000))
    assert list(sentences) == ["0 entries", "1 entry", "2 entries", "1000 entries"]
