"""Reads every server of a run to its end: who each entry may be, what the scripts say of them, and keeps both."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from directory import scripting
from directory.models import LdapServer, RunServer, RunState
from directory.models.fields import Undecryptable
from directory.sync import grounds, helping, lease, matching, notify, record, standing, times
from directory.sync.crew import Crew
from directory.sync.errors import SyncStopped
from directory.sync.identity import identity, is_unique_everywhere
from directory.sync.job import Job
from directory.sync.sandbox import EntryText, SandboxBroken
from directory.sync.shelf import Place, Read, Shelf, Stored
from directory.sync.source import DirectoryUnavailable, ReadingProcess, Sent, decoded
from directory.sync.values import Entry, Verdict
from orgs.bulk import Json
from orgs.text import fold

# So many entries go to the scripts at once; each may take its second, and the lease has to last for all.
SLICE = 200
# What a reading leaves in its row.
READ = (
    "server_name",
    "configuration_digest",
    "attributes",
    "grants_digest",
    "url",
    "pages",
    "entries",
    "matched",
    "referrals",
    "canary_seen",
    "complete",
    "proof",
    "ground",
    "counts",
    "error",
)


def read_servers(work: Job) -> None:
    """Read every server to its end, or note why that failed; when all fail, the run does."""
    with ReadingProcess() as process:
        with transaction.atomic():
            work.lease.save(state=RunState.READING, started_at=work.lease.clock())
            record.forget(run=work.run)
        with times.step("who is in scope"):
            work.seen = matching.present(work.org_ids)
        work.rivals, work.servers = {}, {}
        for row in work.readings:
            row.complete, row.error = False, ""
            try:
                _read(work, row, process)
            except (DirectoryUnavailable, Undecryptable) as error:
                row.error = str(error)
                at = work.lease.clock()
                notify.connection_problem(server=row.server_name, reason=row.error, run_id=work.run.pk, at=at)
            except SandboxBroken as error:
                raise SyncStopped(f"{row.server_name}: {error}") from error
            _save_reading(work, row)
    if not any(row.complete for row in work.readings):
        failed = " ".join(f"{row.server_name}: {row.error}" for row in work.readings)
        raise SyncStopped(failed or "no enabled LDAP server is used by any org")


def _read(work: Job, row: RunServer, process: ReadingProcess) -> None:
    """Read one server page by page, as it is set now."""
    server = LdapServer.objects.enabled().filter(readings=row.pk).first()
    if server is None:
        raise DirectoryUnavailable("it has been disabled or deleted")
    work.servers[server.pk] = server
    row.server_name, row.configuration_digest = server.name, server.configuration_digest
    row.grants_digest, row.url, row.canary_seen = server.grants_digest, "", False
    row.pages = row.entries = row.matched = 0
    row.attributes = server.attributes
    row.proof, row.counts, row.ground = {}, {}, ""
    connection = server.connection
    patience = connection.operation_timeout + connection.connect_timeout * len(connection.urls)
    made = helping.made_by(server)
    shelf = work.shelves[server.pk] = Shelf(run_id=work.run.pk, server_id=server.pk, made=made)
    with transaction.atomic():
        work.lease.renew(phase=f"reading {server.name}", done=0, patience=patience)
        RunServer.objects.filter(pk=row.pk).update(attributes=row.attributes)
        tried_before = shelf.begin()
    reader = Reader(work, row, server, shelf, patience)
    with times.step("what entries are matched by"):
        ground = reader.ground()
    reader.matched = not tried_before and ground == grounds.of_last_reading(row)
    with scripting.sandbox(server) as sandbox, process.open(connection, attributes=row.attributes) as reading:
        reader.crew = Crew(sandbox, work.helpers, work.run.pk, server.pk, made, reader.stay)
        row.url = reading.url
        reader.read(reading.sent_pages())
        row.counts = reader.counts()
        row.referrals = list(reading.referrals)
    row.proof = asdict(reading.proof) if reading.proof else {}
    row.complete = reading.complete
    # Whoever was matched while somebody was renamed may be matched otherwise by now.
    row.ground = ground if ground == reader.ground() else ""


@dataclass(slots=True)
class Waiting:
    """Entries that have been read, and the verdicts so far on those that the scripts are asked about, by index."""

    read: list[Read]
    asked: list[int]
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(slots=True)
class Reader:
    """What happens to each page of one server; ``patience`` are the seconds that the next one may take to come.

    ``matched`` says that stored entries were matched by what still is so.
    """

    work: Job
    row: RunServer
    server: LdapServer
    shelf: Shelf
    patience: int
    matched: bool = False
    verdicts_kept: int = 0
    crew: Crew = field(init=False)
    org_ids: list[int] = field(init=False)
    only_ids_of: int | None = field(init=False)
    _waiting: deque[Waiting] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.org_ids = [pk for pk, org in self.work.scope.items() if self.server.pk in org.servers]
        self.only_ids_of = None if is_unique_everywhere(self.server.mapping) else self.server.pk

    def ground(self) -> str:
        """Return the hash of what entries are matched by now."""
        return grounds.present(self.org_ids, at=self.work.lease.clock())

    def read(self, pages: Iterable[list[Sent]]) -> None:
        """Keep all pages: what is as it was stays, and the rest is looked at; scripts run for some while others come."""
        for verdicts in times.each("scripts", self.crew.evaluate_pages(self._asked(pages))):
            self.stay()
            self.hear(verdicts)

    def _asked(self, pages: Iterable[list[Sent]]) -> Iterator[list[EntryText]]:
        """Yield the entries about which the scripts have to be asked, a slice of a page at a time."""
        for page in times.each("reading LDAP", pages):
            with times.step("looking entries up"):
                rest = self._changed(page)
            self.work.lease.stay(phase=self._phase, done=self.row.entries, patience=self.patience)
            if not rest:
                continue
            with times.step("matching"):
                read = self._matched(rest)
            asked = [index for index, each in enumerate(read) if each.asks]
            for index in asked:
                if read[index].attributes is None:
                    read[index].attributes = _as_json(decoded([rest[index][0]])[0])
            self._note(read)
            matched = sum(each.candidate is not None for each in read)
            self.row.matched += matched
            self.verdicts_kept += matched - len(asked)
            if not asked:
                self._keep(read)
                continue
            self._waiting.append(Waiting(read, asked))
            for start in range(0, len(asked), SLICE):
                part = [read[index] for index in asked[start : start + SLICE]]
                yield [EntryText(each.identity.dn, each.attributes or "{}") for each in part]

    def stay(self) -> None:
        """Stay in charge of the run while somebody else works for it."""
        self.work.lease.stay(phase=self._phase, done=self.row.entries, patience=self.patience + SLICE)

    def hear(self, verdicts: list[Verdict]) -> None:
        """Take the verdicts on one slice, and keep the page when it is the last of it."""
        waiting = self._waiting[0]
        waiting.verdicts += verdicts
        if len(waiting.verdicts) < len(waiting.asked):
            return
        self._waiting.popleft()
        for index, verdict in zip(waiting.asked, waiting.verdicts, strict=True):
            waiting.read[index].verdict = verdict
        self._keep(waiting.read)

    def _changed(self, page: list[Sent]) -> list[tuple[Sent, Place]]:
        """Leave the rows of entries that are as they were, and return the others."""
        row, stays = self.row, self.matched and (self.row.canary_seen or not self.server.canary)
        left: list[Stored] = []
        rest: list[tuple[Sent, Place]] = []
        for sent, place in zip(page, self.shelf.places([each[:2] for each in page]), strict=True):
            if stays and place.same and place.same.stands:
                left.append(place.same)
            else:
                rest.append((sent, place))
        self.shelf.leave(left)
        kept = sum(each.user_id is not None for each in left)
        row.pages, row.entries, row.matched = row.pages + 1, row.entries + len(page), row.matched + kept
        self.verdicts_kept += kept
        return rest

    def _keep(self, read: list[Read]) -> None:
        with times.step("keeping entries"), lease.redoable():
            self.work.lease.renew(phase=self._phase, done=self.row.entries, patience=self.patience)
            # What was decided of these users, by this or that entry, was decided on other grounds.
            standing.drop(self.shelf.keep(read) | _rivals(read))

    def counts(self) -> dict[str, Any]:
        """Return what the scripts have cost so far."""
        cost = self.crew.cost()
        seconds = round(cost.cpu_seconds, 3)
        return {"scriptEntries": cost.entries, "scriptSeconds": seconds, "verdictsKept": self.verdicts_kept}

    @property
    def _phase(self) -> str:
        return f"reading {self.server.name}"

    def _matched(self, sent: list[tuple[Sent, Place]]) -> list[Read]:
        """Return who the entries are, by their rows where these say the same, and who they may be."""
        new = [each for each, place in sent if not place.same]
        with times.step("decoding"):
            entries = dict(zip((each.dn for each in new), decoded(new), strict=True))
        known = self.shelf.identities({place.same.pk: each.dn for each, place in sent if place.same})
        who = [
            known[place.same.pk] if place.same else identity(entries[each.dn], self.server.mapping)
            for each, place in sent
        ]
        found = matching.candidates(who, org_ids=self.org_ids, only_ids_of=self.only_ids_of)
        return [
            Read(place, each, candidate, None if place.same else _as_json(entries[each.dn]))
            for (_, place), each, candidate in zip(sent, who, found, strict=True)
        ]

    def _note(self, read: list[Read]) -> None:
        """Note who has a claim to another one's entry, and the canary."""
        for each in read:
            if each.candidate is not None and each.candidate.rivals:
                rivals = self.work.rivals.setdefault((self.server.pk, each.candidate.user_id), set())
                rivals.update(each.candidate.rivals)
        if self.server.canary and not self.row.canary_seen:
            names = {fold(name) for each in read for name in (each.identity.dn, *each.identity.usernames)}
            self.row.canary_seen = fold(self.server.canary) in names


def _as_json(entry: Entry) -> Json:
    """Return an entry's attributes as they are kept, and as the scripts get them."""
    return Json(json.dumps(entry.attributes))


def _rivals(read: list[Read]) -> set[int]:
    """Return who has a claim to an entry that somebody else claims, too: whose it is, others' entries decide."""
    contested = [each.candidate for each in read if each.candidate and each.candidate.rivals]
    return {pk for candidate in contested for pk in (candidate.user_id, *candidate.rivals)}


def _save_reading(work: Job, row: RunServer) -> None:
    with times.step("forgetting what is gone"), transaction.atomic():
        work.lease.renew(phase=f"reading {row.server_name}", done=row.entries)
        RunServer.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in READ})
        if row.complete and row.server_id is not None:
            standing.drop(work.shelves[row.server_id].forget_unseen())
