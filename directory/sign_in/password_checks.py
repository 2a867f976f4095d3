"""Checks a user's password on the LDAP servers of their org, one after the other, and takes as long for everybody else."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from django.utils.crypto import salted_hmac

from directory.ldap.entry_identity import is_theirs
from directory.ldap.errors import DirectoryUnavailable
from directory.ldap.sign_in.server_password import ServerPassword
from directory.models import LdapServer
from directory.org_scope import OrgScope, orgs_in_scope
from directory.sign_in.time_limits import TooSlow, Waited, hurried, in_time, wait_out
from directory.sync.identify import known_ids
from directory.sync.identify.known_ids import NOTHING
from directory.values.ldap import AttributeMapping, Connection
from directory.values.sign_in.directory_passwords import PasswordCheck, PasswordReason, PersonToFind, can_be_sent
from orgs.models import Org, User
from orgs.models.encrypted_text import Undecryptable
from orgs.text import fold

_SALT = "directory.sign_in.password_checks"


@dataclass(frozen=True, slots=True)
class DirectorySignIn:
    """The result of all servers: the check that decided, and the server that made it, if one did.

    ``was_sent``: a server got the password, and may have counted it.
    """

    check: PasswordCheck
    server_id: int | None = None
    server: str = ""
    was_sent: bool = False

    @property
    def may_count_as_wrong(self) -> bool:
        """Whether a directory may have counted a wrong password."""
        return self.was_sent and not self.check.proven

    @property
    def sentence(self) -> str:
        """Server and reason, for logs."""
        words = self.check.sentence or str(self.check.reason)
        return f"{self.server}: {words}" if self.server else words


@dataclass(frozen=True, slots=True)
class _ServerToTry:
    """One server, and whom to find there; without a connection ``problem`` is the reason."""

    server_id: int
    name: str
    mapping: AttributeMapping
    person: PersonToFind
    connection: Connection | None
    problem: str = ""


def check_password(*, user: User, password: str, at: datetime) -> DirectorySignIn:
    """Check the password of a user whose org follows LDAP; nothing of the user is changed.

    The servers of the org are asked in order. One that can't be asked, or does not find the user, leads to the next one;
    any other answer to the user's bind ends the check, so that a wrong password is sent once.
    """
    began = time.monotonic()
    if not can_be_sent(password):
        return DirectorySignIn(PasswordCheck(PasswordReason.WRONG, sentence="the password is empty or can't be sent"))
    scope = orgs_in_scope()
    servers = _enabled(scope[user.org_id].servers) if user.org_id in scope else []
    if not servers:
        return _no_server(user.username, user.org, at)
    noted = known_ids.of([user.pk]).get(user.pk, NOTHING)
    tries = [_to_try(server, PersonToFind(user.username, server.pk, noted.ids), at) for server in servers]
    found = _in_time(tries, password, last_found_on=noted.server)
    if found.check.accepted and (claim := _claim_of_another(user, found, scope)):
        check = replace(found.check, reason=PasswordReason.AMBIGUOUS, sentence=claim)
        found = replace(found, check=check)
    if not found.check.accepted:
        wait_out(began)
    return found


def check_newcomer(*, username: str, org: Org, password: str, at: datetime) -> DirectorySignIn:
    """Check the password of somebody who is no user yet, on the servers of an org that follows LDAP; as ``check_password``.

    The entry may be that of a user under another name: who makes an account of it looks for that.
    """
    began = time.monotonic()
    if not can_be_sent(password):
        return DirectorySignIn(PasswordCheck(PasswordReason.WRONG, sentence="the password is empty or can't be sent"))
    scope = orgs_in_scope()
    servers = _enabled(scope[org.pk].servers) if org.pk in scope else []
    if not servers:
        return _no_server(username, org, at)
    tries = [_to_try(server, PersonToFind(username, server.pk), at) for server in servers]
    found = _in_time(tries, password, last_found_on=None)
    if not found.check.accepted:
        wait_out(began)
    return found


def _no_server(username: str, org: Org, at: datetime) -> DirectorySignIn:
    take_as_long(username=username, at=at)
    reason = PasswordReason.NOT_REACHED
    return DirectorySignIn(PasswordCheck(reason, sentence=f"no LDAP server is enabled for {org.name}"))


def take_as_long(*, username: str, at: datetime, org: Org | None = None) -> bool:
    """Take the time of a refused password for a username that no directory is asked about; return whether one answered.

    The servers are those of one org, by default always the same for one username: a person is looked for whom nobody knows,
    and a bind is sent for an entry that does not exist. Neither the username nor the password is sent.
    """
    began = time.monotonic()
    scope = orgs_in_scope()
    enabled = set(LdapServer.objects.enabled().values_list("pk", flat=True))
    lists = {each: tuple(pk for pk in one.servers if pk in enabled) for each, one in scope.items()}
    # Somebody may be found on any server of a list, after the ones before it.
    homes = sorted({servers[:end] for servers in lists.values() for end in range(1, len(servers) + 1)})
    if not homes:
        return True
    chosen = homes[int.from_bytes(salted_hmac(_SALT, fold(username)).digest()[:8]) % len(homes)]
    if org is not None:
        chosen = lists.get(org.pk) or chosen
    nobody = frozenset({(str(uuid.uuid4()), 0)})
    tries = [_to_try(server, PersonToFind(secrets.token_hex(8), server.pk, nobody), at) for server in _enabled(chosen)]
    found = _in_time(tries, secrets.token_urlsafe(12), last_found_on=None)
    wait_out(began)
    return found.check.reason is not PasswordReason.NOT_REACHED


def _enabled(server_ids: Sequence[int]) -> list[LdapServer]:
    found = LdapServer.objects.enabled().in_bulk(server_ids)
    return [found[pk] for pk in server_ids if pk in found]


def _to_try(server: LdapServer, person: PersonToFind, at: datetime) -> _ServerToTry:
    try:
        connection, problem = hurried(server.connection_at(at)), ""
    except Undecryptable as error:
        connection, problem = None, str(error)
    return _ServerToTry(server.pk, server.name, server.mapping, person, connection, problem)


def _in_time(tries: Sequence[_ServerToTry], password: str, *, last_found_on: int | None) -> DirectorySignIn:
    recipients: list[str] = []
    try:
        found = in_time(partial(_try_all, tries, password, last_found_on, recipients))
    except TooSlow as late:
        found = DirectorySignIn(PasswordCheck(PasswordReason.NOT_REACHED, sentence=str(late)))
    return replace(found, was_sent=bool(recipients))


def _try_all(
    tries: Sequence[_ServerToTry], password: str, last_found_on: int | None, recipients: list[str], waited: Waited
) -> DirectorySignIn:
    """Return the result of the first server that checks the password; uses no database.

    The names of servers that get the password are added to ``recipients``.
    """
    problems: list[str] = []
    missed: list[str] = []
    for number, each in enumerate(tries, start=1):
        # If an earlier server could not be asked, it may have the person, and this one a namesake: a sync would not take
        # the username as a proof either.
        unsure = bool(problems) and not each.person.known_ids and each.server_id != last_found_on
        if each.connection is None or unsure:
            problems.append(f"{each.name}: {each.problem or 'not asked, as an earlier server could not be asked'}")
            continue

        def may_send(name: str = each.name) -> bool:
            if waited():
                recipients.append(name)
                return True
            return False

        one = ServerPassword(each.connection, each.mapping, each.person, may_send)
        try:
            check = one.check(password, bind_anyway=number == len(tries))
        except DirectoryUnavailable as failure:
            problems.append(f"{each.name}: {failure.problem}")
            continue
        if not check.leaves_it_open:
            return DirectorySignIn(check, each.server_id, each.name)
        (missed if check.reason is PasswordReason.NOT_FOUND else problems).append(f"{each.name}: {check.sentence}")
    reason = PasswordReason.NOT_REACHED if problems else PasswordReason.NOT_FOUND
    return DirectorySignIn(PasswordCheck(reason, sentence="; ".join([*problems, *missed])))


def _claim_of_another(user: User, found: DirectorySignIn, scope: Mapping[int, OrgScope]) -> str:
    """Return why the entry may be another user's, who would come in as this one; empty if it is this user's alone."""
    who, server_id = found.check.identity, found.server_id
    if who is None or server_id is None:
        return "the entry is not known"
    owners = {pk for _, pk, _ in known_ids.owners(who.ids, server_id=server_id)} - {user.pk}
    for pk, noted in known_ids.of(owners).items():
        if is_theirs(who, server_id, noted.ids):
            return f"one entry for two users: {who.dn} has an immutable id of user {pk}"
    if is_theirs(who, server_id, known_ids.of([user.pk]).get(user.pk, NOTHING).ids):
        return ""
    orgs = [org_id for org_id, each in scope.items() if server_id in each.servers]
    named = User.objects.filter(username_key__in={fold(name) for name in who.usernames}, org__in=orgs)
    if other := named.exclude(pk=user.pk).first():
        return f"one entry for two users: {who.dn} has the username of user {other.pk}"
    return ""
