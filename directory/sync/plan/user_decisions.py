"""Decides about a page of users from their lookup results, and confirms changes that cut off or give power."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from directory import found_elsewhere
from directory.sync import run_stopwatch
from directory.sync.plan import absence_grace, stored_users
from directory.sync.plan.confirmation import Confirmation
from directory.sync.plan.decision_context import DecisionContext
from directory.sync.plan.directory_view import DirectoryView
from directory.sync.plan.rules import absence, decision_table, group_paths
from directory.sync.plan.taken_usernames import TakenUsernames
from directory.sync.read.read_result import ReadResult
from directory.values.plan import Change, DecidedUser, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.text import fold

# One page of users, and their lookup results, by user id.
LookedUp = tuple[Mapping[int, StoredUser], Mapping[int, LookupResult]]


class UserDecisions:
    """Makes the decisions of a sync, page by page; ``stay`` renews the lease before a user needs queries of their own."""

    def __init__(
        self,
        context: DecisionContext,
        read: ReadResult,
        plan_context: PlanContext,
        directory: DirectoryView,
        confirmation: Confirmation,
        *,
        stay: Callable[[], None],
    ) -> None:
        self._context = context
        self._read = read
        self._plan_context = plan_context
        self._directory = directory
        self._confirmation = confirmation
        self._stay = stay
        self._taken_usernames = TakenUsernames(self._renamed)

    def looked_up(self, pages: Iterable[Mapping[int, StoredUser]]) -> Iterator[LookedUp]:
        """Yield each page of users with their lookup results; has no other effect."""
        for users in pages:
            yield users, self._directory.lookup_results(self._servers(users))

    def of(self, users: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> list[DecidedUser]:
        """Return the decisions about one page of users; ``found`` are their lookup results."""
        with run_stopwatch.step("who is absent"):
            lookups = self._proven(users, found)
            taken = self._taken(users, lookups)
        with run_stopwatch.step("deciding"):
            changes = {pk: self._decide(user, lookups[pk], taken[pk]) for pk, user in users.items()}
        to_confirm = {
            pk: users[pk]
            for pk, change in changes.items()
            if decision_table.needs_confirmation(change, self._plan_context)
        }
        with run_stopwatch.step("asking again"):
            for pk, lookup in self._confirmation.confirmed(to_confirm, lookups).items():
                lookups[pk], changes[pk] = lookup, self._decide(users[pk], lookup, taken[pk])
        for pk, lookup in self._with_ways(changes, lookups).items():
            lookups[pk], changes[pk] = lookup, self._decide(users[pk], lookup, taken[pk])
        return [DecidedUser(changes[pk], user, lookups[pk]) for pk, user in users.items()]

    def _decide(self, user: StoredUser, lookup: LookupResult, taken: frozenset[str]) -> Change:
        return decision_table.decide(user, lookup, self._plan_context, taken=taken)

    def _servers(self, users: Mapping[int, StoredUser]) -> dict[int, Sequence[int]]:
        return {pk: self._context.scope[user.account.org_id].servers for pk, user in users.items()}

    def _proven(self, users: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return the lookup results with only proven absences; those whose absence grace is not over have the reason."""
        lookups = {pk: self._looked_for(users[pk], lookup) for pk, lookup in found.items()}
        absent = {pk: users[pk] for pk, lookup in lookups.items() if lookup.presence is Presence.ABSENT}
        waits = absence_grace.waiting(self._servers(absent), self._read.servers, at=self._context.lease.clock())
        lookups |= {pk: replace(lookups[pk], waits=reason) for pk, reason in waits.items()}
        return lookups | self._elsewhere(absent, lookups)

    def _looked_for(self, user: StoredUser, lookup: LookupResult) -> LookupResult:
        """Return the result; an absent user who came into scope during the reading is “not checked”."""
        in_scope = self._read.users_in_scope
        looked_for = in_scope is not None and in_scope.was(user.id, user.account.username)
        if lookup.presence is not Presence.ABSENT or looked_for:
            return lookup
        return absence.not_looked_for(lookup)

    def _elsewhere(
        self, absent: Mapping[int, StoredUser], lookups: Mapping[int, LookupResult]
    ) -> dict[int, LookupResult]:
        """Return the lookups of absent users who were last found on a server that their org does not ask."""
        at_risk = {pk: user for pk, user in absent.items() if user.account.active and not user.managed_locally}
        last = found_elsewhere.of(self._servers(at_risk))
        return {
            pk: replace(
                lookups[pk],
                elsewhere=f"was last found in {server} ({dn}), which {at_risk[pk].account.org} does not ask",
                unchecked=(server, found_elsewhere.SHARED),
            )
            for pk, (server, dn) in last.items()
        }

    def _taken(self, users: Mapping[int, StoredUser], lookups: Mapping[int, LookupResult]) -> dict[int, frozenset[str]]:
        """Return for each user the new username if it is another user's, or could become so; else an empty set."""
        new_names = {pk: name for pk, lookup in lookups.items() if (name := _new_name(users[pk], lookup))}
        others = self._taken_usernames.among(new_names)
        taken = dict.fromkeys(users, frozenset[str]())
        for pk, name in new_names.items():
            if pk in others or self._directory.is_duplicate_username(lookups[pk].server_id, name):
                taken[pk] = frozenset({name})
        return taken

    def _renamed(self, pk: int) -> str:
        """Return the folded username that this plan gives a user, if no conflict forbids it; empty for none."""
        self._stay()
        user = stored_users.load([pk]).get(pk)
        if user is None or user.account.org_id not in self._context.scope:
            return ""
        users = {pk: user}
        lookup = self._proven(users, self._directory.lookup_results(self._servers(users)))[pk]
        name = _new_name(user, lookup)
        if not name or self._directory.is_duplicate_username(lookup.server_id, name):
            return ""
        return name if self._decide(user, lookup, frozenset()).outcome is Outcome.PLANNED else ""

    def _with_ways(self, changes: Mapping[int, Change], lookups: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return the lookups of changed users who are in groups through other groups, with a sentence on these ways."""
        found: dict[int, LookupResult] = {}
        for server_id, store in self._read.groups.items():
            scripts = self._read.servers[server_id].scripts
            theirs = {
                pk: lookups[pk].entry_id
                for pk, change in changes.items()
                if change.actions and lookups[pk].server_id == server_id and lookups[pk].presence is Presence.FOUND
            }
            if theirs and group_paths.look_at_groups(scripts):
                for pk, entry in self._directory.entries(theirs).items():
                    if ways := group_paths.sentence(store.ways(entry), scripts):
                        found[pk] = replace(lookups[pk], ways=ways)
        return found


def _new_name(user: StoredUser, lookup: LookupResult) -> str:
    """Return the folded username that a user gets from the entry; empty if the present one is among the entry's."""
    names = [fold(name) for name in lookup.identity.usernames] if lookup.identity else []
    return "" if not names or fold(user.account.username) in names else names[0]
