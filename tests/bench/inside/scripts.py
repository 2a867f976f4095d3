"""Evaluates the same entries with the seed's scripts in the sandbox and in one bare interpreter, and times both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import dukpy
from django.conf import settings

from directory.models.servers.attribute_settings import DEFAULT_ALWAYS_LISTS
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.ldap import Entry
from directory.values.scripts import Scripts, Verdict
from tests.bench import people
from tests.seed_scripts import ACTIVE_EMPLOYEE_TYPE, ORG_NAME, ROLE_NAME

# As many as a reading sends to the sandbox at once.
SLICE = 200
ALWAYS = frozenset(name.lower() for name in DEFAULT_ALWAYS_LISTS)
# A bare interpreter has no attributes as bare names: this one, which the seed's script wants, is set for each entry.
BARE = f"""
var scripts = [{ACTIVE_EMPLOYEE_TYPE}, {ORG_NAME}, {ROLE_NAME}];
var memberof;
function evaluate(entries) {{
    return entries.map(function (entry) {{
        memberof = entry.memberOf;
        return scripts.map(function (script) {{ return script(entry); }});
    }});
}}
"""


def main(count: str, repeats: str) -> dict[str, Any]:
    """Return the times of both, turn by turn; both have to say the same."""
    entries = [person.entry() for person in people.people(int(count))]
    found: dict[str, list[float]] = {"sandbox": [], "bare": []}
    for _ in range(int(repeats)):
        verdicts, seconds = in_the_sandbox(entries)
        found["sandbox"].append(seconds)
        answers, seconds = in_a_bare_interpreter(entries)
        found["bare"].append(seconds)
        assert [as_answer(verdict) for verdict in verdicts] == answers, "sandbox and interpreter don't agree"
    return found


def in_the_sandbox(entries: Sequence[Entry]) -> tuple[list[Verdict], float]:
    """Return what the sandbox says of all entries, and how long that took once it runs."""
    scripts = Scripts(ACTIVE_EMPLOYEE_TYPE, ORG_NAME, ROLE_NAME)
    with Sandbox(scripts, DEFAULT_ALWAYS_LISTS, SandboxLimits(allow_weak=settings.ALLOW_WEAK_SANDBOX)) as sandbox:
        sandbox.evaluate(entries[:1])
        started = time.perf_counter()
        verdicts = [
            verdict
            for start in range(0, len(entries), SLICE)
            for verdict in sandbox.evaluate(entries[start : start + SLICE])
        ]
        return verdicts, time.perf_counter() - started


def in_a_bare_interpreter(entries: Sequence[Entry]) -> tuple[list[Any], float]:
    """Return what the same functions say in an interpreter without any guard, and how long that took once it runs."""
    interpreter = dukpy.JSInterpreter()
    interpreter.evaljs(f"{BARE}; null")
    started = time.perf_counter()
    answers = []
    for start in range(0, len(entries), SLICE):
        batch = [plain(entry) for entry in entries[start : start + SLICE]]
        answers += interpreter.evaljs("evaluate(dukpy['entries'])", entries=batch)
    return answers, time.perf_counter() - started


def plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as the scripts see it: lists where there are always lists, else text."""
    shown: dict[str, Any] = {
        name: values if len(values) > 1 or name.lower() in ALWAYS else values[0]
        for name, values in entry.attributes.items()
    }
    return shown | {"dn": entry.dn}


def as_answer(verdict: Verdict) -> list[Any]:
    """Return a verdict as the three functions give it."""
    return [verdict.active, verdict.org_name, None if verdict.roles is None else list(verdict.roles)]
