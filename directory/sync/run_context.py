"""One run while it is worked on: its row, its lease, and the orgs and servers that it is about."""

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
    """What all steps of one run share; ``scope`` holds the orgs that the run looks after, by id.

    By server id, ``orgs_by_server`` are the ids of the orgs that use it, and ``org_lists_digests`` a hash of their lists;
    both include orgs outside the run's scope, as the match of an entry does not depend on a run's scope. ``servers`` are those that have been read, by id, as
    they were set then, and ``entry_stores`` where their entries are kept, and ``groups`` where their groups are. ``users_in_scope`` says who was in scope when the reading
    began, ``competing_users`` which other users have a claim to the entry of a user (server id, user id). ``surroundings`` is
    what the plan is made against, as the run's row keeps it. ``notes`` are sentences about what was odd in a reading, by its
    row's id. ``workers`` are the workers that could run scripts for it.
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
        """Who the run's writes are put down to."""
        person = self.run.approved_by or self.run.started_by
        label = self.run.approved_by_label or self.run.started_by_label
        if person is None:
            return Actor(label=label, run_id=self.run.pk)
        return Actor(label=label, user_id=person.pk, org_id=person.org_id, run_id=self.run.pk)

    @property
    def org_ids(self) -> list[int]:
        """The orgs in scope, by id; an undo is about the orgs of those whom it puts back."""
        if self.run.undo_of_id is not None:
            return sorted(part["id"] for part in self.run.org_counts)
        return sorted(self.scope)


def load(run_id: int, lease: Lease, workers: WorkerPool = NO_WORKERS) -> RunContext:
    """Read what a run is about; orgs whose servers all sit out this run are not in its scope."""
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
