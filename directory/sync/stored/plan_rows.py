"""Stores a plan as rows, before anything of it is applied, and reads its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Count

from directory.models import EvaluationBatch, PlannedMatch, Run, RunChange, RunRepeat, RunServer, RunState
from directory.models.jsontext import as_text
from directory.sync.stored import plan_counts, plan_json, repeated_rows
from directory.values.plan import Change, DecidedUser, LookupResult, Outcome, StoredUser
from directory.values.run_counts import USERS, filled
from orgs.bulk_writes import insert_rows

COLUMNS = (
    "run",
    "user",
    "username",
    "org",
    "server",
    "server_name",
    "outcome",
    "actions",
    "cause",
    "facts",
    "before",
    "after",
    "steps",
    "warnings",
    "unknown_org",
    "entry",
    "side_effects",
    "put_back",
    "digest",
)
# The index of the stored entry among a change's values; the digest only covers whether there is one.
ENTRY = COLUMNS.index("entry") - 1


def planned(*, run: Run, changes: Iterable[DecidedUser]) -> int:
    """Store all decisions but those of “no change” without a warning; return their number.

    A change that an earlier run has stored word for word is not stored again, but the run refers to it. The number
    includes these.
    """
    # Rows with their keys: user id, and the digest of a change that an earlier run may have stored.
    new: list[tuple[tuple[int, int | None], tuple[Any, ...]]] = []
    alike: set[tuple[int, int]] = set()
    for change, user, lookup_result, put_back in changes:
        if change.outcome is Outcome.UNCHANGED and not change.warnings:
            continue
        values = _values(change, user, lookup_result)
        back = dict(put_back)
        digest = None
        if change.outcome in repeated_rows.REPEATED:
            digest = repeated_rows.digest([*values[:ENTRY], values[ENTRY] is not None, back])
            alike.add((change.user_id, digest))
        new.append(((change.user_id, digest), (run.pk, *values, {}, back, digest)))
    repeated = repeated_rows.stored(alike)
    insert_rows(RunChange, COLUMNS, [row for key, row in new if key not in repeated])
    repeated_rows.store(run.pk, repeated.values())
    return len(new)


def _values(change: Change, user: StoredUser, lookup_result: LookupResult) -> tuple[Any, ...]:
    before = plan_json.account_to_json(change.before)
    return (
        change.user_id,
        change.before.username,
        change.before.org_id,
        lookup_result.server_id or None,
        lookup_result.server,
        change.outcome.value,
        change.actions,
        change.cause.value,
        plan_json.facts_to_json(user),
        before,
        plan_json.account_to_json(change.after) if change.actions else before,
        as_text(change.steps),
        change.warnings,
        change.unknown_org,
        lookup_result.entry_id or None,
    )


def gone(*, run: Run, changes: Iterable[RunChange], step: str) -> None:
    """Store that the users of these changes of an earlier run are deleted, so that nothing can be put back."""
    RunChange.objects.bulk_create(
        RunChange(
            run=run,
            username=row.username,
            org_id=row.org_id,
            server_id=row.server_id,
            server_name=row.server_name,
            outcome=Outcome.REFUSED,
            before=row.after,
            after=row.after,
            steps=[step],
        )
        for row in changes
    )


def forget(*, run: Run) -> None:
    """Drop a plan that a dead attempt has left half made, so that it can be made again."""
    RunChange.objects.filter(run=run).delete()
    RunRepeat.objects.filter(run=run).delete()
    PlannedMatch.objects.filter(run=run).delete()
    EvaluationBatch.objects.filter(run=run).delete()


def any_to_apply(run: Run) -> bool:
    """Return whether the run's plan has a change that is still to be made."""
    return run.stored_changes.filter(outcome=Outcome.PLANNED).exists()


def copy_plan(*, source_id: int, target_id: int) -> int:
    """Copy a plan's changes to another run, in the same order; return how many were copied.

    The run only refers to changes that leave users alone. One statement copies the rest.
    """
    repeated_rows.copy(source_id=source_id, target_id=target_id)
    quote, run = connection.ops.quote_name, "run_id"
    names = [str(field.column) for field in RunChange._meta.concrete_fields if not field.primary_key]
    table, columns = quote(RunChange._meta.db_table), ", ".join(map(quote, names))
    copied = ", ".join("%s" if name == run else quote(name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table} "  # noqa: S608  # only names of columns are put in
            f"WHERE {quote(run)} = %s AND digest IS NULL ORDER BY id",
            [target_id, source_id],
        )
        return int(cursor.rowcount)


def counts(run: Run) -> tuple[dict[str, int], dict[int, Counter[str]]]:
    """Return the counts of the stored plan's applied changes, in all and by org id.

    The number of users is not among them: unchanged users have no row.
    """
    by_org: dict[int, Counter[str]] = {}
    # Group equal rows: most changes of a large run are alike.
    alike = run.changes.order_by().values_list("org_id", "outcome", "actions", "warnings")
    for org_id, outcome, actions, warnings, alike_count in alike.annotate(Count("pk")).iterator(chunk_size=2000):
        one = plan_counts.counts_of(outcome, actions, len(warnings), undone=outcome != Outcome.APPLIED)
        by_org.setdefault(org_id or 0, Counter()).update({key: count * alike_count for key, count in one.items()})
    total: Counter[str] = Counter()
    for part in by_org.values():
        total.update(part)
    return dict(total), by_org


def settle_counts(run: Run) -> None:
    """Reduce an applied run's counts to the changes that were applied."""
    stored = Run.objects.get(pk=run.pk)
    total, by_org = counts(run)
    stored.counts = filled({**total, USERS.key: stored.counts.get(USERS.key, 0)})
    stored.org_counts = [
        {
            "id": part["id"],
            "name": part["name"],
            **filled({**by_org.get(part["id"], Counter()), USERS.key: part[USERS.key]}),
        }
        for part in stored.org_counts
    ]
    stored.save(update_fields=["counts", "org_counts"])


def last_complete_reading(row: RunServer) -> tuple[int, dict[str, int]] | None:
    """Return the number of entries, and of those with each attribute, at the last complete reading of an applied run."""
    return (
        RunServer.objects.filter(server=row.server_id, complete=True, run__state=RunState.APPLIED)
        .exclude(run=row.run_id)
        .order_by("-pk")
        .values_list("entries", "attribute_counts")
        .first()
    )


def last_groups(row: RunServer) -> int:
    """Return the number of resolved groups at the last complete reading of an applied run."""
    applied = RunServer.objects.filter(server=row.server_id, complete=True, run__state=RunState.APPLIED)
    counts = applied.exclude(run=row.run_id).order_by("-pk").values_list("counts", flat=True).first() or {}
    return int(counts.get("groups", 0))


def configuration_seen(row: RunServer) -> bool:
    """Return whether a simulation or an applied run had exactly this configuration, and the same orgs for the server."""
    done = RunServer.objects.filter(
        server=row.server_id, complete=True, run__state__in=[RunState.PLANNED, RunState.APPLIED]
    ).exclude(run=row.run_id)
    alike = done.filter(configuration_digest=row.configuration_digest)
    if alike.filter(org_lists_digest=row.org_lists_digest).exists():
        return True
    # Runs of older versions did not note the orgs of the server; they count until the first run that did.
    return alike.filter(org_lists_digest="").exists() and not done.exclude(org_lists_digest="").exists()
