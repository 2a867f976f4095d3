"""What a worker does for another one's run: asks the scripts about pages until none waits any more."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence

from directory import scripting
from directory.models import LdapServer, RunServer, ScriptPage
from directory.sync import script_pages
from directory.sync.sandbox import Cost, Sandbox, SandboxBroken
from directory.sync.values import Verdict

log = logging.getLogger("rollcall.sync")

# A claim is renewed between parts of so many entries.
PART = 20
RENEW_EVERY = 5.0
# So long a worker waits for a further page of the same run before it takes up something else.
LINGERS = 1.0
LOOKS_EVERY = 0.05


def made_by(server: LdapServer) -> str:
    """Return what names the scripts of a server, and all else that decides what they say."""
    made = f"{server.configuration_digest} {scripting.version()}"
    # Another version of Rollcall may take other names for needed.
    return made if server.attributes is None else f"{made} {_hash(server.attributes)}"


def cost_before(server_id: int, made: str) -> Cost:
    """Return what a server's scripts, as they are set now, cost when they last ran; nothing where that is not known."""
    readings = RunServer.objects.filter(server=server_id, configuration_digest=made.partition(" ")[0])
    counts = readings.filter(counts__scriptEntries__gt=0).order_by("-pk").values_list("counts", flat=True).first()
    return Cost(counts["scriptEntries"], counts["scriptSeconds"]) if counts else Cost()


def _hash(names: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]


def help_with(page_id: int, *, go_on: Callable[[], None]) -> int:
    """Answer a page and further ones of its run, and return how many; ``go_on`` raises when it is time to leave.

    A page whose server is set otherwise by now, or whose scripts can't be run here, is left to the run's own worker.
    """
    me = f"{socket.gethostname()}:{os.getpid()}"[:64]
    page = ScriptPage.objects.select_related("server").filter(pk=page_id).first()
    if page is None:
        return 0
    server, run_id, done = page.server, page.run_id, 0
    next_id = page_id if script_pages.claim(page_id, by=me) else script_pages.claim_another(run_id, by=me)
    if next_id is None:
        return 0
    with scripting.sandbox(server) as sandbox:
        while next_id is not None:
            done += _answer(next_id, server, sandbox, me)
            go_on()
            next_id = _another(run_id, me, go_on)
    return done


def _another(run_id: int, me: str, go_on: Callable[[], None]) -> int | None:
    ends = time.monotonic() + LINGERS
    while (found := script_pages.claim_another(run_id, by=me)) is None and time.monotonic() < ends:
        go_on()
        time.sleep(LOOKS_EVERY)
    return found


def _answer(page_id: int, server: LdapServer, sandbox: Sandbox, me: str) -> int:
    """Answer one claimed page; return 0 where that was not to be."""
    page = ScriptPage.objects.filter(pk=page_id).first()
    if page is None:
        return 0
    if page.server_id != server.pk or page.made != made_by(server):
        script_pages.refuse(page_id, by=me)
        return 0
    entries, before = script_pages.entries_of(page), sandbox.cost().cpu_seconds
    verdicts: list[Verdict] = []
    renewed = time.monotonic()
    try:
        parts = (entries[start : start + PART] for start in range(0, len(entries), PART))
        for part in sandbox.evaluate_pages(parts):
            verdicts += part
            if time.monotonic() > renewed + RENEW_EVERY:
                renewed = time.monotonic()
                if not script_pages.renew(page_id, by=me):
                    return 0
    except SandboxBroken as error:
        log.warning("scripts for run %s are left to its own worker: %s", page.run_id, error)
        script_pages.refuse(page_id, by=me)
        return 0
    script_pages.answer(page_id, verdicts, cpu_seconds=sandbox.cost().cpu_seconds - before, by=me)
    return 1
