"""Reads every server of a run, wholly or what has changed, and stores the proof in the reading's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from django.db import transaction

from directory.ldap.errors import DirectoryUnavailable, Stage
from directory.ldap.process.parent import IsolatedReading, ReadingProcess
from directory.ldap.search.reading_request import ReadingRequest
from directory.models import LdapServer, RunServer, RunState, StoredEntry
from directory.scripts import server_sandbox
from directory.scripts.distributed.dispatcher import EvaluationDispatcher
from directory.scripts.evaluation_fingerprint import evaluation_fingerprint
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.sync import alerts_and_mails, run_stopwatch
from directory.sync.entries import named_groups
from directory.sync.entries.entry_store import EntryStore, entries_are_current
from directory.sync.entries.group_store import GroupStore
from directory.sync.identify import user_candidates
from directory.sync.read import (
    duplicate_entries,
    full_or_incremental,
    left_out_parts,
    match_fingerprint,
    page_processor,
    reading_row,
    syncrepl_failures,
)
from directory.sync.read.page_processor import PageProcessor
from directory.sync.read.read_result import ReadResult, ReadSoFar
from directory.sync.run_context import RunContext
from directory.sync.run_interruptions import ReadEverything, SyncStopped
from directory.sync.stored import plan_rows
from directory.values.ldap import AttributeMapping, Connection, ReadScope, SyncCursor
from orgs.bulk_writes import refresh_statistics
from orgs.models.encrypted_text import Undecryptable

BEFORE_A_SEARCH = frozenset({Stage.NAME, Stage.CONNECT, Stage.TLS, Stage.BIND})


def read_servers(context: RunContext) -> ReadResult:
    """Read every server to its end, or note why that failed; raises SyncStopped if all of them failed."""
    with run_stopwatch.step("beginning to read"):
        result = _read_all(context)
        refresh_statistics(StoredEntry)
    return result


def _read_all(context: RunContext) -> ReadResult:
    found = ReadSoFar()
    with ReadingProcess() as process:
        with transaction.atomic():
            context.lease.save(state=RunState.READING, started_at=context.lease.clock())
            plan_rows.forget(run=context.run)
        for row in context.readings:
            row.complete, row.error = False, ""
            try:
                _read(context, found, row, process)
            except (DirectoryUnavailable, Undecryptable) as error:
                row.error = str(error)
                alerts_and_mails.connection_problem(reading=row, at=context.lease.clock())
            except SandboxBroken as error:
                raise SyncStopped(f"{row.server_name}: {error}") from error
            else:
                alerts_and_mails.connection_works(found.servers[row.server_id or 0], at=context.lease.clock())
            reading_row.save(context, found, row)
    if not any(row.complete for row in context.readings):
        failed = " ".join(f"{row.server_name}: {row.error}" for row in context.readings)
        raise SyncStopped(failed or "no enabled LDAP server is used by any org")
    return found.result()


def _read(context: RunContext, found: ReadSoFar, row: RunServer, process: ReadingProcess) -> None:
    """Read one server with its present settings."""
    server = LdapServer.objects.enabled().filter(readings=row.pk).first()
    if server is None:
        raise DirectoryUnavailable("it has been disabled or deleted")
    found.servers[server.pk] = server
    since, why_full = full_or_incremental.since(context.run, server)
    if since is not None and not entries_are_current(server.pk, evaluation_fingerprint(server)):
        since, why_full = None, "what is made of its entries has changed"
    try:
        _read_from(since, why_full, context, found, row, server, process)
    except ReadEverything as error:
        _read_from(None, str(error), context, found, row, server, process)
    except DirectoryUnavailable as failure:
        # A full reading may succeed where a search for changes failed. But a server that was not reached, or that
        # refused the bind, is not tried again: too many failed binds lock the account.
        if since is None or (not row.url and failure.stage in BEFORE_A_SEARCH):
            raise
        why_full = f"what has changed could not be read ({failure})"
        if failure.broke_off_sync:
            at = context.lease.clock()
            syncrepl_failures.note_failure(server=server, failure=str(failure), by=context.actor, at=at)
            why_full = f"the server broke off when it was asked by syncrepl what has changed ({failure})"
        _read_after(failure, why_full, context, found, row, server, process)


def _read_after(
    failure: DirectoryUnavailable,
    why_full: str,
    context: RunContext,
    found: ReadSoFar,
    row: RunServer,
    server: LdapServer,
    process: ReadingProcess,
) -> None:
    """Read everything after a failed search for changes; if that search broke the server, the error names it."""
    try:
        _read_from(None, why_full, context, found, row, server, process)
    except DirectoryUnavailable as again:
        if not failure.broke_off_sync:
            raise
        raise DirectoryUnavailable(
            f"the server broke off when it was asked by syncrepl what has changed, and does not answer any more: {again}. "
            "It is not asked that way again; look whether it is still running"
        ) from None


def _read_from(
    since: SyncCursor | None,
    why_full: str,
    context: RunContext,
    found: ReadSoFar,
    row: RunServer,
    server: LdapServer,
    process: ReadingProcess,
) -> None:
    """Read the changes after the cursor ``since``, or everything if it is None."""
    reading_row.begin(context, found, row, server)
    extra_timeout = _extra_timeout(server.connection)
    evaluation = evaluation_fingerprint(server)
    entry_store = EntryStore(run_id=context.run.pk, server_id=server.pk, fingerprint=evaluation)
    found.entry_stores[server.pk] = entry_store
    tried_before = _begin_entries(context, row, entry_store, extra_timeout=extra_timeout)
    # If hardly any stored row can stay, the process that reads decodes every entry as well.
    mapping = server.mapping if full_or_incremental.mostly_new(server) else None
    groups = _read_groups(context, found, server, process, entry_store, keep=mapping is not None)
    _note_who_is_in_scope(context, found)
    request = _request(context, row, server, since, mapping)
    # What a dead attempt has stored was not matched yet.
    last = "" if tried_before else match_fingerprint.of_last_reading(row)
    with _dispatcher(context, row, server, evaluation, extra_timeout) as dispatcher:
        reader_of = partial(PageProcessor, context, found, row, server, entry_store, groups, dispatcher, extra_timeout)
        reader, reading, fingerprint = _read_people(reader_of, request, last, context, row, server, process)
        row.read_scope = _read_scope(reader, reading.extent, process, why_full)
        row.counts = reader.counts()
        if groups is not None:
            found.notes[row.pk] += groups.sentences()
    reading_row.note_proof(row, reading)
    # If users have changed while entries were matched, some matches may be out of date, so no fingerprint is stored.
    row.match_fingerprint = fingerprint if fingerprint == _match_fingerprint(context, server) else ""


@contextmanager
def _dispatcher(
    context: RunContext, row: RunServer, server: LdapServer, evaluation: str, extra_timeout: int
) -> Iterator[EvaluationDispatcher]:
    """Open the server's sandbox, and yield what evaluates its entries there and on other workers."""
    with server_sandbox.sandbox(server) as sandbox:
        stay = partial(page_processor.stay, context, row, server, extra_timeout)
        yield EvaluationDispatcher(sandbox, context.workers, context.run.pk, server.pk, evaluation, stay)


