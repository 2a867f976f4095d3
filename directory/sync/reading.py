"""Reads every server of a run to its end: who each entry may be, what the scripts say of them, and keeps both."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from directory import scripting
from directory.models import LdapServer, RunServer, RunState
from directory.models.fields import Undecryptable
from directory.sync import grounds, helping, increments, lease, matching, memberships, notify, record, standing, times
from directory.sync.crew import Crew
from directory.sync.errors import ReadEverything, SyncStopped
from directory.sync.identity import is_unique_everywhere
from directory.sync.job import Job
from directory.sync.sandbox import EntryText, SandboxBroken
from directory.sync.shelf import Place, Read, Shelf, Stored, made_alike
from directory.sync.source import DirectoryUnavailable, ReadingProcess, Sent, opened
from directory.sync.values import AttributeMapping, Extent, Identity, Position, Verdict
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
    "since",
    "position",
    "extent",
    "counts",
    "error",
)
# Single entries are read one by one; where there are more, reading everything is no slower.
MOST_SINGLES = 1000


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
    since, why_full = increments.since(work.run, server)
    if since is not None and not made_alike(server.pk, helping.made_by(server)):
        since, why_full = None, "what is made of its entries has changed"
    try:
        _read_from(since, why_full, work, row, server, process)
    except ReadEverything as error:
        _read_from(None, str(error), work, row, server, process)
    except DirectoryUnavailable as refused:
        # The server has answered; what it does not do for changes it may do for everything.
        if since is None or refused.result_code is None:
            raise
        _read_from(None, str(refused), work, row, server, process)


def _read_from(
    since: Position | None, why_full: str, work: Job, row: RunServer, server: LdapServer, process: ReadingProcess
) -> None:
    """Read what has changed since then, or everything."""
    row.server_name, row.configuration_digest = server.name, server.configuration_digest
    row.grants_digest, row.url, row.canary_seen = server.grants_digest, "", False
    row.pages = row.entries = row.matched = 0
    row.attributes = server.attributes
    row.proof, row.counts, row.ground = {}, {}, ""
    row.since, row.position, row.extent = {}, {}, ""
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
    with scripting.sandbox(server) as sandbox:
        reader.crew = Crew(sandbox, work.helpers, work.run.pk, server.pk, made, reader.stay)
        now = work.lease.clock() if server.full_reading_every > 1 else None
        # Where hardly anything that is stored can stay, the process that reads looks into every entry, too.
        mapping = server.mapping if increments.mostly_new(server) else None
        with process.open(connection, attributes=row.attributes, since=since, now=now, mapping=mapping) as reading:
            row.url, extent = reading.url, reading.extent
            reader.incremental = extent.since is not None
            reader.read(reading.sent_pages())
            row.referrals = list(reading.referrals)
        if reader.incremental:
            row.extent = increments.told(extent.since, reader.read_rest(extent, process))
        else:
            row.extent = increments.everything(extent.why_full or why_full)
        row.counts = reader.counts()
    row.since, row.position = increments.to_json(extent.since), increments.to_json(extent.position)
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

    ``matched`` says that stored entries were matched by what still is so, ``incremental`` that only those come that
    have changed.
    """

    work: Job
    row: RunServer
    server: LdapServer
    shelf: Shelf
    patience: int
    matched: bool = False
    incremental: bool = False
    verdicts_kept: int = 0
    crew: Crew = field(init=False)
    org_ids: list[int] = field(init=False)
    only_ids_of: int | None = field(init=False)
    mapping: AttributeMapping = field(init=False)
    _waiting: deque[Waiting] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.org_ids = [pk for pk, org in self.work.scope.items() if self.server.pk in org.servers]
        self.mapping = self.server.mapping
        self.only_ids_of = None if is_unique_everywhere(self.server.mapping) else self.server.pk

    def ground(self) -> str:
        """Return the hash of what entries are matched by now."""
        return grounds.present(self.org_ids, at=self.work.lease.clock())

    def read(self, pages: Iterable[list[Sent]]) -> None:
        """Keep all pages: what is as it was stays, and the rest is looked at; scripts run for some while others come."""
        self._look_at(self._come(pages))

    def read_rest(self, extent: Extent, process: ReadingProcess) -> int:
        """Look at what has not come with the changes, but has changed otherwise; return how many entries were read for it.

        These are entries whose groups have changed, and those that scripts are asked about each time or that are
        matched otherwise by now, as they are stored.

        Raises:
            ReadEverything: it has to be.
        """
        with times.step("changed groups"):
            singles = memberships.changed(extent.groups, self.shelf.told()) if extent.groups else []
        if len(singles) > MOST_SINGLES:
            raise ReadEverything(f"the groups of {len(singles)} entries have changed")
        if singles:
            with process.open_single(self.server.connection, singles, attributes=self.row.attributes) as reading:
                self.read(reading.sent_pages())
        standing.drop(self.shelf.forget_renamed())
        self._look_at(map(_as_stored, self.shelf.others(all_of_them=not self.matched)))
        self.row.entries, self.row.matched = self.shelf.counts()
        canary = self.server.canary
        self.row.canary_seen = bool(canary) and (self.row.canary_seen or self.shelf.holds(canary))
        return len(singles)

    def _look_at(self, parts: Iterable[list[tuple[Sent, Place]]]) -> None:
        for verdicts in times.each("scripts", self.crew.evaluate_pages(self._asked(_gathered(parts)))):
            self.stay()
            self.hear(verdicts)

    def _come(self, pages: Iterable[list[Sent]]) -> Iterator[list[tuple[Sent, Place]]]:
        """Yield what has to be looked at of the pages that come."""
        for page in times.each("reading LDAP", pages):
            with times.step("looking entries up"):
                rest = self._changed(page)
            self.work.lease.stay(phase=self._phase, done=self.row.entries, patience=self.patience)
            yield rest

    def _asked(self, parts: Iterable[list[tuple[Sent, Place]]]) -> Iterator[list[EntryText]]:
        """Yield the entries about which the scripts have to be asked, a slice of a page at a time."""
        for rest in parts:
            with times.step("matching"):
                read = self._matched(rest)
            asked = [index for index, each in enumerate(read) if each.asks]
            for index in asked:
                if read[index].attributes is None:
                    read[index].attributes = self._opened(rest[index][0])[1]
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
        known = self.shelf.identities({place.same.pk: each.dn for each, place in sent if place.same})
        with times.step("decoding"):
            # Of those that say the same nobody has to know the attributes.
            told = [(known[place.same.pk], None) if place.same else self._opened(each) for each, place in sent]
        who = [each for each, _ in told]
        # Before anything is kept of this page.
        if self.incremental:
            _refuse_nameless(each for each, (_, place) in zip(who, sent, strict=True) if not place.stored)
        found = matching.candidates(who, org_ids=self.org_ids, only_ids_of=self.only_ids_of)
        return [
            Read(place, each, candidate, attributes)
            for (_, place), (each, attributes), candidate in zip(sent, told, found, strict=True)
        ]

    def _opened(self, sent: Sent) -> tuple[Identity, Json]:
        """Return who an entry is, and its attributes as they are kept and as the scripts get them."""
        who, attributes = opened(sent, self.mapping)
        return who, Json(attributes)

    def _note(self, read: list[Read]) -> None:
        """Note who has a claim to another one's entry, and the canary."""
        for each in read:
            if each.candidate is not None and each.candidate.rivals:
                rivals = self.work.rivals.setdefault((self.server.pk, each.candidate.user_id), set())
                rivals.update(each.candidate.rivals)
        if self.server.canary and not self.row.canary_seen:
            names = {fold(name) for each in read for name in (each.identity.dn, *each.identity.usernames)}
            self.row.canary_seen = fold(self.server.canary) in names


