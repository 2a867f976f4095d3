"""Decides for every user in scope, page by page, asks again where a mistake would be grave, and stores what is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from directory import last_found
from directory.ldap.search.referrals import may_hold_people
from directory.models import RunServer
from directory.scope import orgs_in_scope
from directory.sync import lease, timing
from directory.sync.plan import absence_grace, directory_view, plan_context, users_in_scope
from directory.sync.plan.confirmation import SecondLook
from directory.sync.plan.rules import decision_table, group_paths
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.plan.rules.rename_chains import NameChains
from directory.sync.run_context import RunContext
from directory.sync.stored import decision_cache, plan_rows
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.plan import Change, LookupResult, Outcome, PlanContext, Presence, StoredUser
from orgs.text import fold

Planned = tuple[Change, StoredUser, LookupResult]
# One page of users, and what the directory says about them, by id.
Looked = tuple[Mapping[int, StoredUser], Mapping[int, LookupResult]]


def make_plan(work: RunContext) -> PlanCounts:
    """Decide for every user in scope and store what there is to say about each; return the counts."""
    # All orgs that follow LDAP, as a run of some servers may move users to orgs that it does not look after.
    house = users_in_scope.house(orgs_in_scope())
    work.surroundings = plan_context.to_note(house, {pk: org.servers for pk, org in work.scope.items()})
    directory = directory_view.DirectoryView([_reading(row) for row in work.readings], work.rivals)
    with SecondLook(work, directory) as second_look:
        planner = Planner(
            work,
            house,
            directory,
            second_look,
            LastSysadmin(users_in_scope.sysadmins(), house.admin_roles),
            PlanCounts(house.admin_roles, orgs={pk: Counter() for pk in work.org_ids}),
        )
        with timing.step("who has to be decided about"):
            standings = decision_cache.look(work.org_ids, house=planner.standing, whole=_whole_orgs(work))
        planner.skip(standings.unchanged)
        pages = planner.looked_up(users_in_scope.pages(standings.undecided, work.org_ids))
        for known, seen in timing.each("looking users up", pages):
            planner.plan(known, seen)
        planner.settle()
        return planner.tally


def _whole_orgs(work: RunContext) -> list[int]:
    """Return the orgs of which every server was read to its end, without a part that lies elsewhere."""
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
        extent=row.extent if row.since else "",
    )


@dataclass(slots=True)
class Planner:
    """A plan while it is being made; ``late`` waits for its end, as nobody would be a SYSADMIN any more so far."""

    work: RunContext
    house: PlanContext
    directory: directory_view.DirectoryView
    second_look: SecondLook
    guard: LastSysadmin
    tally: PlanCounts
    late: list[Planned] = field(default_factory=list)
    names: NameChains = field(init=False)
    standing: str = field(init=False)

    def __post_init__(self) -> None:
        self.standing = decision_cache.fingerprint(self.house)
        self.names = NameChains(self._renamed, users_in_scope.owner_of)

    def looked_up(self, pages: Iterable[Mapping[int, StoredUser]]) -> Iterator[Looked]:
        """Yield each page of users with what the directory says about them; changes nothing here."""
        for known in pages:
            yield known, self.directory.sightings(self._servers(known))

    def plan(self, known: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> None:
        """Decide for one page of users, about whom this was found in the directory, and store it."""
        with timing.step("who is absent"):
            seen = self._proven(known, found)
            taken = self._taken(known, seen)
        with timing.step("deciding"):
            changes = {pk: self._decide(user, seen[pk], taken[pk]) for pk, user in known.items()}
        grave = {pk: known[pk] for pk, change in changes.items() if decision_table.is_grave(change, self.house)}
        with timing.step("asking again"):
            for pk, sighting in self.second_look.at(grave, seen).items():
                seen[pk], changes[pk] = sighting, self._decide(known[pk], sighting, taken[pk])
        for pk, sighting in self._with_ways(changes, seen).items():
            seen[pk], changes[pk] = sighting, self._decide(known[pk], sighting, taken[pk])
        decided = [(changes[pk], user, seen[pk]) for pk, user in known.items()]
        self.late += [planned for planned in decided if not self.guard.passes(planned[0])]
        late = {planned[0].user_id for planned in self.late}
        self._store([planned for planned in decided if planned[0].user_id not in late])

    def _with_ways(self, changes: Mapping[int, Change], seen: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return, of those whom the plan changes, who are in groups through other groups, with the ways to these."""
        found: dict[int, LookupResult] = {}
        for server_id, store in self.work.groups.items():
            scripts = self.work.servers[server_id].scripts
            theirs = {
                pk: seen[pk].entry_id
                for pk, change in changes.items()
                if change.actions and seen[pk].server_id == server_id and seen[pk].presence is Presence.FOUND
            }
            if theirs and group_paths.look_at_groups(scripts):
                for pk, entry in self.directory.entries(theirs).items():
                    if ways := group_paths.sentence(store.ways(entry), scripts):
                        found[pk] = replace(seen[pk], ways=ways)
        return found

    def skip(self, unchanged: Mapping[tuple[int, int, bool], int]) -> None:
        """Count those for whom there still is nothing to do, by (org id, server id, whether active)."""
        self.tally.add_unchanged(unchanged)
        self.work.lease.stay(phase="planning", done=self._done())

    def settle(self) -> None:
        """Decide what had to wait for the end: who would be the last SYSADMIN is kept, unless someone has become one."""
        settled = []
        for change, user, sighting in self.late:
            made = change if self.guard.passes(change) else self.guard.keep(change)
            settled.append((made, user, sighting))
        self._store(settled)

    def _store(self, planned: list[Planned]) -> None:
        for change, _, sighting in planned:
            evaluated = sighting.verdict is not None
            self.tally.add(change, server=sighting.server_id, evaluated=evaluated, lost_id=sighting.lost_id)
            if change.outcome is Outcome.NOT_CHECKED:
                self.tally.unchecked[sighting.unchecked or (sighting.server, sighting.reason)] += 1
        with timing.step("storing the plan"), lease.redoable():
            self.work.lease.renew(phase="planning", done=self._done())
            self.directory.plan_matches(self.work.run.pk, {user.id: sighting for _, user, sighting in planned})
            plan_rows.planned(run=self.work.run, changes=planned)
            decision_cache.note([each for each in planned if self._has_same_servers(each[1])], house=self.standing)

    def _has_same_servers(self, user: StoredUser) -> bool:
        """Return whether the servers searched are those of the user's org by now: its list may have changed."""
        org = self.house.by_id.get(user.account.org_id)
        return org is not None and org.servers == self.work.scope[user.account.org_id].servers

    def _done(self) -> int:
        return sum(org["users"] for org in self.tally.orgs.values())

    def _decide(self, user: StoredUser, sighting: LookupResult, taken: frozenset[str]) -> Change:
        return decision_table.decide(user, sighting, self.house, taken=taken)

    def _servers(self, known: Mapping[int, StoredUser]) -> dict[int, Sequence[int]]:
        return {pk: self.work.scope[user.account.org_id].servers for pk, user in known.items()}

    def _proven(self, known: Mapping[int, StoredUser], found: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return what was found, without absences that are not proven, and with what keeps those that are waiting."""
        seen = {pk: self._looked_for(known[pk], sighting) for pk, sighting in found.items()}
        absent = {pk: known[pk] for pk, sighting in seen.items() if sighting.presence is Presence.ABSENT}
        waits = absence_grace.waiting(self._servers(absent), self.work.servers, at=self.work.lease.clock())
        seen |= {pk: replace(seen[pk], waits=reason) for pk, reason in waits.items()}
        return seen | self._elsewhere(absent, seen)

    def _elsewhere(self, absent: Mapping[int, StoredUser], seen: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        """Return what is to be said of those whom their org's servers do not have, but one that it does not ask had."""
        at_risk = {pk: user for pk, user in absent.items() if user.account.active and not user.managed_locally}
        last = last_found.of(self._servers(at_risk))
        return {
            pk: replace(
                seen[pk],
                elsewhere=f"was last found in {server} ({dn}), which {at_risk[pk].account.org} does not ask",
                unchecked=(server, last_found.SHARED),
            )
            for pk, (server, dn) in last.items()
        }

    def _looked_for(self, user: StoredUser, sighting: LookupResult) -> LookupResult:
        """Whoever came into scope while the directory was being read was not looked for, so is not absent."""
        looked_for = self.work.seen is not None and self.work.seen.was(user.id, user.account.username)
        if sighting.presence is not Presence.ABSENT or looked_for:
            return sighting
        reason = "came into the scope of the sync, or was renamed, while the directory was being read"
        return LookupResult(Presence.NOT_CHECKED, sighting.server, sighting.server_id, reason=reason)

    def _taken(self, known: Mapping[int, StoredUser], seen: Mapping[int, LookupResult]) -> dict[int, frozenset[str]]:
        """Return each user's username from the directory where it is, or will be, another user's."""
        new_names = {pk: name for pk, sighting in seen.items() if (name := _new_name(known[pk], sighting))}
        others = users_in_scope.usernames_of_others({pk: [name] for pk, name in new_names.items()})
        taken = dict.fromkeys(known, frozenset[str]())
        for pk, name in new_names.items():
            owner = others[pk].get(name)
            held = owner is not None and not self.names.gives_up(owner)
            if held or self.directory.is_doubled(seen[pk].server_id, name):
                taken[pk] = frozenset({name})
        return taken

    def _renamed(self, pk: int) -> str:
        """Return the username that this very plan gives a user, as far as nobody else has it; empty for none."""
        self.work.lease.renew(phase="planning", done=self._done())
        user = users_in_scope.load([pk]).get(pk)
        if user is None or user.account.org_id not in self.work.scope:
            return ""
        known = {pk: user}
        sighting = self._proven(known, self.directory.sightings(self._servers(known)))[pk]
        name = _new_name(user, sighting)
        if not name or self.directory.is_doubled(sighting.server_id, name):
            return ""
        return name if self._decide(user, sighting, frozenset()).outcome is Outcome.PLANNED else ""


def _new_name(user: StoredUser, sighting: LookupResult) -> str:
    """Return the folded username that a user's entry asks for; empty where the present one is among its names."""
    names = [fold(name) for name in sighting.identity.usernames] if sighting.identity else []
    return "" if not names or fold(user.account.username) in names else names[0]
