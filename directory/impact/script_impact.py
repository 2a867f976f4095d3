"""Computes the impact of a script edit: which users it would change, by the entries as they were last read."""

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
from directory.org_scope import OrgScope, orgs_in_scope
from directory.scripts import server_sandbox, verdict_json
from directory.scripts.sandbox.protocol import EntryText
from directory.scripts.sandbox.resource_limits import Cost
from directory.scripts.sandbox.sandbox import Sandbox
from directory.sync.plan import directory_view, stored_users
from directory.sync.plan.plan_context import load_plan_context
from directory.sync.plan.rules.absence import ServerReading
from directory.values.plan import StoredUser
from directory.values.run_counts import filled
from directory.values.scripts import Script, ScriptError, Scripts, Verdict

# Pages grow from small ones, so that first numbers come at once even with slow scripts.
FIRST_PAGE, PAGE = 16, 1000
# Seconds between two snapshots: deciding about a few users costs nearly as much as about many.
EVERY = 1.0
# The most texts of verdicts in the cache: most verdicts are alike.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Impact:
    """The impact so far, after ``done`` entries; ``finished``: these are all.

    ``verdicts`` counts the entries whose verdict by the edited scripts differs from the stored one. ``users`` counts their
    users with another outcome. ``stored`` and ``edited`` count what a sync would do to these users by each verdict, with the
    keys of a run's counts; for all other users both are the same. ``new`` are only the differences since the previous
    snapshot: a caller who needs all of them has to collect them.
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
    """Yield what would change if the server had these scripts: first only the total, then more and more entries.

    Read no directory and write nothing. An edited script fails when it uses an attribute that was not requested when the
    entries were read, because its result is unknown. End at once when no entry is stored, or when a script can't run at all
    (``errors``). New usernames count as free, and the last SYSADMIN is not protected here: only a plan checks both.

    Raises:
        SandboxBroken: when the scripts cannot be run any further.
    """
    entries = _EntriesInScope(server, orgs_in_scope())
    basis = entries.basis()
    if basis.problem:
        yield Impact(basis, finished=True)
        return
    # With entries read under other settings no stored result holds: then all scripts count as edited.
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
    """A stored entry of a user and its verdict; attributes and verdict stay JSON texts, because few of them are parsed."""

    pk: int
    user_id: int
    settled: bool
    dn: str
    attributes: str
    verdict: str


def _texts(pages: Iterator[list[_StoredVerdict]], taken: deque[list[_StoredVerdict]]) -> Iterator[list[EntryText]]:
    """Yield pages in the sandbox's form, and keep each in ``taken`` until the sandbox has answered."""
    for page in pages:
        taken.append(page)
        yield [EntryText(row.dn, row.attributes) for row in page]


class _EntriesInScope:
    """The stored entries of one server that are matched to users in its scope, and the decisions about these users."""

    def __init__(self, server: LdapServer, scope: Mapping[int, OrgScope]) -> None:
        self._server = server
        self._scope = scope
        self._context = load_plan_context(scope)
        # All readings count as complete: the impact is about scripts, not about what was read.
        servers = LdapServer.objects.filter(Q(enabled=True) | Q(pk=server.pk))
        self._directory = directory_view.DirectoryView(
            [ServerReading(each.pk, each.name, complete=True) for each in servers],
            {},
        )

    def basis(self) -> Basis:
        """Return the number of entries, and when and how they were read."""
        reading = (
            RunServer.objects.filter(server=self._server, pages__gt=0).select_related("run").order_by("-pk").first()
        )
        total, missing = self._rows().count(), self._missing()
        if reading is None:
            return Basis(total, outdated=True, missing=missing)
        # An incomplete reading has left entries of the previous one.
        outdated = not reading.complete or reading.configuration_digest != self._server.configuration_digest
        return Basis(total, reading.run.started_at, outdated, missing)

    def _missing(self) -> int:
        """Return the number of active users who were last found on this server but have no stored entry."""
        orgs = [pk for pk, org in self._scope.items() if self._server.pk in org.servers]
        stored = StoredEntry.objects.filter(server=self._server, user=OuterRef("user"), verdict__isnull=False)
        matches = Match.objects.filter(server=self._server, user__active=True, user__org__in=orgs)
        return matches.filter(~Exists(stored)).count()

    def sandbox(self, scripts: Scripts) -> Sandbox:
        """Return a sandbox for these scripts, in which an attribute that was not requested is an error."""
        names = RunServer.objects.attributes_stored(self._server.pk)
        return server_sandbox.sandbox_for_stored(self._server, scripts, names)

    def pages(self) -> Iterator[list[_StoredVerdict]]:
        """Yield the entries in the order of their ids."""
        found = self._rows().annotate(
            # As stored: the sandbox takes it as text.
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
        """Return the entries of users; ``differences`` leaves out users who are not in scope any more."""
        if not any(self._server.pk in org.servers for org in self._scope.values()):
            return StoredEntry.objects.none()
        return StoredEntry.objects.filter(server=self._server, user__isnull=False, verdict__isnull=False)

    def differences(self, others: Mapping[int, tuple[int, Verdict]]) -> list[Difference]:
        """Return the differences that other verdicts (user id and verdict, by entry id) make for users, without empty ones.

        An entry that does not decide makes no difference: one of two entries of a user, or one after an earlier server's.
        """
        users = stored_users.load({user for user, _ in others.values()})
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
    """Compares verdicts with the stored ones, and decides about users at each snapshot.

    ``edited`` are the scripts that were evaluated, None for all. When their verdict is not enough, ``whole`` runs all scripts.
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
        """Collect the entries of a page whose verdicts differ from the stored ones."""
        self._done += len(page)
        # Many entries of a page share the same verdict object: compare each pair only once.
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
        """Return the stored verdict and the one of the edited scripts, as the same object when equal; None if all have to run."""
        stored = self._verdict(row.verdict)
        edited: Verdict | None = verdict
        if self._edited is not None:
            # A stored verdict that depends on the time can't be combined with a new one.
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
        """Whether a snapshot is due: after some time, or when many entries have collected."""
        return max(len(self._others), len(self._unsure)) >= PAGE or monotonic() - self._shown_at >= EVERY

    def snapshot(self, cost: Cost) -> Impact:
        """Decide about the users of all collected entries, and return the impact so far."""
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