def _read_people(
    reader_of: Callable[..., PageProcessor],
    request: ReadingRequest,
    last: str,
    context: RunContext,
    row: RunServer,
    server: LdapServer,
    process: ReadingProcess,
) -> tuple[PageProcessor, IsolatedReading, str]:
    """Read and evaluate the entries of people; return the reader, the reading, and the fingerprint that they are matched by.

    ``last`` is the fingerprint that the stored entries were matched by; empty if there is none.
    """
    with process.open(request) as reading:
        row.url, extent = reading.url, reading.extent
        if request.since and (computed := full_or_incremental.named_computed(server, extent.computed)):
            raise ReadEverything(computed)
        # The first pages come while this fingerprint is computed.
        with run_stopwatch.step("what entries are matched by"):
            fingerprint = _match_fingerprint(context, server)
        reader = reader_of(
            matched=fingerprint == last,
            incremental=extent.since is not None,
        )
        reader.read(reading.raw_pages())
        _note_what_was_odd(reader, reading)
    return reader, reading, fingerprint


def _read_scope(reader: PageProcessor, extent: ReadScope, process: ReadingProcess, why_full: str) -> str:
    """Read the rest of an incremental reading, if it is one, and return in words what was read."""
    if reader.incremental:
        return full_or_incremental.sentence(extent.since, reader.read_rest(extent, process))
    return full_or_incremental.everything(extent.why_full or why_full)


