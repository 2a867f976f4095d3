"""Creates users from applicants: decides about all of them first, then carries out exactly these decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from directory.models import Match
from directory.provisioning.applicant_decisions import decide
from directory.provisioning.applicants import Applicant
from directory.provisioning.decision_values import Decision, without_unknown
from directory.sync.identify import known_ids
from orgs.actions import locks
from orgs.actions import orgs as org_actions
from orgs.actions.errors import Refused
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.models import CreatedBy, Org, User
from orgs.rules.actors import Actor
from orgs.text import fold


@dataclass(slots=True)
class Created:
    """The result: new users and orgs, and by username the reasons of refusals and the warnings."""

    users: list[User] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    orgs: list[str] = field(default_factory=list)


def create(
    applicants: Sequence[Applicant],
    *,
    created_by: CreatedBy,
    by: Actor,
    at: datetime,
    with_scripts: bool = True,
    unknown_too: bool = True,
) -> Created:
    """Create users from these applicants; in LDAP orgs the scripts run first, unless ``with_scripts`` is false.

    With ``unknown_too`` people are created who are not in the directory of their org. When the org name script returns an org that does not exist, it is made below the applicant's org.

    Raises:
        Refused: when a username is empty, double or taken.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    decisions = decide(applicants, by=by, at=at, with_scripts=with_scripts)
    if not unknown_too:
        decisions = [without_unknown(decision) for decision in decisions]
    return carry_out(decisions, created_by=created_by, by=by, at=at)


def _lock_parents(decisions: Iterable[Decision]) -> None:
    """Lock all orgs that may get new orgs below them, in the common order of locks (by id)."""
    ways = [decision for decision in decisions if not decision.refusal and decision.way]
    named = Q(pk__in={each.start for each in ways}) | Q(name_key__in={fold(name) for each in ways for name in each.way})
    if ways:
        list(Org.objects.select_for_update(no_key=True).filter(named).order_by("pk").values_list("pk"))


@transaction.atomic
def carry_out(decisions: Iterable[Decision], *, created_by: CreatedBy, by: Actor, at: datetime) -> Created:
    """Carry out the decisions.

    Raises:
        Refused: when a username is empty, double or taken, or a person has an account by now; when a password or role may not
            be given any more.
    """
    made, decisions = Created(), list(decisions)
    _lock_parents(decisions)
    orgs = _Orgs(by=by, at=at)
    new_users, matches = [], []
    for decision in decisions:
        if decision.refusal:
            made.refused[decision.profile.username] = decision.refusal
            continue
        if decision.warnings:
            made.warnings[decision.profile.username] = list(decision.warnings)
        new_users.append(
            NewUser(
                decision.profile,
                orgs.at_the_end_of(decision).pk,
                roles=frozenset(decision.roles),
                notes=decision.notes,
                managed_locally=decision.managed_locally,
                hashed_password=decision.password,
            )
        )
        matches.append(decision.match)
    made.orgs = orgs.made
    made.users = user_creation.create(users=new_users, created_by=created_by, by=by, at=at)
    _store_matches([(user, match) for user, match in zip(made.users, matches, strict=True) if match is not None], at=at)
    return made


def _refuse_people_who_are_users(entries: Sequence[tuple[User, tuple[int, str, tuple[str, ...]]]]) -> None:
    made = {user.pk for user, _ in entries}
    ids_by_server: dict[int, set[str]] = {}
    for _, (server, _, ids) in entries:
        ids_by_server.setdefault(server, set()).update(ids)
    for server, of_server in ids_by_server.items():
        if others := {pk for _, pk, _ in known_ids.owners(of_server, server_id=server)} - made:
            username = User.objects.values_list("username", flat=True).get(pk=min(others))
            raise Refused(f"a person of these has become the user {username} meanwhile")


class _Orgs:
    """The active orgs; an org of a decision that is missing is made."""

    def __init__(self, *, by: Actor, at: datetime) -> None:
        self.made: list[str] = []
        self._by, self._at = by, at
        self._by_name = {org.name_key: org for org in Org.objects.active()}
        self._by_id = {org.pk: org for org in self._by_name.values()}

    def at_the_end_of(self, decision: Decision) -> Org:
        """Return the org that a decision leads to."""
        org = self._by_id[decision.start]
        for name in decision.way:
            if (found := self._by_name.get(fold(name))) is None:
                found = org_actions.create(name=name, parent=org, by=self._by, at=self._at)
                self._by_name[fold(name)] = found
                self.made.append(found.name)
            org = found
        return org


def _store_matches(entries: Sequence[tuple[User, tuple[int, str, tuple[str, ...]]]], *, at: datetime) -> None:
    """Store the entries from which users were created: server, DN and immutable ids.

    Raises:
        Refused: when an entry has become another user since it was read, by another of its usernames.
    """
    locks.new_matches()
    _refuse_people_who_are_users(entries)
    Match.objects.bulk_create(
        [
            Match(user=user, server_id=server, dn=dn, unique_id=next(iter(ids), ""), matched_at=at)
            for user, (server, dn, ids) in entries
        ],
        batch_size=500,
    )
    known_ids.add(((user.pk, server, unique_id) for user, (server, _, ids) in entries for unique_id in ids[1:]), at=at)
