"""Reads the entry of one user from the servers now, and decides as a sync does; writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from directory import trial_slots
from directory.input_errors import Refused
from directory.ldap.entry_identity import identity
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.process.isolated_connection_trial import Deadline, IsolatedPeopleReader, check_absence
from directory.ldap.search.person_filter import person_filter
from directory.ldap.search.reading_request import ReadingRequest
from directory.models import LdapServer
from directory.org_scope import OrgScope, orgs_in_scope
from directory.preview.live_directory_view import LiveDirectoryView, LiveEntry
from directory.scripts import server_sandbox
from directory.sync.identify import known_ids, user_candidates
from directory.sync.identify.known_ids import NOTHING, KnownInDirectories
from directory.sync.identify.user_candidates import UsersInScope
from directory.sync.plan import last_known_branches, stored_users
from directory.sync.plan.confirmation import Confirmation
from directory.sync.plan.plan_context import load_plan_context
from directory.sync.plan.rules.absence import ServerReading
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.plan.user_decisions import UserDecisions
from directory.sync.read.read_result import ReadResult
from directory.values import distinguished_names
from directory.values.ldap import AbsenceCheckResult, MissingUser
from directory.values.plan import Change, StoredUser
from orgs.text import fold

# The seconds for everything that is read.
SECONDS = 20
Waits = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Lease:
    """Stands in for the lease of a run: nothing has to be renewed."""

    clock: Callable[[], datetime]

    def renew(self, *, phase: str, done: int, total: int | None = None, extra_timeout: int = 0) -> None:
        """Do nothing."""

    def stay(self, *, phase: str, done: int, extra_timeout: int = 0) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _PreviewContext:
    """What the decisions need of a run."""

    scope: Mapping[int, OrgScope]
    lease: _Lease


@dataclass(slots=True)
class _Read:
    """What has been read from the servers of the user's org."""

    readings: list[ServerReading] = field(default_factory=list)
    live: list[LiveEntry] = field(default_factory=list)
    competing_users: dict[tuple[int, int], set[int]] = field(default_factory=dict)


def preview(user_id: int, *, owner: str, waits: Waits, at: datetime) -> Change:
    """Return what a sync would do to the user now, with all steps; its limits are not checked.

    ``owner`` and ``waits`` are as for the test of a connection.

    Raises:
        Refused: when no sync decides about the user, or too many tests are running.
        SandboxBroken: when the scripts can't be run.
    """
    scope = orgs_in_scope()
    user = stored_users.load([user_id])[user_id]
    if user.account.org_id not in scope:
        raise Refused(f"{user.account.org} has no LDAP server that syncs read, so no sync decides about this user")
    with trial_slots.taken(owner):
        return _decided(user, scope, Deadline(SECONDS), waits, at)


def _decided(user: StoredUser, scope: Mapping[int, OrgScope], deadline: Deadline, waits: Waits, at: datetime) -> Change:
    enabled = LdapServer.objects.enabled().prefetch_related("grantable_roles")
    servers = enabled.in_bulk(scope[user.account.org_id].servers)
    read = _read(user, [servers[pk] for pk in scope[user.account.org_id].servers if pk in servers], deadline, waits, at)
    in_scope = UsersInScope([(user.id, fold(user.account.username))])
    result = ReadResult(servers, {}, in_scope, read.competing_users, {})
    directory = LiveDirectoryView(read.readings, read.competing_users, read.live)
    context, plan_context = _PreviewContext(scope, _Lease(lambda: at)), load_plan_context(scope)

    def absence_check_on(server: LdapServer) -> _IsolatedAbsenceCheck:
        return _IsolatedAbsenceCheck(server, deadline, waits, at)

    with Confirmation(context, result, directory, absence_check_on=absence_check_on) as confirmation:
        decisions = UserDecisions(context, result, plan_context, directory, confirmation, stay=lambda: None)
        ((users, found),) = decisions.looked_up([{user.id: user}])
        (decided,) = decisions.of(users, found)
    guard = LastSysadmin(stored_users.sysadmins(), plan_context.admin_roles)
    return decided.change if guard.passes(decided.change) else guard.keep(decided.change)


def _read(user: StoredUser, servers: Sequence[LdapServer], deadline: Deadline, waits: Waits, at: datetime) -> _Read:
    noted, read = known_ids.of([user.id]).get(user.id, NOTHING), _Read()
    for server in servers:
        connection = server.connection_at(at)
        wanted = person_filter(user.account.username, _ids_on(server, noted), server.mapping)
        narrowed = replace(connection, search_filter=f"(&{connection.search_filter}{wanted})")
        reader = IsolatedPeopleReader(connection, server.group_search, deadline=deadline, waits=waits)
        try:
            entries = reader.read(ReadingRequest(narrowed, server.attributes, server.named_attributes))
        except DirectoryUnavailable as failure:
            read.readings.append(ServerReading(server.pk, server.name, error=failure.problem))
            continue
        read.readings.append(ServerReading(server.pk, server.name, pages=1, entries=len(entries), complete=True))
        who = [identity(entry, server.mapping) for entry in entries]
        orgs = [org.org.id for org in orgs_in_scope().values() if server.pk in org.servers]
        found = user_candidates.candidates(who, org_ids=orgs, server_id=server.pk)
        with server_sandbox.sandbox(server) as sandbox:
            verdicts = sandbox.evaluate(entries) if entries else []
        for entry, each, candidate, verdict in zip(entries, who, found, verdicts, strict=True):
            if candidate is None:
                continue
            read.live.append(LiveEntry(server.pk, entry, each, candidate, verdict))
            if candidate.competing_users:
                key = server.pk, candidate.user_id
                read.competing_users.setdefault(key, set()).update(candidate.competing_users)
    return read


def _ids_on(server: LdapServer, noted: KnownInDirectories) -> tuple[str, ...]:
    """Return the known immutable ids that count on a server."""
    return tuple(sorted(one for one, of in noted.ids if of in {0, server.pk}))


@dataclass(frozen=True, slots=True)
class _IsolatedAbsenceCheck:
    """Searches one server for the user again, in a process of its own."""

    server: LdapServer
    deadline: Deadline
    waits: Waits
    at: datetime

    def look_for(self, missing_users: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        """Return the result for each user, by user id; an error leaves the absence unconfirmed."""
        neighbours = last_known_branches.Neighbours(self.server.pk)
        results = {}
        for who in missing_users:
            lost = last_known_branches.lost(self.server.pk) if who.never_found else []
            branches = {distinguished_names.parent(each.dn) for each in (who, *lost) if each.dn}
            known = {distinguished_names.key(branch): list(neighbours.of(branch)) for branch in branches}
            try:
                results[who.user_id] = check_absence(
                    self.server.connection_at(self.at),
                    self.server.mapping,
                    who,
                    neighbours=known,
                    lost=lost,
                    deadline=self.deadline,
                    waits=self.waits,
                )
            except DirectoryUnavailable as failure:
                words = f"a second search could not confirm the absence: {failure.problem.rstrip('.')}"
                results[who.user_id] = AbsenceCheckResult(absent=False, sentence=words)
        return results