def _extra_timeout(connection: Connection) -> int:
    """Return for how many seconds a connection may be silent: one operation, after every URL was tried."""
    return connection.operation_timeout + connection.connect_timeout * len(connection.urls)


def _begin_entries(context: RunContext, row: RunServer, entry_store: EntryStore, *, extra_timeout: int) -> bool:
    """Begin with the entries of a server; return whether an earlier, dead attempt of this run has stored some."""
    with transaction.atomic():
        context.lease.renew(phase=f"reading {row.server_name}", done=0, extra_timeout=extra_timeout)
        RunServer.objects.filter(pk=row.pk).update(attributes=row.attributes)
        return entry_store.begin()


def _match_fingerprint(context: RunContext, server: LdapServer) -> str:
    """Return the present match fingerprint of a server."""
    return match_fingerprint.present(context.orgs_by_server.get(server.pk, []), at=context.lease.clock())


def _request(
    context: RunContext,
    row: RunServer,
    server: LdapServer,
    since: SyncCursor | None,
    mapping: AttributeMapping | None,
) -> ReadingRequest:
    """Return the request for the people of a server; with ``mapping`` the process that reads decodes every entry."""
    return replace(
        page_processor.request_of(context, row, server),
        since=since,
        now=context.lease.clock() if server.full_reading_every > 1 else None,
        groups_named=named_groups.of(server.pk) if since else (),
        mapping=mapping,
        for_groups=server.group_search is not None,
    )


def _note_what_was_odd(reader: PageProcessor, reading: IsolatedReading) -> None:
    """Note what was left out, came twice or could not be read as text; call it once all pages have come."""
    row, notes = reader.row, reader.found.notes
    row.referrals = list(reading.referrals)
    notes[row.pk] = duplicate_entries.sentences([*reader.twice, *reading.twice], reading.escaped)
    notes[row.pk] += left_out_parts.sentences(reading.left_out, reading.aliases)
    if reader.groups is not None:
        reader.groups.note_too_deep(reading.too_deep)


def _note_who_is_in_scope(context: RunContext, found: ReadSoFar) -> None:
    """Note the users in scope before any people are read, once for all servers."""
    if found.users_in_scope is None:
        with run_stopwatch.step("who is in scope"):
            found.users_in_scope = user_candidates.present(context.org_ids)


def _read_groups(
    context: RunContext,
    found: ReadSoFar,
    server: LdapServer,
    process: ReadingProcess,
    entry_store: EntryStore,
    *,
    keep: bool,
) -> GroupStore | None:
    """Read all groups before the people, and mark the entries whose groups have changed; None without group search.

    All groups are read each time, because a renamed member does not mark its groups as changed. With ``keep`` the
    process that reads keeps the groups for the people.
    """
    search = server.group_search
    if search is None:
        return None
    phase, connection = f"reading groups of {server.name}", server.connection_at(context.lease.clock())
    extra_timeout = _extra_timeout(connection)
    store = found.groups[server.pk] = GroupStore(server.pk, depth=search.depth)
    with run_stopwatch.step("reading groups"):
        context.lease.renew(phase=phase, done=0, extra_timeout=extra_timeout)
        with process.open_groups(connection, search, store.known(), keep=keep) as reading:
            # The groups come while this query runs.
            _note_who_is_in_scope(context, found)
            store.take(reading, lambda: context.lease.stay(phase=phase, done=0, extra_timeout=extra_timeout))
    with run_stopwatch.step("whose groups have changed"):
        touched = store.touched(entry_store.digest_prefix)
        if store.changed:
            # One transaction: another worker, or a later run, finds the old groups, or new ones with marked entries.
            with transaction.atomic():
                context.lease.renew(phase=phase, done=0, extra_timeout=extra_timeout)
                store.keep()
                entry_store.decide_again(touched)
    return store
