"""Processes each page of one server: rows of unchanged entries stay, the others are matched, evaluated and stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from directory.ldap.entry_identity import called
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.process.parent import ReadingProcess
from directory.ldap.search.raw_entry import DecodedEntry, RawEntry, decode
from directory.ldap.search.reading_request import ReadingRequest
from directory.models import LdapServer, RunServer
from directory.scripts.distributed.dispatcher import EvaluationDispatcher
from directory.scripts.sandbox.protocol import EntryText
from directory.sync import lease, run_stopwatch
from directory.sync.entries.entry_store import EntryStore
from directory.sync.entries.entry_values import EntryKey, ReadEntry, Stored, Waiting
from directory.sync.entries.group_store import GroupStore
from directory.sync.identify import user_candidates
from directory.sync.read import duplicate_entries, unsent_changes
from directory.sync.read.read_result import ReadSoFar
from directory.sync.run_context import RunContext
from directory.sync.run_interruptions import ReadEverything
from directory.sync.stored import decision_cache
from directory.values.attribute_bits import NamedAttributes
from directory.values.ldap import AttributeMapping, Connection, Identity, ReadScope
from directory.values.scripts import Verdict
from orgs.bulk_writes import Json

# Entries that go to the scripts at once. Each may take a second, and the lease has to last for all of them.
SLICE = 200


@dataclass(slots=True)
class PageProcessor:
    """Processes the pages of one server; ``extra_timeout`` is how many seconds the next page may take to come.

    ``matched``: the match fingerprint of the stored entries still holds. ``incremental``: only changed entries come.
    ``groups`` is None unless the server resolves groups. ``verdicts_kept``, ``twice`` (the DNs that came more than once),
    the counts of ``row`` and the contents of ``found`` grow with each page.
    """

    context: RunContext
    found: ReadSoFar
    row: RunServer
    server: LdapServer
    entry_store: EntryStore
    groups: GroupStore | None
    dispatcher: EvaluationDispatcher
    extra_timeout: int
    matched: bool
    incremental: bool
    verdicts_kept: int = 0
    org_ids: list[int] = field(init=False)
    mapping: AttributeMapping = field(init=False)
    named: NamedAttributes = field(init=False)
    twice: list[str] = field(default_factory=list)
    _again: bool = False
    _waiting: deque[Waiting] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.org_ids = self.context.orgs_by_server.get(self.server.pk, [])
        self.mapping, self.named = self.server.mapping, NamedAttributes(self.server.named_attributes)

    @property
    def connection(self) -> Connection:
        """The server's connection at this time."""
        return self.server.connection_at(self.context.lease.clock())

    @property
    def request(self) -> ReadingRequest:
        """The request that all readings of this server's people have in common."""
        return request_of(self.context, self.row, self.server)

    def read(self, pages: Iterable[list[RawEntry]]) -> None:
        """Process all pages; scripts run for some entries while others come."""
        self._look_at(self._come(pages))

    def read_rest(self, extent: ReadScope, process: ReadingProcess) -> int:
        """Process entries that did not come with the changes, but may differ; return how many were read for their groups.

        Entries whose groups may have changed are read. Stored entries are processed again without being read, if they
        need an evaluation each time, or if their match may differ.

        Raises:
            ReadEverything: an incremental reading is not enough.
        """
        singles = unsent_changes.look_at(self, extent.around, process)
        self._look_at(map(_as_stored, self.entry_store.others(all_of_them=not self.matched)))
        self.row.entries, self.row.matched = self.entry_store.counts()
        return singles

    def read_again(self, process: ReadingProcess, dns: Sequence[str]) -> None:
        """Read these entries again, each once, and process them."""
        if unique := list(dict.fromkeys(dns)):
            with process.open_single(self.request, unique) as reading:
                self._again = True
                self.read(reading.raw_pages())

    def _look_at(self, parts: Iterable[list[tuple[RawEntry, EntryKey]]]) -> None:
        for verdicts in run_stopwatch.each(
            "scripts", self.dispatcher.evaluate_pages(self._entries_to_evaluate(_gathered(parts)))
        ):
            stay(self.context, self.row, self.server, self.extra_timeout)
            self.take_verdicts(verdicts)

    def _come(self, pages: Iterable[list[RawEntry]]) -> Iterator[list[tuple[RawEntry, EntryKey]]]:
        """Yield the entries of each page that have to be processed."""
        for page in run_stopwatch.each("reading LDAP", pages):
            with run_stopwatch.step("looking entries up"):
                rest = self._changed(page)
            self.context.lease.stay(
                phase=phase_of(self.server), done=self.row.entries, extra_timeout=self.extra_timeout
            )
            yield rest

    def _entries_to_evaluate(self, parts: Iterable[list[tuple[RawEntry, EntryKey]]]) -> Iterator[list[EntryText]]:
        """Yield the entries that need an evaluation, a slice at a time."""
        for rest in parts:
            with run_stopwatch.step("matching"):
                read = self._matched(rest)
            to_evaluate = [index for index, each in enumerate(read) if each.needs_evaluation]
            for index in to_evaluate:
                if read[index].attributes is None:
                    found = self._decoded(rest[index][0])
                    read[index].attributes, read[index].named = Json(found.attributes), found.named
            self._note(read)
            matched = sum(each.candidate is not None for each in read)
            self.row.matched += matched
            self.verdicts_kept += matched - len(to_evaluate)
            if not to_evaluate:
                self._keep(read)
                continue
            self._waiting.append(Waiting(read, to_evaluate))
            for start in range(0, len(to_evaluate), SLICE):
                part = [read[index] for index in to_evaluate[start : start + SLICE]]
                yield [EntryText(each.identity.dn, each.attributes or "{}") for each in part]

    def take_verdicts(self, verdicts: list[Verdict]) -> None:
        """Add the verdicts on one slice, and store the entries once their last slice has come."""
        waiting = self._waiting[0]
        waiting.verdicts += verdicts
        if len(waiting.verdicts) < len(waiting.to_evaluate):
            return
        self._waiting.popleft()
        for index, verdict in zip(waiting.to_evaluate, waiting.verdicts, strict=True):
            waiting.read[index].verdict = verdict
        self._keep(waiting.read)

    def _changed(self, page: list[RawEntry]) -> list[tuple[RawEntry, EntryKey]]:
        """Return the entries of a page that have to be processed; the rows of the others stay."""
        row, stays = self.row, self.matched and (self.row.canary_found or not self.server.canary)
        left: list[Stored] = []
        rest: list[tuple[RawEntry, EntryKey]] = []
        entry_keys = self.entry_store.entry_keys([each[:2] for each in page])
        came = self._taken(page, entry_keys)
        for raw, entry_key in came:
            if stays and entry_key.same and entry_key.same.can_skip:
                left.append(entry_key.same)
            else:
                rest.append((raw, entry_key))
        kept = sum(each.user_id is not None for each in left)
        row.pages, row.entries, row.matched = row.pages + 1, row.entries + len(came), row.matched + kept
        self.verdicts_kept += kept
        return rest

    def _taken(self, page: list[RawEntry], entry_keys: list[EntryKey]) -> list[tuple[RawEntry, EntryKey]]:
        """Return the entries that come for the first time; an entry that is read again on purpose counts each time."""
        if self._again:
            self.entry_store.arrivals.add(entry_key.stored for entry_key in entry_keys if entry_key.stored)
            return list(zip(page, entry_keys, strict=True))
        first, repeated = self.entry_store.arrivals.take(page, entry_keys)
        self.twice += duplicate_entries.same_again(repeated, resolved=self.groups is not None)
        return first

    def _keep(self, read: list[ReadEntry]) -> None:
        with run_stopwatch.step("keeping entries"), lease.redoable():
            self.context.lease.renew(
                phase=phase_of(self.server), done=self.row.entries, extra_timeout=self.extra_timeout
            )
            # The cached decisions of users whose entries have changed do not hold any more.
            decision_cache.drop(self.entry_store.keep(read) | _competing_users(read))

    def counts(self) -> dict[str, Any]:
        """Return the counts for the reading's row: evaluated entries, CPU seconds, verdicts kept, and groups."""
        cost = self.dispatcher.cost()
        seconds = round(cost.cpu_seconds, 3)
        counts = {"scriptEntries": cost.entries, "scriptSeconds": seconds, "verdictsKept": self.verdicts_kept}
        if self.groups is None:
            return counts
        return {**counts, "groups": self.groups.count, "groupsChanged": self.groups.changed}

    def _matched(self, raw_entries: list[tuple[RawEntry, EntryKey]]) -> list[ReadEntry]:
        """Return the entries with identities and candidates; the identity of an unchanged entry comes from its row."""
        # An entry that comes from its row has no digest; its identity is that of the row in any case.
        stays = {
            entry_key.stored.pk: each.dn
            for each, entry_key in raw_entries
            if entry_key.stored and (entry_key.same or not each.digest)
        }
        identities = self.entry_store.identities(stays)
        with run_stopwatch.step("decoding"):
            looked_into = [self._looked_into(each, entry_key, identities) for each, entry_key in raw_entries]
        who = [each.identity for each in looked_into]
        # This check comes before any entry of the page is stored.
        if self.incremental:
            _refuse_nameless(
                each for each, (_, entry_key) in zip(who, raw_entries, strict=True) if not entry_key.stored
            )
        found = user_candidates.candidates(who, org_ids=self.org_ids, server_id=self.server.pk)
        return [
            ReadEntry(
                entry_key, each.identity, candidate, Json(each.attributes) if each.attributes else None, each.named
            )
            for (_, entry_key), each, candidate in zip(raw_entries, looked_into, found, strict=True)
        ]

    def _looked_into(self, raw: RawEntry, entry_key: EntryKey, identities: Mapping[int, Identity]) -> DecodedEntry:
        """Return a decoded entry; ``identities`` has the identity of an unchanged one, by the id of its row."""
        who = identities.get(entry_key.stored.pk) if entry_key.stored else None
        if who is None:
            return self._decoded(raw)
        # The attributes of unchanged entries are not needed.
        return DecodedEntry(who, "") if entry_key.same else self._decoded(raw)._replace(identity=who)

    def _decoded(self, raw: RawEntry) -> DecodedEntry:
        """Return the decoded entry; the process that reads may have decoded it already."""
        if raw.decoded is not None:
            return raw.decoded
        return decode(raw, self.mapping, self.named, self.groups.graph if self.groups is not None else None)

    def _note(self, read: list[ReadEntry]) -> None:
        """Note competing users, and whether the canary was found."""
        for each in read:
            if each.candidate is not None and each.candidate.competing_users:
                key = self.server.pk, each.candidate.user_id
                self.found.competing_users.setdefault(key, set()).update(each.candidate.competing_users)
        if self.server.canary and not self.row.canary_found:
            is_canary = called(self.server.canary)
            self.row.canary_found = any(is_canary(each.identity.dn, each.identity.usernames) for each in read)


