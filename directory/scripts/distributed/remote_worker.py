"""Evaluates batches of a run that another worker carries out, until no batch waits."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable

from directory.models import EvaluationBatch, LdapServer, RunServer
from directory.scripts import server_sandbox
from directory.scripts.distributed import evaluation_batches
from directory.scripts.evaluation_fingerprint import evaluation_fingerprint
from directory.scripts.sandbox.resource_limits import Cost, SandboxBroken
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.scripts import Verdict

log = logging.getLogger("rollcall.sync")

# A claim is renewed between parts of this many entries.
PART = 20
RENEW_EVERY = 5.0
# Seconds for which a worker waits for a further batch of the same run before it takes another task.
LINGERS = 1.0
LOOKS_EVERY = 0.05


def cost_before(server_id: int, fingerprint: str) -> Cost:
    """Return the cost of a server's present scripts when they last ran; an empty cost when it is unknown."""
    readings = RunServer.objects.filter(server=server_id, configuration_digest=fingerprint.partition(" ")[0])
    counts = readings.filter(counts__scriptEntries__gt=0).order_by("-pk").values_list("counts", flat=True).first()
    return Cost(counts["scriptEntries"], counts["scriptSeconds"]) if counts else Cost()


def help_with(batch_id: int, *, go_on: Callable[[], None]) -> int:
    """Evaluate a batch and further ones of its run, and return the number; ``go_on`` raises when this worker has to stop.

    A batch is left to the run's own worker when the server's settings have changed, or its scripts can't run here.
    """
    me = f"{socket.gethostname()}:{os.getpid()}"[:64]
    batch = EvaluationBatch.objects.select_related("server").filter(pk=batch_id).first()
    if batch is None:
        return 0
    server, run_id, done = batch.server, batch.run_id, 0
    next_id = batch_id if evaluation_batches.claim(batch_id, by=me) else evaluation_batches.claim_another(run_id, by=me)
    if next_id is None:
        return 0
    with server_sandbox.sandbox(server) as sandbox:
        while next_id is not None:
            done += _answer(next_id, server, sandbox, me)
            go_on()
            next_id = _another(run_id, me, go_on)
    return done


def _another(run_id: int, me: str, go_on: Callable[[], None]) -> int | None:
    ends = time.monotonic() + LINGERS
    while (found := evaluation_batches.claim_another(run_id, by=me)) is None and time.monotonic() < ends:
        go_on()
        time.sleep(LOOKS_EVERY)
    return found


def _answer(batch_id: int, server: LdapServer, sandbox: Sandbox, me: str) -> int:
    """Evaluate one claimed batch; return the number of evaluated batches, 0 or 1."""
    batch = EvaluationBatch.objects.filter(pk=batch_id).first()
    if batch is None:
        return 0
    if batch.server_id != server.pk or batch.evaluation_fingerprint != evaluation_fingerprint(server):
        evaluation_batches.refuse(batch_id, by=me)
        return 0
    entries, before = evaluation_batches.entries_of(batch), sandbox.cost().cpu_seconds
    verdicts: list[Verdict] = []
    renewed = time.monotonic()
    try:
        parts = (entries[start : start + PART] for start in range(0, len(entries), PART))
        for part in sandbox.evaluate_pages(parts):
            verdicts += part
            if time.monotonic() > renewed + RENEW_EVERY:
                renewed = time.monotonic()
                if not evaluation_batches.renew(batch_id, by=me):
                    return 0
    except SandboxBroken as error:
        log.warning("scripts for run %s are left to its own worker: %s", batch.run_id, error)
        evaluation_batches.refuse(batch_id, by=me)
        return 0
    evaluation_batches.answer(batch_id, verdicts, cpu_seconds=sandbox.cost().cpu_seconds - before, by=me)
    return 1
