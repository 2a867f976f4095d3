"""Asks for the impact of edited scripts over all stored entries, and has the sandbox evaluate the same ones in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from typing import Any

from directory.impact.script_impact import Impact, impact
from directory.models import LdapServer, StoredEntry
from directory.scripts import server_sandbox
from directory.values.ldap import Entry
from directory.values.scripts import ORG_NAME, Scripts

# One person in a hundred would move, and nothing else happen.
ONE_IN = 100
MOVES = "function (entry) {{ if (entry.employeeNumber % {} == 1) return 'North'; return ({})(entry); }}"
EDITED = "\n// edited"


def main(repeats: str) -> dict[str, Any]:
    """Return the times of each, turn by turn: all of it, and until the first numbers."""
    server = LdapServer.objects.get()
    saved = server.scripts
    sources = {script.key: source for script, source in saved.items()}
    sources["org_name"] = MOVES.format(ONE_IN, saved[ORG_NAME])
    one = Scripts(**sources)
    every = Scripts(**{key: source + EDITED for key, source in sources.items()})
    entries = _entries()
    # So many values in memory would be looked through again and again, which no console has to do.
    gc.freeze()
    found: dict[str, Any] = {"entries": len(entries), "one": [], "every": [], "first": [], "evaluated": []}
    for _ in range(int(repeats)):
        for name, scripts in (("one", one), ("every", every)):
            seconds, first = _measured(server, scripts, len(entries))
            found[name].append(seconds)
            found["first"].append(first)
        found["evaluated"].append(_evaluated(server, every, entries))
    return found


def _entries() -> list[Entry]:
    stored = StoredEntry.objects.filter(user__isnull=False).order_by("pk").values_list("dn", "attributes")
    return [Entry(dn, {name: tuple(values) for name, values in read.items()}) for dn, read in stored.iterator()]


def _measured(server: LdapServer, scripts: Scripts, count: int) -> tuple[float, float]:
    """Return how long it takes to tell the whole impact, and its first numbers; it has to be the right one."""
    started, first = time.perf_counter(), 0.0
    last: Impact | None = None
    for last in impact(server, scripts):
        if last.done and not first:
            first = time.perf_counter() - started
    seconds = time.perf_counter() - started
    assert last is not None
    moved = len(range(1, count + 1, ONE_IN))
    figures = (last.done, last.users, last.edited["moved"], last.basis.outdated)
    assert figures == (count, moved, moved, False), f"the impact is another one than it should be: {figures}"
    return seconds, first


def _evaluated(server: LdapServer, scripts: Scripts, entries: Sequence[Entry]) -> float:
    with server_sandbox.sandbox_for_stored(server, scripts, None) as sandbox:
        sandbox.evaluate(entries[:1])
        started = time.perf_counter()
        sandbox.evaluate(entries)
        return time.perf_counter() - started
