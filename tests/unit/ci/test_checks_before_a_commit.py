"""Checks are the same wherever they run: `make check`, the hooks before a commit, and the workflow."""

from __future__ import annotations

import re

from tests.tree import ROOT


def steps_of_make_check() -> list[tuple[str, str]]:
    """Return the title and the command of each step of `make check`, in order."""
    makefile = (ROOT / "Makefile").read_text()
    variables = dict(re.findall(r"^(\w+) := (.+)$", makefile, re.MULTILINE))
    recipe = makefile.partition("\ncheck:")[2].partition("\n\n")[0]
    steps = re.findall(r'^\t\$\(STEP\) "([^"]+)" (.+)$', recipe, re.MULTILINE)
    return [(title, re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], command)) for title, command in steps]


def hooks_before_a_commit() -> list[tuple[str, str]]:
    """Return the name and the command of each hook, in order."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text().split("      - id: ")[1:]
    return [(_value(hook, "name").strip('"'), _value(hook, "entry")) for hook in hooks]


def _value(hook: str, key: str) -> str:
    found = re.search(rf"^        {key}: (.+)$", hook, re.MULTILINE)
    assert found, f"a hook has no {key}: {hook}"
    return found[1]


def test_hooks_before_a_commit_are_the_steps_of_make_check() -> None:
    steps = steps_of_make_check()
    assert len(steps) >= 8
    assert hooks_before_a_commit() == steps


def test_no_hook_brings_a_tool_of_its_own() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    assert set(re.findall(r"language: (\S+)", hooks)) == {"system"}


class TestTheWorkflow:
    TEXT = (ROOT / ".github/workflows/ci.yml").read_text()

    def test_runs_what_must_pass_before_a_change_lands(self) -> None:
        assert re.search(r"^ +\.ci/run$", self.TEXT, re.MULTILINE)

    def test_may_only_read(self) -> None:
        assert re.findall(r"^ *permissions:.*\n((?: +.+\n)+)", self.TEXT, re.MULTILINE) == ["  contents: read\n"]

    def test_uses_actions_by_the_hash_of_a_commit(self) -> None:
        used = re.findall(r"uses: \S+@(\S+)", self.TEXT)
        assert used
        assert all(re.fullmatch("[0-9a-f]{40}", version) for version in used)
