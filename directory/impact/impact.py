"""The impact of a script edit: whose verdict another version would change, over the entries as they were last read."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from directory.impact.basis import Basis
from directory.impact.verdict_diff import Difference, Totals, difference, edited_scripts, joined
from directory.models import LdapServer, Match, RunServer, StoredEntry
from directory.scope import OrgScope, orgs_in_scope
from directory.scripts import server_sandbox, verdict_json
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.resource_limits import Cost
from directory.scripts.sandbox.sandbox import Sandbox
from directory.sync.plan import directory_view, users_in_scope
from directory.values.plan import StoredUser
from directory.values.run_counts import filled
from directory.values.scripts import Script, ScriptError, Scripts, Verdict

# Pages grow, so that the first numbers are there at once, however slow the scripts are.
FIRST_PAGE, PAGE = 16, 1000
# Seconds between two snapshots: to decide about a few users costs nearly as much as about many.
EVERY = 1.0
# Most verdicts are alike; so many of their texts are remembered.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Impact:
    """What is known so far, of ``done`` entries; ``finished`` when that is all.

    ``verdicts`` counts the entries about which the edited scripts say another thing than is stored, ``users`` those of
    them whose user would fare otherwise. ``stored`` and ``edited`` are what a sync would do to these users by the one
    and by the other, with the keys of a run's counts; for everybody else both would do the same. ``new`` are the
    differences that have come since the snapshot before: whoever wants them all has to keep them.
    """

    basis: Basis
    done: int = 0
    verdicts: int = 0
    users: int = 0
    stored: Mapping[str, int] = field(default_factory=lambda: filled({}))
    edited: Mapping[str, int] = field(default_factory=lambda: filled({}))
    unknown_orgs: Mapping[str, int] = field(default_factory=dict)
    new: tuple[Difference, ...] = ()
    errors: Mapping[Script[Any], ScriptError] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    finished: bool = False


def impact(server: LdapServer, scripts: Scripts) -> Iterator[Impact]:
    """Yield what would change if the server had these scripts: at once with the total, then with more and more entries.

    Reads no directory and writes nothing. An edited script is in error when it reads an attribute that was not requested when
    the entries were read: its result is unknown. Ends at once when nothing is stored, or when a script cannot be run at
    all (``errors``). New usernames count as free, and the last SYSADMIN is not protected here: a plan does both.

    Raises:
        SandboxBroken: when the scripts cannot be run any further.
    """
    entries = _EntriesInScope(server, orgs_in_scope())
    basis = entries.basis()
    if basis.problem:
        yield Impact(basis, finished=True)
        return
    # Of what was read under other settings nothing can be kept: then all scripts count as edited.
    some, edited = edited_scripts(Scripts() if basis.outdated else server.scripts, scripts)
    with entries.sandbox(some) as sandbox, entries.sandbox(scripts) as whole:
        if errors := sandbox.compile_errors():
            yield Impact(basis, errors=errors, finished=True)
            return
        first = Impact(basis)
        yield first
        progress = _Progress(entries, first, None if basis.outdated else edited, whole)
        taken = deque[list[_StoredVerdict]]()
        for verdicts in sandbox.evaluate_pages(_texts(entries.pages(), taken), total=basis.total):
            progress.add(taken.popleft(), verdicts)
            if progress.is_due:
                yield progress.snapshot(sandbox.cost())
        yield replace(progress.snapshot(sandbox.cost()), finished=True)


class _StoredVerdict(NamedTuple):
    """A stored entry of a user and its verdict; attributes and verdict are JSON texts, as few of them have to be read."""

    pk: int
    user_id: int
    settled: bool
    dn: str
    attributes: str
    verdict: str


def _texts(pages: Iterator[list[_StoredVerdict]], taken: deque[list[_StoredVerdict]]) -> Iterator[list[EntryText]]:
    """Yield pages as the sandbox takes them, and keep them until it has answered."""
    for page in pages:
        taken.append(page)
        yield [EntryText(row.dn, row.attributes) for row in page]


class _EntriesInScope:
    """The stored entries of one server that are taken for users in its scope, and what is decided of these users."""

    def __init__(self, server: LdapServer, scope: Mapping[int, OrgScope]) -> None:
        self._server = server
        self._scope = scope
        self._context = users_in_scope.plan_context(scope)
        # Whatever is stored counts as read: this is about scripts, not about whether a reading was whole.
        servers = LdapServer.objects.filter(Q(enabled=True) | Q(pk=server.pk))
        self._directory = directory_view.DirectoryView(
            [directory_view.ServerReading(each.pk, each.name, complete=True) for each in servers],
            {},
        )

    def basis(self) -> Basis:
        """Return how many entries there are, and when and how they were read."""
        reading = (
            RunServer.objects.filter(server=self._server, pages__gt=0).select_related("run").order_by("-pk").first()
        )
        total, missing = self._rows().count(), self._missing()
        if reading is None:
            return Basis(total, outdated=True, missing=missing)
        # A reading that broke off has left entries of the one before.
        outdated = not reading.complete or reading.configuration_digest != self._server.configuration_digest
        return Basis(total, reading.run.started_at, outdated, missing)

    def _missing(self) -> int:
        """Return how many active users this server had last of whom it has no entry in store."""
        orgs = [pk for pk, org in self._scope.items() if self._server.pk in org.servers]
        stored = StoredEntry.objects.filter(server=self._server, user=OuterRef("user"), verdict__isnull=False)
        noted = Match.objects.filter(server=self._server, user__active=True, user__org__in=orgs)
        return noted.filter(~Exists(stored)).count()

    def sandbox(self, scripts: Scripts) -> Sandbox:
        """Return a sandbox for these scripts that knows which attributes the entries may lack."""
        names = RunServer.objects.attributes_stored(self._server.pk)
        return server_sandbox.sandbox_for_stored(self._server, scripts, names)

    def pages(self) -> Iterator[list[_StoredVerdict]]:
        """Yield the entries in the order of their ids."""
        found = self._rows().annotate(
            # As it is kept: the scripts get it as text.
            attributes_text=Cast("attributes", TextField()),
            verdict_text=Cast("verdict", TextField()),
        )
        columns = ("pk", "user_id", "settled", "dn", "attributes_text", "verdict_text")
        last, size = 0, FIRST_PAGE
        while page := [
            _StoredVerdict(*row) for row in found.filter(pk__gt=last).order_by("pk").values_list(*columns)[:size]
        ]:
            last, size = page[-1].pk, min(2 * size, PAGE)
            yield page

    def _rows(self) -> QuerySet[StoredEntry]:
        """Return the entries of users; whether these still are in scope is only looked at where it makes a difference."""
        if not any(self._server.pk in org.servers for org in self._scope.values()):
            return StoredEntry.objects.none()
        return StoredEntry.objects.filter(server=self._server, user__isnull=False, verdict__isnull=False)

    def differences(self, others: Mapping[int, tuple[int, Verdict]]) -> list[Difference]:
        """Return what it means for users that entries (by id) of theirs get other verdicts, where it means anything.

        An entry by which nobody is decided means nothing: two for one user, or one that another server comes before.
        """
        users = users_in_scope.load({user for user, _ in others.values()})
        servers = {pk: self._servers(user) for pk, user in users.items()}
        lookup_results = self._directory.lookup_results({pk: ids for pk, ids in servers.items() if ids})
        found = []
        for pk, lookup_result in sorted(lookup_results.items()):
            user, verdict = others.get(lookup_result.entry_id, (0, None))
            if user == pk and verdict is not None:
                found.append(difference(users[pk], lookup_result, verdict, self._context))
        return [each for each in found if each.matters]

    def _servers(self, user: StoredUser) -> tuple[int, ...]:
        org = self._scope.get(user.account.org_id)
        return org.servers if org else ()


class _Progress:
    """Compares verdicts with the texts of stored ones, and decides about users whenever there is something to show.

    ``edited`` are the scripts that were evaluated, None for all. Where their verdict is not enough, ``whole`` evaluates all.
    """

    def __init__(
        self, entries: _EntriesInScope, first: Impact, edited: Collection[Script[Any]] | None, whole: Sandbox
    ) -> None:
        self._entries = entries
        self._last = first
        self._edited = edited
        self._whole = whole
        self._totals = Totals()
        self._done = 0
        self._others: dict[int, tuple[int, Verdict]] = {}
        self._unsure: list[_StoredVerdict] = []
        self._shown_at = float("-inf")
        self._read: dict[str, Verdict] = {}

    def add(self, page: Sequence[_StoredVerdict], verdicts: Sequence[Verdict]) -> None:
        """Note which entries of a page have got other verdicts than are stored."""
        self._done += len(page)
        # Many entries of a page have one verdict, the very same object, so each pair is compared once.
        pairs: dict[tuple[str, int, bool], tuple[Verdict, Verdict | None]] = {}
        for row, verdict in zip(page, verdicts, strict=True):
            key = (row.verdict, id(verdict), row.settled)
            pair = pairs.get(key)
            if pair is None:
                pair = pairs[key] = self._pair(row, verdict)
            stored, edited = pair
            if edited is None:
                self._unsure.append(row)
            elif edited is not stored:
                self._others[row.pk] = (row.user_id, edited)

    def _pair(self, row: _StoredVerdict, verdict: Verdict) -> tuple[Verdict, Verdict | None]:
        """Return the stored verdict and the one of the edited scripts: the same object where they are equal."""
        stored = self._verdict(row.verdict)
        edited: Verdict | None = verdict
        if self._edited is not None:
            # A verdict that does not hold, as a script looked at the time, is nothing to start from.
            edited = joined(stored, verdict, self._edited) if row.settled else None
        return stored, stored if edited == stored else edited

    def _evaluate_unsure(self) -> None:
        page, self._unsure = self._unsure, []
        for verdicts in self._whole.evaluate_pages([[EntryText(row.dn, row.attributes) for row in page]]):
            for row, verdict in zip(page, verdicts, strict=True):
                if verdict != self._verdict(row.verdict):
                    self._others[row.pk] = (row.user_id, verdict)

    def _verdict(self, text: str) -> Verdict:
        found = self._read.get(text)
        if found is None:
            if len(self._read) >= REMEMBERED:
                self._read.clear()
            found = self._read[text] = verdict_json.verdict_from_json(json.loads(text))
        return found

    @property
    def is_due(self) -> bool:
        """Whether it is time for a snapshot: after a while, or when there are many to decide about."""
        return max(len(self._others), len(self._unsure)) >= PAGE or monotonic() - self._shown_at >= EVERY

    def snapshot(self, cost: Cost) -> Impact:
        """Decide about the users of all entries that were noted, and return the impact so far."""
        if self._unsure:
            self._evaluate_unsure()
        again = self._whole.cost()
        found = self._entries.differences(self._others) if self._others else []
        self._totals.add(found)
        self._last = Impact(
            basis=self._last.basis,
            done=self._done,
            verdicts=self._last.verdicts + len(self._others),
            users=self._totals.users,
            stored=filled(self._totals.stored),
            edited=filled(self._totals.edited),
            unknown_orgs=dict(self._totals.unknown_orgs),
            new=tuple(found),
            cost=Cost(self._done, cost.cpu_seconds + again.cpu_seconds),
        )
        self._others = {}
        self._shown_at = monotonic()
        return self._last
