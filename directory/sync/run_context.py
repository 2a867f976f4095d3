"""The context of one run: its row, its lease, its orgs and servers, and what the stages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.models import Run, RunServer, SyncSettings
from directory.org_scope import OrgScope, org_lists_digests, orgs_in_scope
from directory.scripts.distributed.dispatcher import NO_WORKERS, WorkerPool
from directory.sync.lease import Lease
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all stages of one run share.

    - ``scope``: the orgs that the run decides about, by id.
    - ``orgs_by_server``, ``org_lists_digests``: by server id, the ids of the orgs that use it, and a hash of their
      lists. Both include orgs outside the run's scope, because the match of an entry does not depend on it.
    - ``workers``: the other workers that can evaluate batches for the run.

    No stage adds to it: a stage returns what it has found. Only the rows ``run`` and ``readings`` change, which keep what
    the next worker needs if this one dies, and the lease, which is renewed.
    """

    run: Run
    lease: Lease
    settings: SyncSettings
    readings: Sequence[RunServer]
    scope: Mapping[int, OrgScope]
    org_lists_digests: Mapping[int, str]
    orgs_by_server: Mapping[int, list[int]]
    workers: WorkerPool

    @property
    def actor(self) -> Actor:
        """The actor of the run's writes: who approved it, else who started it."""
        person = self.run.approved_by or self.run.started_by
        label = self.run.approved_by_label or self.run.started_by_label
        if person is None:
            return Actor(label=label, run_id=self.run.pk)
        return Actor(label=label, user_id=person.pk, org_id=person.org_id, run_id=self.run.pk)

    @property
    def org_ids(self) -> list[int]:
        """The ids of the orgs in scope; an undo has the orgs that its plan has counted."""
        if self.run.undo_of_id is not None:
            return sorted(part["id"] for part in self.run.org_counts)
        return sorted(self.scope)


def load(run_id: int, lease: Lease, workers: WorkerPool = NO_WORKERS) -> RunContext:
    """Return the context of a run; an org is in scope if at least one of its servers is among those chosen for the run."""
    run = Run.objects.select_related("started_by", "approved_by", "undo_of").get(pk=run_id)
    readings = list(run.readings.order_by("pk"))
    chosen = {row.server_id for row in readings if row.chosen}
    everywhere = orgs_in_scope()
    scope = {pk: org for pk, org in everywhere.items() if set(org.servers) & chosen}
    orgs_by_server: dict[int, list[int]] = {}
    for pk, org in everywhere.items():
        for server_id in org.servers:
            orgs_by_server.setdefault(server_id, []).append(pk)
    return RunContext(run, lease, SyncSettings.load(), readings, scope, org_lists_digests(), orgs_by_server, workers)
