"""Hostile scripts: each does its worst for one entry of sixty, and the others must not notice."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox, compile_errors
from directory.values.ldap import Entry
from directory.values.scripts import Script, Scripts, Verdict
from tests.attacks import hostile_answers, hostile_reach, hostile_work
from tests.attacks.hostile import ACTIVE, ORG_NAME, ROLE_NAME, Hostile
from tests.catalogue import Row, noted

LIMITS = SandboxLimits(cpu_seconds_per_entry=0.25, memory_bytes=200 << 20)
# What ends by itself must end so on a busy machine too, where the same work takes more computing time.
PATIENT = replace(LIMITS, cpu_seconds_per_entry=10)
TRIGGER = 33
ENTRIES = [
    Entry(f"cn={n},ou=People", {"n": (str(n),), "mail": ("a@example.com",), "list": ("b", "a")}) for n in range(60)
]
HONEST = {
    ACTIVE: "return entry.n % 7 != 0",
    ORG_NAME: "return 'Org ' + entry.n % 3",
    ROLE_NAME: "return ['Staff', 'Role ' + entry.n % 4]",
}
ROWS = [(row, slot) for row in (*hostile_work.ROWS, *hostile_answers.ROWS, *hostile_reach.ROWS) for slot in row.slots]


def scripts(first: str = "", slot: Script[Any] = ACTIVE) -> Scripts:
    """Return the honest scripts, one of which does something first."""
    bodies = {name: (first if name is slot else "") + body for name, body in HONEST.items()}
    active, org_name, role_name = (f"function (entry) {{\n{body};\n}}" for body in bodies.values())
    return Scripts(active, org_name, role_name)


def evaluated(source_scripts: Scripts, limits: SandboxLimits = PATIENT) -> list[Verdict]:
    with Sandbox(source_scripts, (), limits) as sandbox:
        return sandbox.evaluate(ENTRIES)


@cache
def undisturbed() -> tuple[Verdict, ...]:
    return tuple(evaluated(scripts()))


def children() -> list[str]:
    """Return the scripts' processes that this one has started and that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(parent) == os.getpid() and "sandbox/child/main.py" in command:
            found.append(folder.name)
    return found


class Host:
    """A server that nobody may speak to and a file that nobody may read, whose contents would be found in an answer."""

    def __init__(self, folder: Path, server: socket.socket) -> None:
        self.file = folder / "secret"
        self.file.write_text("hunter2")
        self.server = server

    def aimed(self, body: str) -> str:
        return body.replace("{file}", str(self.file)).replace("{port}", str(self.server.getsockname()[1]))

    def touched(self, verdicts: list[Verdict]) -> list[str]:
        """Return what has been reached."""
        found = ["a secret was read"] if "hunter2" in str(verdicts) else []
        if [path.name for path in self.file.parent.iterdir()] != ["secret"] or self.file.read_text() != "hunter2":
            found.append("a file was changed")
        self.server.setblocking(False)
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return found
        return [*found, "a server was reached"]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Host(tmp_path, server)


def note(row: Row, verdicts: list[Verdict], expected: list[Verdict], host: Host) -> None:
    """Note what the trigger got, and count the verdicts that are not as they should be."""
    verdict = verdicts[TRIGGER]
    wrong = [n for n, (got, want) in enumerate(zip(verdicts, expected, strict=True)) if got != want]
    extra = host.touched(verdicts) + [f"child {pid} is still there" for pid in children()]
    result = str(verdict.error) if verdict.error else f"{verdict.active}, {verdict.org_name}, {verdict.roles}"
    row.saw(
        "; ".join([result[:300], *(f"entry {n}: {verdicts[n]}" for n in wrong[:3]), *extra]),
        wrongly_changed=len(wrong) + len(extra),
    )


