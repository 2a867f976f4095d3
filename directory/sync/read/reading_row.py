"""Writes the row of a reading: the settings that were used, what was found, and the proof that this is all."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction

from directory.ldap.process.parent import IsolatedReading
from directory.models import LdapServer, RunServer
from directory.sync import run_stopwatch
from directory.sync.entries.entry_store import EntryStore
from directory.sync.identify import unidentified_entries
from directory.sync.read import full_or_incremental
from directory.sync.read.read_result import ReadSoFar
from directory.sync.run_context import RunContext
from directory.sync.stored import decision_cache
from directory.values.attribute_bits import NamedAttributes

# The columns of its row that a reading writes.
READ = (
    "server_name",
    "configuration_digest",
    "org_lists_digest",
    "attributes",
    "grants_digest",
    "url",
    "pages",
    "entries",
    "matched",
    "referrals",
    "canary_found",
    "complete",
    "proof",
    "match_fingerprint",
    "since",
    "cursor",
    "computed",
    "read_scope",
    "counts",
    "error",
)


def begin(context: RunContext, found: ReadSoFar, row: RunServer, server: LdapServer) -> None:
    """Reset the row to the server's present settings: an earlier attempt may have read with others."""
    row.server_name, row.configuration_digest = server.name, server.configuration_digest
    row.org_lists_digest = context.org_lists_digests.get(server.pk, "")
    row.grants_digest, row.url, row.canary_found = server.grants_digest, "", False
    row.pages = row.entries = row.matched = 0
    row.attributes = server.attributes
    row.proof, row.counts, row.match_fingerprint = {}, {}, ""
    row.since, row.cursor, row.read_scope, row.computed = {}, {}, "", []
    found.forget(server_id=server.pk, row_id=row.pk)


def note_proof(row: RunServer, reading: IsolatedReading) -> None:
    """Note the cursors and the proof of the reading in its row."""
    extent = reading.extent
    row.since, row.cursor = full_or_incremental.to_json(extent.since), full_or_incremental.to_json(extent.position)
    row.computed = list(extent.computed)
    row.proof = asdict(reading.proof) if reading.proof else {}
    row.complete = reading.complete


def save(context: RunContext, found: ReadSoFar, row: RunServer) -> None:
    """Store the row of a reading that has ended; after a complete one, forget the entries that are gone."""
    with run_stopwatch.step("forgetting what is gone"), transaction.atomic():
        context.lease.renew(phase=f"reading {row.server_name}", done=row.entries)
        if row.complete and row.server_id is not None:
            if not row.since:
                decision_cache.drop(found.entry_stores[row.server_id].forget_unseen())
            row.counts |= unidentified_entries.counts(row.server_id)
            found.notes.setdefault(row.pk, []).extend(unidentified_entries.not_text(row.server_id))
        RunServer.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in READ})
        if row.complete and row.server_id is not None:
            row.attribute_counts = _named_attributes(
                row, found.servers[row.server_id], found.entry_stores[row.server_id]
            )
            RunServer.objects.filter(pk=row.pk).update(attribute_counts=row.attribute_counts)


def _named_attributes(row: RunServer, server: LdapServer, entry_store: EntryStore) -> dict[str, int]:
    """Return how many entries have each attribute that mapping and scripts name; counted only if an entry has changed."""
    if not entry_store.wrote:
        before = RunServer.objects.that_read(server.pk).exclude(pk=row.pk).first()
        if before and before.complete and before.configuration_digest == row.configuration_digest:
            counts: dict[str, int] = before.attribute_counts
            if counts:
                return counts
    with run_stopwatch.step("counting attributes"):
        return entry_store.named_attributes(NamedAttributes(server.named_attributes))