def _gathered(parts: Iterable[list[tuple[Sent, Place]]]) -> Iterator[list[tuple[Sent, Place]]]:
    """Yield entries in parts that are worth their questions: of a page a few may have changed.

    What came before the directory broke off is yielded before that is raised.
    """
    waiting: list[tuple[Sent, Place]] = []
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
    """Raise ReadEverything where an entry under a new DN has no id by which it could be known under another one."""
    for who in new:
        if not who.unique_id:
            raise ReadEverything(f"{who.dn} is new and has no immutable id, so that it may have another name only")


def _as_stored(page: Iterable[tuple[Place, str, Mapping[str, Sequence[str]]]]) -> list[tuple[Sent, Place]]:
    """Return entries as if they had come as they are stored."""
    return [(Sent(dn, b"", {name: tuple(told[name]) for name in told}), place) for place, dn, told in page]


def _rivals(read: list[Read]) -> set[int]:
    """Return who has a claim to an entry that somebody else claims, too: whose it is, others' entries decide."""
    contested = [each.candidate for each in read if each.candidate and each.candidate.rivals]
    return {pk for candidate in contested for pk in (candidate.user_id, *candidate.rivals)}


def _save_reading(work: Job, row: RunServer) -> None:
    with times.step("forgetting what is gone"), transaction.atomic():
        work.lease.renew(phase=f"reading {row.server_name}", done=row.entries)
        RunServer.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in READ})
        if row.complete and not row.since and row.server_id is not None:
            standing.drop(work.shelves[row.server_id].forget_unseen())
