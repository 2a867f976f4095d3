"""Decides for every user in scope, page by page, confirms what cuts someone off or makes them powerful, and stores the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from directory import last_found
from directory.ldap.search.referrals import may_hold_people
from directory.models import PlannedMatch, RunChange, RunRepeat, RunServer
from directory.scope import orgs_in_scope
from directory.sync import lease, timing
from directory.sync.plan import absence_grace, directory_view, plan_context, users_in_scope
from directory.sync.plan.confirmation import Confirmation
from directory.sync.plan.rules import decision_table, group_paths
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.plan.rules.rename_chains import NameChains
from directory.sync.run_context import RunContext
from directory.sync.stored import decision_cache, plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Change, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.bulk import refresh_statistics
from orgs.text import fold

Planned = tuple[Change, StoredUser, LookupResult]
# One page of users, and what the directory says about them, by id.
Looked = tuple[Mapping[int, StoredUser], Mapping[int, LookupResult]]


def make_plan(work: RunContext) -> PlanCounts:
    """Decide for every user in scope and store what there is to say about each; return the counts."""
    with timing.step("beginning to plan"):
        counts = _make_plan(work)
        refresh_statistics(RunChange, RunRepeat, PlannedMatch)
    return counts


def _make_plan(work: RunContext) -> PlanCounts:
    # All orgs that follow LDAP, as a run of some servers may move users to orgs that it does not look after.
    context = users_in_scope.plan_context(orgs_in_scope())
    work.surroundings = plan_context.to_note(context, {pk: org.servers for pk, org in work.scope.items()})
    directory = directory_view.DirectoryView([_reading(row) for row in work.readings], work.competing_users)
    with Confirmation(work, directory) as confirmation:
        planner = Planner(
            work,
            context,
            directory,
            confirmation,
            LastSysadmin(users_in_scope.sysadmins(), context.admin_roles),
            PlanCounts(context.admin_roles, orgs={pk: Counter() for pk in work.org_ids}),
        )
        with timing.step("who has to be decided about"):
            split = decision_cache.split_users(
                work.org_ids, context_hash=planner.context_hash, fully_read=_fully_read_orgs(work)
            )
        planner.skip(split.unchanged)
        pages = planner.looked_up(users_in_scope.pages(split.undecided, work.org_ids))
        for known, results in timing.each("looking users up", pages):
            planner.plan(known, results)
        planner.decide_deferred()
        return planner.counts


def _fully_read_orgs(work: RunContext) -> list[int]:
    """Return the ids of the orgs whose servers were all read to their end."""
    read = {row.server_id for row in work.readings if row.complete}
    return [pk for pk, org in work.scope.items() if read.issuperset(org.servers)]


def _reading(row: RunServer) -> directory_view.ServerReading:
    unread = [url for url in row.referrals if may_hold_people(url)]
    return directory_view.ServerReading(
        server_id=row.server_id or 0,
        name=row.server_name,
        pages=row.pages,
        entries=row.entries,
        complete=row.complete,
        error=row.error,
        unread=", ".join(unread[:3]),
        extent=row.read_scope if row.since else "",
    )


@dataclass(slots=True)
class Planner:
    """A plan while it is being made; ``deferred`` are changes that would leave no SYSADMIN: they are decided at the end."""

    work: RunContext
    plan_context: PlanContext
    directory: directory_view.DirectoryView
    confirmation: Confirmation
    guard: LastSysadmin
    counts: PlanCounts
    deferred: list[Planned] = field(default_factory=list)
    names: NameChains = field(init=False)
    context_hash: str = field(init=False)

    def __post_init__(self) -> None:
        self.context_hash = decision_cache.hash_context(self.plan_context)
        self.names = NameChains(self._renamed, users_in_scope.owner_of)

    def looked_up(self, pages: Iterable[Mapping[int, StoredUser]]) -> Iterator[Looked]:
        """Yield each page of users with what the directory says about them; changes nothing here."""
        for known in pages:
            yield known, self.directory.lookup_results(self._servers(known))

    def plan(self, known: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> None:
        """Decide for one page of users, about whom this was found in the directory, and store it."""
        with timing.step("who is absent"):
            results = self._proven(known, found)
            taken = self._taken(known, results)
        with timing.step("deciding"):
            changes = {pk: self._decide(user, results[pk], taken[pk]) for pk, user in known.items()}
        to_confirm = {
            pk: known[pk]
            for pk, change in changes.items()
            if decision_table.needs_confirmation(change, self.plan_context)
        }
        with timing.step("asking again"):
            for pk, result in self.confirmation.confirmed(to_confirm, results).items():
                results[pk], changes[pk] = result, self._decide(known[pk], result, taken[pk])
        for pk, result in self._with_ways(changes, results).items():
            results[pk], changes[pk] = result, self._decide(known[pk], result, taken[pk])
        decided = [(changes[pk], user, results[pk]) for pk, user in known.items()]
        self.deferred += [planned for planned in decided if not self.guard.passes(planned[0])]
        deferred_ids = {planned[0].user_id for planned in self.deferred}
        self._store([planned for planned in decided if planned[0].user_id not in deferred_ids])

    def _with_ways(self, changes: Mapping[int, Change], results: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return, of those whom the plan changes, who are in groups through other groups, with the ways to these."""
        found: dict[int, LookupResult] = {}
        for server_id, store in self.work.groups.items():
            scripts = self.work.servers[server_id].scripts
            theirs = {
                pk: results[pk].entry_id
                for pk, change in changes.items()
                if change.actions and results[pk].server_id == server_id and results[pk].presence is Presence.FOUND
            }
            if theirs and group_paths.look_at_groups(scripts):
                for pk, entry in self.directory.entries(theirs).items():
                    if ways := group_paths.sentence(store.ways(entry), scripts):
                        found[pk] = replace(results[pk], ways=ways)
        return found

    def skip(self, unchanged: Mapping[tuple[int, int, bool], int]) -> None:
        """Count those for whom there still is nothing to do, by (org id, server id, whether active)."""
        self.counts.add_unchanged(unchanged)
        self.work.lease.stay(phase="planning", done=self._done())

    def decide_deferred(self) -> None:
        """Decide what had to wait for the end: who would be the last SYSADMIN is kept, unless someone has become one."""
        decided = []
        for change, user, result in self.deferred:
            made = change if self.guard.passes(change) else self.guard.keep(change)
            decided.append((made, user, result))
        self._store(decided)

    def _store(self, planned: list[Planned]) -> None:
        for change, _, result in planned:
            evaluated = result.verdict is not None
            self.counts.add(change, server=result.server_id, evaluated=evaluated, lost_id=result.lost_id)
            if change.outcome is Outcome.NOT_CHECKED:
                self.counts.unchecked[result.unchecked or (result.server, result.reason)] += 1
        with timing.step("storing the plan"), lease.redoable():
            self.work.lease.renew(phase="planning", done=self._done())
            self.directory.plan_matches(self.work.run.pk, {user.id: result for _, user, result in planned})
            plan_rows.planned(run=self.work.run, changes=planned)
            cacheable = [each for each in planned if self._has_same_servers(each[1])]
            decision_cache.note(cacheable, context_hash=self.context_hash)

    def _has_same_servers(self, user: StoredUser) -> bool:
        """Return whether the servers searched are those of the user's org by now: its list may have changed."""
        org = self.plan_context.by_id.get(user.account.org_id)
        return org is not None and org.servers == self.work.scope[user.account.org_id].servers

    def _done(self) -> int:
        return sum(org["users"] for org in self.counts.orgs.values())

    def _decide(self, user: StoredUser, result: LookupResult, taken: frozenset[str]) -> Change:
        return decision_table.decide(user, result, self.plan_context, taken=taken)

    def _servers(self, known: Mapping[int, StoredUser]) -> dict[int, Sequence[int]]:
        return {pk: self.work.scope[user.account.org_id].servers for pk, user in known.items()}

    def _proven(self, known: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return what was found, without absences that are not proven, and with what keeps those that are waiting."""
        results = {pk: self._looked_for(known[pk], result) for pk, result in found.items()}
        absent = {pk: known[pk] for pk, result in results.items() if result.presence is Presence.ABSENT}
        waits = absence_grace.waiting(self._servers(absent), self.work.servers, at=self.work.lease.clock())
        results |= {pk: replace(results[pk], waits=reason) for pk, reason in waits.items()}
        return results | self._elsewhere(absent, results)

    def _elsewhere(
        self, absent: Mapping[int, StoredUser], results: Mapping[int, LookupResult]
    ) -> dict[int, LookupResult]:
        """Return what is to be said of those whom their org's servers do not have, but one that it does not ask had."""
        at_risk = {pk: user for pk, user in absent.items() if user.account.active and not user.managed_locally}
        last = last_found.of(self._servers(at_risk))
        return {
            pk: replace(
                results[pk],
                elsewhere=f"was last found in {server} ({dn}), which {at_risk[pk].account.org} does not ask",
                unchecked=(server, last_found.SHARED),
            )
            for pk, (server, dn) in last.items()
        }

    def _looked_for(self, user: StoredUser, result: LookupResult) -> LookupResult:
        """Whoever came into scope while the directory was being read was not looked for, so is not absent."""
        looked_for = self.work.users_in_scope is not None and self.work.users_in_scope.was(
            user.id, user.account.username
        )
        if result.presence is not Presence.ABSENT or looked_for:
            return result
        reason = "came into the scope of the sync, or was renamed, while the directory was being read"
        return LookupResult(Presence.NOT_CHECKED, result.server, result.server_id, reason=reason)

    def _taken(self, known: Mapping[int, StoredUser], results: Mapping[int, LookupResult]) -> dict[int, frozenset[str]]:
        """Return each user's username from the directory where it is, or will be, another user's."""
        new_names = {pk: name for pk, result in results.items() if (name := _new_name(known[pk], result))}
        others = users_in_scope.usernames_of_others({pk: [name] for pk, name in new_names.items()})
        taken = dict.fromkeys(known, frozenset[str]())
        for pk, name in new_names.items():
            owner = others[pk].get(name)
            owner_keeps_it = owner is not None and not self.names.gives_up(owner)
            if owner_keeps_it or self.directory.is_duplicate_username(results[pk].server_id, name):
                taken[pk] = frozenset({name})
        return taken

    def _renamed(self, pk: int) -> str:
        """Return the username that this very plan gives a user, as far as nobody else has it; empty for none."""
        self.work.lease.renew(phase="planning", done=self._done())
        user = users_in_scope.load([pk]).get(pk)
        if user is None or user.account.org_id not in self.work.scope:
            return ""
        known = {pk: user}
        result = self._proven(known, self.directory.lookup_results(self._servers(known)))[pk]
        name = _new_name(user, result)
        if not name or self.directory.is_duplicate_username(result.server_id, name):
            return ""
        return name if self._decide(user, result, frozenset()).outcome is Outcome.PLANNED else ""


def _new_name(user: StoredUser, result: LookupResult) -> str:
    """Return the folded username that a user's entry asks for; empty where the present one is among its names."""
    names = [fold(name) for name in result.identity.usernames] if result.identity else []
    return "" if not names or fold(user.account.username) in names else names[0]
