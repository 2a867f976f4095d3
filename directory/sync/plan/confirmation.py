"""Confirms destructive changes and those that give power: runs the scripts again, and searches again for absent users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from directory.ldap.absence.absence_check import AbsenceCheck
from directory.models import LdapServer
from directory.scripts import server_sandbox
from directory.scripts.sandbox.resource_limits import SandboxBroken
from directory.scripts.sandbox.sandbox import Sandbox
from directory.sync.plan import directory_view, last_known_branches
from directory.sync.plan.decision_context import DecisionContext
from directory.sync.read.read_result import ReadResult
from directory.sync.run_interruptions import SyncStopped
from directory.values.ldap import AbsenceCheckResult, Entry, MissingUser
from directory.values.plan import LookupResult, Presence, StoredUser
from directory.values.scripts import SCRIPTS, ScriptError, Verdict

# Users in one batch. The lease is renewed before each batch, and a script may take a second for each user.
SLICE = 50
# Searches of one absence check: below the base with the filter, with its opposite, and without; then one for each tree.
# Few directories have more than two trees. A user who is not found takes up to six reads of single DNs besides; the
# lease is renewed before them.
SEARCHES = 7
CONFIRMED = "Confirmed: the scripts said the same a second time, run for this entry alone."
NOT_CONFIRMED = "asked again, it did not confirm that they are gone"
ANOTHER_ANSWER = "gave another answer when it was run a second time, for this entry alone"


class AbsenceSearch(Protocol):
    """Searches one server for missing users."""

    def look_for(self, missing_users: Sequence[MissingUser]) -> dict[int, AbsenceCheckResult]:
        """Return the result for each user, by user id."""


class Confirmation:
    """The confirmation of one run's changes. Sandboxes and connections are opened at their first use."""

    def __init__(
        self,
        context: DecisionContext,
        read: ReadResult,
        directory: directory_view.DirectoryView,
        *,
        absence_check_on: Callable[[LdapServer], AbsenceSearch] | None = None,
    ) -> None:
        """Take the run's parts; ``absence_check_on`` replaces the absence check on a server."""
        self._context = context
        self._absence_check_on = absence_check_on or self._opened_absence_check
        self._servers = read.servers
        self._directory = directory
        self._open = ExitStack()
        self._sandboxes: dict[int, Sandbox] = {}
        self._absence_checks: dict[int, AbsenceSearch] = {}
        # By server id, the users who certainly are not there, and those whom the reading should have found.
        self.proven_absent: dict[int, set[int]] = {}
        self.overlooked: dict[int, set[int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def confirmed(
        self, to_confirm: Mapping[int, StoredUser], results: Mapping[int, LookupResult]
    ) -> dict[int, LookupResult]:
        """Return the lookup results of these users, each with the result of the second look."""
        found = {pk: results[pk] for pk in to_confirm if results[pk].presence is Presence.FOUND}
        absent = {pk: (user, results[pk]) for pk, user in to_confirm.items() if results[pk].presence is Presence.ABSENT}
        return {**self._opinions(found), **self._absences(absent)}

    def _opinions(self, found: Mapping[int, LookupResult]) -> dict[int, LookupResult]:
        sure: dict[int, LookupResult] = {}
        chosen = self._directory.entries({pk: result.entry_id for pk, result in found.items()})
        by_server: dict[int, list[int]] = {}
        for pk, result in found.items():
            by_server.setdefault(result.server_id, []).append(pk)
        for server_id, users in by_server.items():
            for batch in self._slices(users, extra_timeout=SLICE):
                verdicts = self._verdicts(server_id, [chosen[pk] for pk in batch])
                sure |= {pk: _compared(found[pk], second) for pk, second in zip(batch, verdicts, strict=True)}
        return sure

    def _verdicts(self, server_id: int, chosen: list[Entry]) -> list[Verdict]:
        try:
            return self._sandbox(server_id).second_opinions(chosen)
        except SandboxBroken as error:
            raise SyncStopped(f"{self._servers[server_id].name}: {error}") from error

    def _sandbox(self, server_id: int) -> Sandbox:
        if server_id not in self._sandboxes:
            server = self._servers[server_id]
            sandbox = server_sandbox.sandbox(server)
            self._sandboxes[server_id] = self._open.enter_context(sandbox)
        return self._sandboxes[server_id]

    def _absences(self, absent: Mapping[int, tuple[StoredUser, LookupResult]]) -> dict[int, LookupResult]:
        """Search every server of each user's org again; each of them has to confirm the absence."""
        sure = {pk: result for pk, (_, result) in absent.items()}
        by_server: dict[int, list[StoredUser]] = {}
        for user, _ in absent.values():
            for server_id in self._context.scope[user.account.org_id].servers:
                by_server.setdefault(server_id, []).append(user)
        for server_id, users in by_server.items():
            server = self._servers[server_id]
            user_ids = [user.id for user in users]
            ids = self._directory.known_ids(user_ids, server_id=server.pk)
            last = last_known_branches.last_dns(user_ids, server.pk)
            missing_users = {
                user.id: _missing_user(user, sure[user.id], server.pk, ids.get(user.id, ()), last.get(user.id))
                for user in users
            }
            for batch in self._slices(list(missing_users), extra_timeout=_extra_timeout(server)):
                for pk, result in self._absence_check(server).look_for([missing_users[pk] for pk in batch]).items():
                    step = f"Asked {server.name} again: {result.sentence}."
                    if result.absent:
                        self.proven_absent.setdefault(server_id, set()).add(pk)
                    elif result.overlooked:
                        self.overlooked.setdefault(server_id, set()).add(pk)
                    if not result.absent and sure[pk].presence is Presence.ABSENT:
                        doubt = f"{server.name}: {result.sentence}"
                        presence = Presence.CONFLICT if result.conflict else Presence.NOT_CHECKED
                        shared = None if result.conflict else (server.name, NOT_CONFIRMED)
                        sure[pk] = replace(sure[pk], presence=presence, reason=doubt, unchecked=shared)
                    else:
                        sure[pk] = replace(sure[pk], proofs=(*sure[pk].proofs, step))
        return sure

    def _absence_check(self, server: LdapServer) -> AbsenceSearch:
        if server.pk not in self._absence_checks:
            self._absence_checks[server.pk] = self._absence_check_on(server)
        return self._absence_checks[server.pk]

    def _opened_absence_check(self, server: LdapServer) -> AbsenceSearch:
        check = AbsenceCheck(
            server.connection_at(self._context.lease.clock()),
            server.mapping,
            neighbours=last_known_branches.Neighbours(server.pk).of,
            lost=lambda: last_known_branches.lost(server.pk),
            stay=lambda: self._context.lease.stay(phase="asking again", done=0, extra_timeout=_extra_timeout(server)),
        )
        return self._open.enter_context(check)

    def _slices(self, users: list[int], *, extra_timeout: int) -> Iterator[list[int]]:
        for start in range(0, len(users), SLICE):
            self._context.lease.renew(phase="asking again", done=start, total=len(users), extra_timeout=extra_timeout)
            yield users[start : start + SLICE]


def _extra_timeout(server: LdapServer) -> int:
    """Return how many seconds one absence check may take: to connect, and for all its searches."""
    return SEARCHES * server.operation_timeout + server.connect_timeout * len(server.urls)


def _missing_user(
    user: StoredUser,
    result: LookupResult,
    server_id: int,
    unique_ids: tuple[str, ...],
    last: tuple[int | None, str] | None,
) -> MissingUser:
    """Return the missing user to search for; ``last`` is the id of the server that had the user last, and the DN there."""
    dn = last[1] if last is not None and last[0] == server_id else ""
    namesakes = (who.dn for who in result.namesakes)
    return MissingUser(user.id, user.account.username, unique_ids, dn, last is None, tuple(namesakes))


def _compared(result: LookupResult, second: Verdict) -> LookupResult:
    if second == result.verdict:
        return replace(result, proofs=(*result.proofs, CONFIRMED))
    return replace(result, verdict=Verdict(error=_disagreement(result.verdict, second)))


def _disagreement(first: Verdict | None, second: Verdict) -> ScriptError:
    """Return the error of an entry whose second verdict differs from the ``first``."""
    if second.error is not None:
        return replace(second.error, message=f"failed when it was run a second time: {second.error.message}")
    other = (script for script in SCRIPTS if first is None or first.of(script) != second.of(script))
    return ScriptError(next(other, SCRIPTS[-1]), ANOTHER_ANSWER)
