"""Compares a plan and the runs of the last 24 hours with the limits of the plan's servers, and stores the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from directory.models import LdapServer, Run, RunChange, RunServer, RunState
from directory.sync.identify import unidentified_entries
from directory.sync.plan import stored_users
from directory.sync.read.read_result import ReadResult
from directory.sync.review import limit_checks
from directory.sync.review.limit_checks import Reason, Sums
from directory.sync.run_context import RunContext
from directory.sync.run_interruptions import SyncStopped
from directory.sync.stored import plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Outcome
from directory.values.server_limits import Counted, Limits
from orgs.models import Org

# The changes of all runs within this time count together, so that many small steps do not get around a limit.
WINDOW = timedelta(hours=24)


@dataclass(slots=True)
class Earlier:
    """What the runs of the last 24 hours have done because of one server.

    ``entries`` and ``groups`` are the most that one of them read. ``attributes`` maps names to the largest number of
    entries that had the attribute, and the number of all entries of that reading.
    """

    sums: Sums = field(default_factory=Sums)
    entries: int = 0
    groups: int = 0
    attributes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, reading: RunServer) -> None:
        """Count a reading of an applied run, older ones first; counts that a person has seen and allowed start anew."""
        counted: Mapping[str, Any] = reading.limit_counts
        passed = counted.get("passed", ())
        # Runs of older versions did not note the applied counts, so they count with the whole plan.
        applied = counted.get("applied", counted.get("counts", {}))
        self.sums.add(applied, counted.get("wholes", {}), without=passed)
        if reading.complete:
            self.entries = reading.entries if limit_checks.ENTRIES in passed else max(self.entries, reading.entries)
            groups = reading.counts.get("groups", 0)
            self.groups = groups if limit_checks.GROUPS in passed else max(self.groups, groups)
            self._add_attributes(reading, passed)

    def _add_attributes(self, reading: RunServer, passed: Collection[str]) -> None:
        for name in [name for name in self.attributes if limit_checks.ATTRIBUTE.format(name) in passed]:
            del self.attributes[name]
        for name, count in reading.attribute_counts.items():
            if count >= self.attributes.get(name, (0, 0))[0]:
                self.attributes[name] = count, reading.entries


def reasons(context: RunContext, read: ReadResult, plan_counts: PlanCounts) -> list[Reason]:
    """Return every reason to hold the plan back, and store the counts with the readings."""
    rows = [row for row in context.readings if row.complete]
    servers = {row.pk: _server(read, row) for row in rows}
    earlier = _earlier([server.pk for server in servers.values()], run=context.run, at=context.lease.clock())
    holders = _holders(context, plan_counts)
    org_names = {pk: org.org.name for pk, org in context.scope.items()}
    decided: dict[str, tuple[Sums, Limits]] = {}
    found: list[Reason] = []
    passed: dict[int, list[str]] = {}
    for row in rows:
        server = servers[row.pk]
        now, before = limit_checks.sums_of(server.pk, plan_counts, holders), earlier.get(server.pk, Earlier())
        decided[row.server_name] = now, server.limits
        own = limit_checks.check(
            _read(context, row, server, before), now, server.limits, earlier=before.sums, org_names=org_names
        )
        passed[row.pk] = [reason.key for reason in own if reason.key]
        found += own
    sums = {row.server_name: earlier.get(servers[row.pk].pk, Earlier()).sums for row in rows}
    together = limit_checks.check_together(decided, sums, org_names, passed={reason.key for reason in found})
    for row in rows:
        now = decided[row.server_name][0]
        keys = [*passed[row.pk], *(reason.key for reason in together if now.counts[reason.key])]
        row.limit_counts = {
            "counts": dict(now.counts),
            "wholes": now.wholes,
            "passed": keys,
            "admin_roles": sorted(plan_counts.admin_roles),
        }
        RunServer.objects.filter(pk=row.pk).update(limit_counts=row.limit_counts)
    return [*found, *together]


def passed_by_now(run: Run, *, at: datetime) -> list[Reason]:
    """Return the limits that a stored plan passes together with the changes that were applied after it was made.

    The limits that it was held back for are left out: the person who applies it has seen them.
    """
    rows = list(run.readings.filter(complete=True, server__isnull=False).select_related("server").order_by("pk"))
    servers = {row.server_name: row.server for row in rows if row.server is not None}
    earlier = _earlier([server.pk for server in servers.values()], run=run, at=at)
    sums = {name: earlier.get(server.pk, Earlier()).sums for name, server in servers.items()}
    org_names = dict(Org.objects.values_list("pk", "name"))
    decided: dict[str, tuple[Sums, Limits]] = {}
    passed_keys: set[str] = set()
    found: list[Reason] = []
    for row in rows:
        name, counted = row.server_name, row.limit_counts
        own = Sums(Counter(counted.get("counts", {})), dict(counted.get("wholes", {}))), servers[name].limits
        decided[name] = own
        passed_keys.update(counted.get("passed", ()))
        found += limit_checks.check_counts(name, *own, sums[name], org_names)
    found += limit_checks.check_together(decided, sums, org_names, passed={reason.key for reason in found})
    return [reason for reason in found if reason.key not in passed_keys]


def _server(read: ReadResult, row: RunServer) -> LdapServer:
    """Return the server of a reading, with the settings that were used; raises SyncStopped if it was deleted."""
    server = read.servers[row.server_id or 0]
    if not LdapServer.objects.filter(pk=server.pk).exists():
        raise SyncStopped(f"{row.server_name} has been deleted while the run was under way")
    return server


def _read(context: RunContext, row: RunServer, server: LdapServer, earlier: Earlier) -> limit_checks.ReadingCounts:
    last = plan_rows.last_complete_reading(row)
    entries, counts = last or (0, {})
    had = {name: (count, entries) for name, count in counts.items()} | earlier.attributes
    named = {name.lower(): name for name in server.named_attributes}
    return limit_checks.ReadingCounts(
        server=row.server_name,
        entries=row.entries,
        last_entries=None if last is None else max(entries, earlier.entries),
        vanished={named[key]: had[key] for key in had if key in named and not row.attribute_counts.get(key)},
        canary_found=row.canary_found,
        configuration_seen=context.run.simulated or plan_rows.configuration_seen(row),
        without_username=row.counts.get(unidentified_entries.WITHOUT_USERNAME, 0),
        groups=row.counts.get("groups", 0),
        last_groups=max(plan_rows.last_groups(row), earlier.groups) if server.resolve_groups else 0,
    )


def _holders(context: RunContext, plan_counts: PlanCounts) -> Mapping[tuple[str, int], int]:
    """Return how many active users in scope hold each role, by (role, server id); empty if no user loses a role."""
    lost = Counted.ROLE_LOSSES.of("")
    if not any(key.startswith(lost) for own in plan_counts.servers.values() for key in own.counts):
        return Counter()
    return stored_users.holders(context.org_ids)


def _earlier(server_ids: Collection[int], *, run: Run, at: datetime) -> dict[int, Earlier]:
    """Return what was applied in the last 24 hours, by server; a run does not count if an undo put back all its users."""
    changed = RunChange.objects.filter(run=OuterRef("run"), outcome=Outcome.APPLIED)
    undos = Run.objects.filter(state=RunState.APPLIED)
    taken_back = undos.filter(undo_of=OuterRef("run")).exclude(Exists(undos.filter(undo_of=OuterRef("pk"))))
    # An undo does not put back users who had changed since, so the run still counts for them.
    put_back = RunChange.objects.filter(
        run__undo_of=OuterRef("run"), run__state=RunState.APPLIED, user=OuterRef("user"), outcome=Outcome.APPLIED
    ).exclude(run__in=undos.filter(undo_of__isnull=False).values("undo_of"))
    left = changed.filter(user__isnull=False).exclude(Exists(put_back))
    applied = RunServer.objects.filter(
        Q(run__state=RunState.APPLIED) | Exists(changed),
        server__in=server_ids,
        run__simulated=False,
        run__undo_of=None,
        run__planned_at__isnull=False,
        run__finished_at__gt=at - WINDOW,
    )
    found: dict[int, Earlier] = {}
    counted = applied.exclude(Exists(taken_back), ~Exists(left))
    for reading in counted.exclude(run=run).order_by("pk"):
        found.setdefault(reading.server_id or 0, Earlier()).add(reading)
    return found
