"""The context of one run: its row, its lease, its orgs and servers, and what the stages share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from directory.models import LdapServer, Run, RunServer, SyncSettings
from directory.scope import OrgScope, org_lists_digests, orgs_in_scope
from directory.scripts.distributed.dispatcher import NO_WORKERS, WorkerPool
from directory.sync.entries.entry_store import EntryStore
from directory.sync.entries.group_store import GroupStore
from directory.sync.identify.user_matching import UsersInScope
from directory.sync.lease import Lease
from orgs.rules.actors import Actor


@dataclass(slots=True)
class RunContext:
    """What all stages of one run share.

    - ``scope``: the orgs that the run decides about, by id.
    - ``orgs_by_server``, ``org_lists_digests``: by server id, the ids of the orgs that use it, and a hash of their
    lists.
      Both include orgs outside the run's scope, because the match of an entry does not depend on it.
    - ``servers``, ``entry_stores``, ``groups``: by server id, the settings that a reading used, its entries and groups.
    - ``users_in_scope``: the users in scope when the reading began.
    - ``competing_users``: the other users who claim a user's entry, by (server id, user id).
    - ``surroundings``: what the plan is decided against, as JSON for the run's row.
    - ``notes``: sentences about unusual things in a reading, by the id of its row.
    - ``workers``: the other workers that can evaluate batches for the run.
    """

    run: Run
    lease: Lease
    settings: SyncSettings
    readings: list[RunServer]
    scope: dict[int, OrgScope]
    org_lists_digests: dict[int, str] = field(default_factory=dict)
    orgs_by_server: dict[int, list[int]] = field(default_factory=dict)
    users_in_scope: UsersInScope | None = None
    competing_users: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    servers: dict[int, LdapServer] = field(default_factory=dict)
    entry_stores: dict[int, EntryStore] = field(default_factory=dict)
    groups: dict[int, GroupStore] = field(default_factory=dict)
    surroundings: dict[str, Any] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)
    workers: WorkerPool = field(default_factory=WorkerPool)

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
    return RunContext(
        run, lease, SyncSettings.load(), readings, scope, org_lists_digests(), orgs_by_server, workers=workers
    )
