"""Reads every server of a run to its end: who each entry may be, what the scripts say of them, and keeps both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from django.db import transaction

from directory import scripting
from directory.models import LdapServer, RunServer, RunState
from directory.models.fields import Undecryptable
from directory.sync import matching, notify, record, standing
from directory.sync.errors import SyncStopped
from directory.sync.identity import is_unique_everywhere
from directory.sync.job import Job
from directory.sync.sandbox import Sandbox, SandboxBroken
from directory.sync.shelf import Read, Shelf
from directory.sync.source import DirectoryUnavailable, open_reading
from directory.sync.values import Entry, Verdict
from orgs.text import fold

# So many entries go to the scripts at once; each may take its second, and the lease has to last for all.
SLICE = 200
# What a reading leaves in its row.
READ = (
    "server_name",
    "configuration_digest",
    "grants_digest",
    "url",
    "pages",
    "entries",
    "matched",
    "referrals",
    "canary_seen",
    "complete",
    "proof",
    "counts",
    "error",
)


def read_servers(work: Job) -> None:
    """Read every server to its end, or note why that failed; when all fail, the run does."""
    with transaction.atomic():
        work.lease.save(state=RunState.READING, started_at=work.lease.clock())
        record.forget(run=work.run)
    work.seen = matching.presence_keys(work.org_ids)
    work.names, work.doubled, work.rivals, work.servers = set(), set(), {}, {}
    for row in work.readings:
        row.complete, row.error = False, ""
        try:
            _read(work, row)
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


def _read(work: Job, row: RunServer) -> None:
    """Read one server page by page, as it is set now."""
    server = LdapServer.objects.enabled().filter(readings=row.pk).first()
    if server is None:
        raise DirectoryUnavailable("it has been disabled or deleted")
    work.servers[server.pk] = server
    row.server_name, row.configuration_digest = server.name, server.configuration_digest
    row.grants_digest, row.url, row.canary_seen = server.grants_digest, "", False
    row.pages = row.entries = row.matched = 0
    row.proof, row.counts = {}, {}
    connection = server.connection
    patience = connection.operation_timeout + connection.connect_timeout * len(connection.urls)
    made = f"{server.configuration_digest} {scripting.version()}"
    shelf = Shelf(run_id=work.run.pk, server_id=server.pk, mapping=server.mapping, made=made)
    with transaction.atomic():
        work.lease.renew(phase=f"reading {server.name}", done=0, patience=patience)
        shelf.begin()
    work.shelves[server.pk] = shelf
    with scripting.sandbox(server) as sandbox, open_reading(connection) as reading:
        row.url = reading.url
        reader = Reader(work, row, server, shelf, sandbox, patience)
        for page in reading.pages():
            reader.take(page)
        cost = sandbox.cost()
        row.counts = {
            "scriptEntries": cost.entries,
            "scriptSeconds": round(cost.cpu_seconds, 3),
            "verdictsKept": reader.verdicts_kept,
        }
        row.referrals = list(reading.referrals)
    row.proof = asdict(reading.proof) if reading.proof else {}
    row.complete = reading.complete


@dataclass(slots=True)
class Reader:
    """What happens to each page of one server; ``patience`` are the seconds that the next one may take to come."""

    work: Job
    row: RunServer
    server: LdapServer
    shelf: Shelf
    sandbox: Sandbox
    patience: int
    verdicts_kept: int = 0
    org_ids: list[int] = field(init=False)
    only_ids_of: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.org_ids = [pk for pk, org in self.work.scope.items() if self.server.pk in org.servers]
        self.only_ids_of = None if is_unique_everywhere(self.server.mapping) else self.server.pk

    def take(self, page: list[Entry]) -> None:
        """Find out who each entry may be and what the scripts say of those who are users, and keep both."""
        row = self.row
        read = self.shelf.look_up(page)
        found = matching.candidates(
            [each.identity for each in read], org_ids=self.org_ids, only_ids_of=self.only_ids_of
        )
        read = [replace(each, candidate=candidate) for each, candidate in zip(read, found, strict=True)]
        asked = [index for index, each in enumerate(read) if each.asks]
        for index, verdict in zip(asked, self._verdicts([page[index] for index in asked]), strict=True):
            read[index] = replace(read[index], verdict=verdict)
        self._note(read)
        matched = sum(each.candidate is not None for each in read)
        row.pages, row.entries, row.matched = row.pages + 1, row.entries + len(page), row.matched + matched
        self.verdicts_kept += matched - len(asked)
        with transaction.atomic():
            self.work.lease.renew(phase=f"reading {self.server.name}", done=row.entries, patience=self.patience)
            # What was decided of these users, by this or that entry, was decided on other grounds.
            standing.drop(self.shelf.keep(read) | _rivals(read))

    def _verdicts(self, asked: list[Entry]) -> Iterator[Verdict]:
        for start in range(0, len(asked), SLICE):
            self.work.lease.renew(phase=f"reading {self.server.name}", done=self.row.entries, patience=SLICE)
            yield from self.sandbox.evaluate(asked[start : start + SLICE])

    def _note(self, read: list[Read]) -> None:
        """Note which usernames the entries of users carry, who has a claim to another one's, and the canary."""
        for each in read:
            if each.candidate is not None:
                self.work.note_names(self.server.pk, map(fold, each.identity.usernames))
                if each.candidate.rivals:
                    rivals = self.work.rivals.setdefault((self.server.pk, each.candidate.user_id), set())
                    rivals.update(each.candidate.rivals)
        if self.server.canary and not self.row.canary_seen:
            names = {fold(name) for each in read for name in (each.entry.dn, *each.identity.usernames)}
            self.row.canary_seen = fold(self.server.canary) in names


def _rivals(read: list[Read]) -> set[int]:
    """Return who has a claim to an entry that somebody else claims, too: whose it is, others' entries decide."""
    contested = [each.candidate for each in read if each.candidate and each.candidate.rivals]
    return {pk for candidate in contested for pk in (candidate.user_id, *candidate.rivals)}


def _save_reading(work: Job, row: RunServer) -> None:
    with transaction.atomic():
        work.lease.renew(phase=f"reading {row.server_name}", done=row.entries)
        RunServer.objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in READ})
        if row.complete and row.server_id is not None:
            standing.drop(work.shelves[row.server_id].forget_unseen())
