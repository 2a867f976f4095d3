"""What is kept from run to run goes when the rules that made it change: their source is in the fingerprints."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from directory.scripts.sandbox import engine_version
from directory.sync import rule_fingerprints
from directory.sync.plan.rules import decision_table, last_sysadmin
from directory.values.ldap import Identity
from directory.values.plan import Account, LookupResult, OrgFacts, PlanContext, Presence, StoredUser
from directory.values.scripts import Verdict

PROJECT = rule_fingerprints.PROJECT
# Rows and what reads them; a change of theirs comes with a migration.
NOT_RULES = ("directory.models", "orgs.models", "orgs.actions", "orgs.bulk_writes", "directory.sync.entries.id_set")


def path_of(module: str) -> Path | None:
    """Return the file of a module of this project."""
    if module.partition(".")[0] not in {"console", "directory", "orgs"}:
        return None
    place = PROJECT.joinpath(*module.split("."))
    found = [path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()]
    return found[0] if found else None


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if not name.startswith(NOT_RULES)}


def reached_from(*modules: str) -> set[Path]:
    """Return the files of these modules and of all that they import, one by the other."""
    assert all(map(path_of, modules)), f"one of {', '.join(modules)} is no module"
    waiting, found = list(modules), set[Path]()
    while waiting:
        path = path_of(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += imported_by(path)
    return {path for path in found if path.stat().st_size and path.name != "__init__.py"}


def passed_through(act: Callable[[], Any]) -> set[Path]:
    """Return the project's files whose code runs meanwhile."""
    seen: set[Path] = set()

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PROJECT) and not path.is_relative_to(PROJECT / "tests"):
            seen.add(path)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return seen


CONTEXT = PlanContext(
    orgs={name.lower(): OrgFacts(pk, name, servers=(1,)) for pk, name in ((2, "Default"), (3, "Staff"))},
    roles={"org admin": "Org Admin"},
    grantable={1: frozenset({"Org Admin"})},
)
SEAN = Account(
    "sean", "", "", "", active=True, blocked=False, pending=False, org="Default", org_id=2, roles=frozenset()
)


def decisions() -> None:
    """Decide about somebody who is found with other names, in another org and role, and about somebody absent."""
    who = Identity("uid=sean", "id-1", ("sean.other",), ("sean@example.com",), "Sean", "Smith")
    verdict = Verdict(org_name="Staff", roles=("Org Admin", "Nobody's"))
    for lookup_result in (
        LookupResult(Presence.FOUND, "Corp", 1, identity=who, verdict=verdict),
        LookupResult(Presence.ABSENT, "Corp", 1, reason="nobody matches"),
    ):
        change = decision_table.decide(StoredUser(1, SEAN), lookup_result, CONTEXT)
        last_sysadmin.LastSysadmin({1}, frozenset()).passes(change)


def test_every_module_that_a_decision_passes_through_is_in_the_fingerprint_of_decisions() -> None:
    passed = passed_through(decisions)

    assert rule_fingerprints.SYNC / "plan" / "rules" / "profile_org_roles.py" in passed
    assert passed <= set(rule_fingerprints.DECIDING)


@pytest.mark.parametrize(
    "module",
    [
        "rules.decision_table",
        "rules.last_sysadmin",
        "rules.rename_chains",
        "directory_view",
        "stored_users",
        "absence_grace",
    ],
)
def test_every_module_that_decides_is_in_the_fingerprint_of_decisions_with_all_that_it_imports(module: str) -> None:
    assert reached_from(f"directory.sync.plan.{module}") <= set(rule_fingerprints.DECIDING)


def test_every_module_that_matches_is_in_the_fingerprint_of_matches_with_all_that_it_imports() -> None:
    assert reached_from("directory.sync.identify.user_candidates") <= set(rule_fingerprints.MATCHING)
    assert rule_fingerprints.SYNC / "read" / "match_fingerprint.py" in rule_fingerprints.MATCHING


@pytest.mark.parametrize(
    "module",
    [
        "ldap.entry_identity",
        "sync.stored.plan_json",
        "sync.entries.entry_values",
        "scripts.verdict_json",
        "ldap.attributes.requested_attributes",
        "ldap.search.raw_entry",
        "ldap.search.decoding",
    ],
)
def test_every_module_that_makes_an_entry_is_in_the_fingerprint_of_entries_with_all_that_it_imports(
    module: str,
) -> None:
    assert reached_from(f"directory.{module}") <= set(rule_fingerprints.STORING)


def test_the_sandbox_counts_with_all_its_files() -> None:
    kinds = {path.suffix for path in engine_version.HERE.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    # Whatever else is put there has to be hashed, too, but for words about it.
    assert kinds == {".js", ".py", ".md"}
