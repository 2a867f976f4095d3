"""The scripts at user creation: looks new users up in their org's directory and lets it decide account, org and roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction

from directory.models import LdapServer, Match
from directory.scope import orgs_in_scope
from directory.sync.identity import identity
from directory.sync.sandbox import Sandbox
from directory.sync.source import escape_filter, open_reading
from directory.sync.values import Entry, Identity, Verdict
from orgs.actions import orgs as org_actions
from orgs.actions import users
from orgs.actions.errors import Refused
from orgs.actions.users import NewUser, Profile
from orgs.actors import Actor
from orgs.inheritance import effective_settings
from orgs.models import CreatedBy, Org, Role, User
from orgs.text import fold

# So many usernames are asked for with one search.
LOOKUP = 50


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who is to become a user, and in which org unless the org name script says otherwise.

    ``place`` are names of orgs that lead there from ``org``, each made below the one before where it is missing.
    """

    profile: Profile
    org: Org
    notes: str = ""
    place: tuple[str, ...] = ()


@dataclass(slots=True)
class Created:
    """What came of it: the new users, and by username who was not created, or was with a warning, and why."""

    users: list[User] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    orgs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    server: LdapServer
    entry: Entry
    identity: Identity
    verdict: Verdict


@dataclass(slots=True)
class _Rules:
    """Roles by folded name, active orgs by folded name, and each org's default roles, by id."""

    roles: dict[str, Role]
    orgs: dict[str, Org]
    defaults: dict[int, frozenset[int]]

    @classmethod
    def read(cls) -> _Rules:
        roles = {role.name_key: role for role in Role.objects.all()}
        return cls(
            roles=roles,
            orgs={org.name_key: org for org in Org.objects.active()},
            defaults={
                org.id: frozenset(roles[fold(name)].pk for name in org.default_roles)
                for org in effective_settings().values()
            },
        )

    def add(self, org: Org, parent: Org) -> None:
        """Know a new org, which has inherited everything."""
        self.orgs[org.name_key] = org
        self.defaults[org.pk] = self.defaults[parent.pk]

    def nearest(self, applicant: Applicant) -> Org:
        """Return the deepest org on the way to the applicant's place that exists."""
        existing = [self.orgs[fold(name)] for name in applicant.place if fold(name) in self.orgs]
        return existing[-1] if existing else applicant.org


def create(
    applicants: Sequence[Applicant], *, created_by: CreatedBy, by: Actor, at: datetime, with_scripts: bool = True
) -> Created:
    """Make users of these applicants; in LDAP orgs the scripts run first, unless ``with_scripts`` is false.

    An org that the org name script names and that does not exist is made below the applicant's org.

    Raises:
        Refused: when a username is empty, there twice or taken.
        DirectoryUnavailable: when a directory that has to be asked can't be.
        SandboxBroken: when the scripts can't be run.
    """
    # Asked before anything is written: nobody else has to wait while a directory thinks.
    found = _look_up(applicants, _Rules.read()) if with_scripts else {}
    with transaction.atomic():
        return _make(applicants, found, created_by=created_by, by=by, at=at, with_scripts=with_scripts)


def _make(
    applicants: Sequence[Applicant],
    found: Mapping[str, _Found],
    *,
    created_by: CreatedBy,
    by: Actor,
    at: datetime,
    with_scripts: bool,
) -> Created:
    known = _known_by_id(found)
    made = Created()
    wanted = []
    scope = orgs_in_scope()
    rules = _Rules.read()
    for applicant in applicants:
        key = fold(applicant.profile.username)
        hit = found.get(key)
        if hit is not None and (user := known.get(hit.identity.unique_id)):
            # The next sync renames that user: a second account for one person would be a conflict for both.
            made.refused[applicant.profile.username] = f"not created: this person is the user {user} already"
            continue
        if hit is not None and (refusal := _refusal(hit)):
            made.refused[applicant.profile.username] = refusal
            continue
        if hit is None and with_scripts and rules.nearest(applicant).pk in scope:
            made.warnings[applicant.profile.username] = [
                "was not found in the directory: the next sync will deactivate this user"
            ]
        org = _place(applicant, rules, made, by=by, at=at)
        wanted.append(_new_user(applicant, org, hit, rules, made, by=by, at=at))
    made.users = users.create(users=wanted, created_by=created_by, by=by, at=at)
    _remember(made.users, found, at)
    return made


def _place(applicant: Applicant, rules: _Rules, made: Created, *, by: Actor, at: datetime) -> Org:
    org = applicant.org
    for name in applicant.place:
        org = _org_named(name, org, rules, made, by=by, at=at)
    return org