def expected_of(row: Hostile, slot: Script[Any], verdicts: list[Verdict]) -> list[Verdict]:
    """Return the verdicts that must come, the trigger's by the pattern that its error must match."""
    expected = list(undisturbed())
    if row.error:
        error = verdicts[TRIGGER].error
        fits = error is not None and error.script is slot and re.search(row.error, error.message)
        expected[TRIGGER] = verdicts[TRIGGER] if fits else Verdict(error=error and replace(error, message=row.error))
    else:
        results = {script.result: result for script, result in expected[TRIGGER].results.items()}
        expected[TRIGGER] = Verdict(**{**results, **row.gives})
    return expected


@pytest.mark.parametrize(
    ("hostile", "slot"),
    [
        pytest.param(row, slot, id=f"{row.name}, {slot}", marks=[] if row.quick and slot is row.slots[0] else pytest.mark.whole)
        for row, slot in ROWS
    ],
)  # fmt: skip
@pytest.mark.in_turns
def test_others_do_not_notice(hostile: Hostile, slot: Script[Any], host: Host) -> None:
    with noted(
        "scripts",
        f"{slot} script: {hostile.name}",
        how=hostile.body,
        expected=f"for this entry {hostile.error or dict(hostile.gives) or 'the usual verdict'}; the other 59 as ever",
    ) as row:
        first = f"if (entry.n == {TRIGGER}) {{\n{host.aimed(hostile.body)}\n}}\n"

        verdicts = evaluated(scripts(first, slot), LIMITS if "used more than" in hostile.error else PATIENT)

        note(row, verdicts, expected_of(hostile, slot, verdicts), host)


@pytest.mark.parametrize(("what", "keep", "find"), hostile_reach.KEPT, ids=[what for what, _, _ in hostile_reach.KEPT])
def test_no_entry_finds_what_another_left(what: str, keep: str, find: str, host: Host) -> None:
    with noted(
        "scripts",
        f"every entry leaves {what} for the next",
        how=keep,
        expected="no entry finds it",
    ) as row:
        # What throws or returns does so in its own way; anything else may fail without being noticed.
        body = keep if keep.startswith(("throw", "return")) else f"try {{ {keep} }} catch (e) {{}}"

        verdicts = evaluated(
            Scripts(
                active="entry => true",
                org_name=f"function (entry) {{ if ({find}) return 'found'; {body}; return 'nothing' }}",
            )
        )

        found = [n for n, verdict in enumerate(verdicts) if verdict.org_name == "found"]
        extra = host.touched(verdicts) + children()
        row.saw(f"found by {len(found)} of 60 entries", wrongly_changed=len(found) + len(extra))


@pytest.mark.whole
@pytest.mark.parametrize("what", hostile_reach.NOT_ONE_FUNCTION)
def test_a_script_that_is_not_one_function_is_never_run(what: str, host: Host) -> None:
    source = hostile_reach.NOT_ONE_FUNCTION[what]

    with noted(
        "scripts",
        f"a source that {what}",
        how=source[:100],
        expected="an error for every entry, and nobody is changed",
    ) as row:
        verdicts = evaluated(
            Scripts(active=source, **{script.key: text for script, text in scripts().items() if script is not ACTIVE})
        )

        errors = [verdict.error for verdict in verdicts if verdict.error and verdict.error.script is ACTIVE]
        extra = host.touched(verdicts) + children()
        row.saw(str(verdicts[0].error), wrongly_changed=60 - len(errors) + len(extra))


@pytest.mark.parametrize("what", hostile_answers.UNCOMPILED)
def test_a_script_that_does_not_compile_says_where(what: str) -> None:
    source, pattern, line = hostile_answers.UNCOMPILED[what]

    with noted("scripts", what, how=source, expected="a message with its line") as row:
        error = compile_errors(Scripts(org_name=source), LIMITS)[ORG_NAME]

        fits = re.search(pattern, error.message) and line in {None, error.line}
        row.saw(str(error), wrongly_changed=0 if fits else 1)