def phase_of(server: LdapServer) -> str:
    """Return the name of the step that reads a server, as the run's row shows it."""
    return f"reading {server.name}"


def request_of(context: RunContext, row: RunServer, server: LdapServer) -> ReadingRequest:
    """Return the request that all readings of a server's people have in common."""
    return ReadingRequest(server.connection_at(context.lease.clock()), row.attributes, server.named_attributes)


def stay(context: RunContext, row: RunServer, server: LdapServer, extra_timeout: int) -> None:
    """Renew the lease while other processes or workers evaluate a slice; ``extra_timeout`` is that of the next page."""
    context.lease.stay(phase=phase_of(server), done=row.entries, extra_timeout=extra_timeout + SLICE)


def _gathered(parts: Iterable[list[tuple[RawEntry, EntryKey]]]) -> Iterator[list[tuple[RawEntry, EntryKey]]]:
    """Yield entries in larger parts, to save queries: only a few entries of a page may have changed.

    If the directory breaks off, the entries before that are yielded first, and then the error is raised.
    """
    waiting: list[tuple[RawEntry, EntryKey]] = []
    try:
        for part in parts:
            waiting += part
            if len(waiting) >= SLICE:
                yield waiting
                waiting = []
    except DirectoryUnavailable:
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


def _refuse_nameless(new: Iterable[Identity]) -> None:
    """Raise ReadEverything if an entry under a new DN has no id: it may be a stored entry under another DN."""
    for who in new:
        if not who.unique_id:
            raise ReadEverything(f"{who.dn} is new and has no immutable id, so that it may have another name only")


def _as_stored(page: Iterable[tuple[EntryKey, str, Mapping[str, Sequence[str]]]]) -> list[tuple[RawEntry, EntryKey]]:
    """Return stored entries in the shape of entries that come from the directory."""
    return [
        (RawEntry(dn, b"", {name: tuple(attributes[name]) for name in attributes}), entry_key)
        for entry_key, dn, attributes in page
    ]


def _competing_users(read: list[ReadEntry]) -> set[int]:
    """Return all users with a claim to an entry that has several: their decisions depend on other entries as well."""
    ambiguous = [each.candidate for each in read if each.candidate and each.candidate.competing_users]
    return {pk for candidate in ambiguous for pk in (candidate.user_id, *candidate.competing_users)}