def _org_named(name: str, parent: Org, rules: _Rules, made: Created, *, by: Actor, at: datetime) -> Org:
    found = rules.orgs.get(fold(name))
    if found is None:
        found = org_actions.create(name=name, parent=parent, by=by, at=at)
        rules.add(found, parent)
        made.orgs.append(found.name)
    return found


def _known_by_id(found: Mapping[str, _Found]) -> dict[str, str]:
    """Return the usernames of those who are users already, by immutable id."""
    ids = {hit.identity.unique_id for hit in found.values() if hit.identity.unique_id}
    return dict(Match.objects.filter(unique_id__in=ids).values_list("unique_id", "user__username"))


def _refusal(hit: _Found) -> str:
    if hit.verdict.error is not None:
        return f"not created: {hit.verdict.error}"
    return "" if hit.verdict.active else f"not created: the active script of {hit.server.name} says inactive"


def _look_up(applicants: Iterable[Applicant], rules: _Rules) -> dict[str, _Found]:
    """Return by folded username what the first server of their org that knows them, and its scripts, say."""
    scope = orgs_in_scope()
    servers = {server.pk: server for server in LdapServer.objects.enabled().prefetch_related("grantable_roles")}
    asking: dict[tuple[int, ...], dict[str, str]] = {}
    for applicant in applicants:
        org = rules.nearest(applicant)
        if org.pk in scope:
            names = asking.setdefault(scope[org.pk].servers, {})
            names[fold(applicant.profile.username)] = applicant.profile.username
    found: dict[str, _Found] = {}
    for server_ids, names in asking.items():
        for server in (servers[pk] for pk in server_ids if pk in servers):
            missing = [name for key, name in names.items() if key not in found]
            found |= _ask(server, missing)
    return found


def _ask(server: LdapServer, usernames: Sequence[str]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    wanted = {fold(name) for name in usernames}
    with Sandbox(server.scripts, server.always_list_attributes) as sandbox:
        for start in range(0, len(usernames), LOOKUP):
            names = usernames[start : start + LOOKUP]
            matches = "".join(f"({server.username_attribute}={escape_filter(name)})" for name in names)
            asked = replace(server.connection, search_filter=f"(&{server.search_filter}(|{matches}))")
            with open_reading(asked) as reading:
                entries = [entry for page in reading.pages() for entry in page]
            verdicts = sandbox.evaluate(entries)
            for entry, verdict in zip(entries, verdicts, strict=True):
                who = identity(entry, server.mapping)
                for key in {fold(name) for name in who.usernames} & wanted:
                    if key in found:
                        raise Refused(f"two entries for {key}: {found[key].entry.dn} and {entry.dn}")
                    found[key] = _Found(server, entry, who, verdict)
    return found


def _new_user(
    applicant: Applicant, org: Org, hit: _Found | None, rules: _Rules, made: Created, *, by: Actor, at: datetime
) -> NewUser:
    if hit is None:
        return NewUser(applicant.profile, org.pk, roles=rules.defaults[org.pk], notes=applicant.notes)
    if hit.verdict.org_name is not None:
        org = _org_named(hit.verdict.org_name, org, rules, made, by=by, at=at)
    return NewUser(
        _profile(applicant.profile, hit.identity),
        org.pk,
        roles=_roles(applicant.profile.username, org, hit, rules, made),
        notes=applicant.notes,
    )


def _profile(given: Profile, who: Identity) -> Profile:
    """The directory's names count; what it does not say is as given."""
    spelled = next((name for name in who.usernames if fold(name) == fold(given.username)), given.username)
    return Profile(
        username=spelled,
        email=(given.email if fold(given.email) in map(fold, who.emails) else next(iter(who.emails), given.email))[
            :320
        ],
        first_name=(who.first_name or given.first_name)[:255],
        last_name=(who.last_name or given.last_name)[:255],
    )


def _roles(username: str, org: Org, hit: _Found, rules: _Rules, made: Created) -> frozenset[int]:
    if not hit.verdict.roles:
        return rules.defaults[org.pk]
    grantable = {role.pk for role in hit.server.grantable_roles.all()}
    granted = set()
    for name in hit.verdict.roles:
        role = rules.roles.get(fold(name))
        if role is None:
            made.warnings.setdefault(username, []).append(f"there is no role {name}")
        elif role.pk not in grantable:
            made.warnings.setdefault(username, []).append(f"{hit.server.name} may not grant the role {role.name}")
        else:
            granted.add(role.pk)
    return frozenset(granted)


def _remember(created: Iterable[User], found: Mapping[str, _Found], at: datetime) -> None:
    Match.objects.bulk_create(
        Match(user=user, server=hit.server, dn=hit.entry.dn, unique_id=hit.identity.unique_id[:255], matched_at=at)
        for user in created
        if (hit := found.get(user.username_key)) is not None
    )
