"""The scripts at user creation: first what would become of everyone, account, org and roles, then exactly that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from directory.decisions import Decision
from directory.lookup import Found, look_up
from directory.models import Match
from directory.scope import orgs_in_scope
from directory.sync import known_ids
from directory.sync.values import Identity
from orgs.actions import orgs as org_actions
from orgs.actions import users
from orgs.actions.users import NewUser, Profile
from orgs.actors import Actor
from orgs.inheritance import effective_settings
from orgs.models import CreatedBy, Org, Role, User
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who is to become a user, and in which org unless the org name script says otherwise.

    ``place`` are names of orgs that lead there from ``org``, each made below the one before where it is missing.
    """

    profile: Profile
    org: Org
    notes: str = ""
    place: tuple[str, ...] = ()
    password: str = field(default="", repr=False)
    line: int = 0


@dataclass(slots=True)
class Created:
    """What came of it: the new users, and by username who was not created, or was with a warning, and why."""

    users: list[User] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    orgs: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """An org that there is, or, without an id, that there would be; new ones inherit everything."""

    name: str
    org_id: int | None
    roles: frozenset[int]


class _Map:
    """The active orgs and those that would be made, by folded name, and all roles."""

    def __init__(self) -> None:
        self.roles = {role.name_key: role for role in Role.objects.all()}
        effective = effective_settings()
        self.places = {
            org.name_key: _Place(
                org.name, org.pk, frozenset(self.roles[fold(name)].pk for name in effective[org.pk].default_roles)
            )
            for org in Org.objects.active()
        }

    def nearest(self, applicant: Applicant) -> int:
        """Return the deepest org on the way to the applicant's place that exists."""
        ids = (place.org_id for name in applicant.place if (place := self.places.get(fold(name))) is not None)
        return ([pk for pk in ids if pk is not None] or [applicant.org.pk])[-1]

    def walk(self, start: Org, way: Iterable[str]) -> tuple[_Place, list[str]]:
        """Return where a way leads, and the names of orgs that it would make."""
        place = self.places[start.name_key]
        makes = []
        for name in way:
            found = self.places.get(fold(name))
            if found is None:
                found = self.places[fold(name)] = _Place(" ".join(name.split()), None, place.roles)
                makes.append(found.name)
            place = found
        return place, makes


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
    return carry_out(decide(applicants, with_scripts=with_scripts), created_by=created_by, by=by, at=at)


def decide(
    applicants: Sequence[Applicant], *, with_scripts: bool = True, within: Collection[int] | None = None
) -> list[Decision]:
    """Return what would become of each, and write nothing; nobody is put into an existing org outside ``within``.

    Raises:
        DirectoryUnavailable: when a directory that has to be asked can't be.
        SandboxBroken: when the scripts can't be run.
    """
    known_places = _Map()
    scope = orgs_in_scope() if with_scripts else {}
    asked = [(applicant.profile.username, known_places.nearest(applicant)) for applicant in applicants]
    found = look_up(asked, scope)
    known = _known_by_id(found)
    decisions = []
    for applicant, (username, org_id) in zip(applicants, asked, strict=True):
        hit = found.get(fold(username))
        if hit is not None:
            decisions.append(_of_entry(applicant, hit, known_places, known, within))
        else:
            decisions.append(_of_row(applicant, known_places, in_scope=org_id in scope))
    return decisions


def _of_row(applicant: Applicant, known: _Map, *, in_scope: bool) -> Decision:
    place, makes = known.walk(applicant.org, applicant.place)
    unknown = "was not found in the directory: the next sync will deactivate this user"
    return Decision(
        line=applicant.line,
        profile=applicant.profile,
        start=applicant.org.pk,
        way=applicant.place,
        org=place.name,
        makes=tuple(makes),
        roles=tuple(sorted(place.roles)),
        notes=applicant.notes,
        password=make_password(applicant.password) if applicant.password else "",
        warnings=(unknown,) if in_scope else (),
    )


def _of_entry(
    applicant: Applicant, hit: Found, places: _Map, known: Mapping[str, str], within: Collection[int] | None
) -> Decision:
    refusal = _refusal(hit, known.get(fold(applicant.profile.username), ""))
    way = applicant.place
    if not refusal and hit.verdict.org_name is not None:
        way = (*way, hit.verdict.org_name)
        target = places.places.get(fold(hit.verdict.org_name))
        if within is not None and target is not None and target.org_id is not None and target.org_id not in within:
            refusal, way = "not created: the org name script names an org that you do not administer", applicant.place
    # Whoever is not created makes no org either.
    place, makes = places.walk(applicant.org, () if refusal else way)
    roles, warnings = (frozenset[int](), tuple[str, ...]()) if refusal else _roles(place, hit, places)
    return Decision(
        line=applicant.line,
        profile=_profile(applicant.profile, hit.identity),
        start=applicant.org.pk,
        way=way,
        org=place.name,
        makes=tuple(makes),
        roles=tuple(sorted(roles)),
        notes=applicant.notes,
        password=make_password(applicant.password) if applicant.password and not refusal else "",
        match=(hit.server.pk, hit.entry.dn, hit.identity.ids),
        said=_said(hit),
        refusal=refusal,
        warnings=warnings,
    )


def _refusal(hit: Found, user: str) -> str:
    """Return why nobody is made of an entry; ``user`` is who is that person already."""
    if hit.rival:
        return f"not created: two entries claim this username: {hit.entry.dn} and {hit.rival}"
    if user:
        # The next sync renames that user: a second account for one person would be a conflict for both.
        return f"not created: this person is the user {user} already"
    if hit.verdict.error is not None:
        return f"not created: {hit.verdict.error}"
    return "" if hit.verdict.active else f"not created: the active script of {hit.server.name} says inactive"


def _said(hit: Found) -> str:
    """Return where the entry was found and what each script returned."""
    parts = [f"found in {hit.server.name} as {hit.entry.dn}"]
    if hit.verdict.error is None:
        parts.append("active" if hit.verdict.active else "inactive")
        if hit.verdict.org_name is not None:
            parts.append(f"org name {hit.verdict.org_name}")
        if hit.verdict.roles is not None:
            parts.append(f"role names {', '.join(hit.verdict.roles) or 'none, so the default roles'}")
    return "; ".join(parts)


def _known_by_id(found: Mapping[str, Found]) -> dict[str, str]:
    """Return who is a user already by one of the ids of the entry, by the folded username that was looked for."""
    by_server: dict[int, dict[str, Found]] = {}
    for key, hit in found.items():
        by_server.setdefault(hit.server.pk, {})[key] = hit
    known: dict[str, str] = {}
    for server_id, hits in by_server.items():
        names = known_ids.usernames({one for hit in hits.values() for one in hit.identity.ids}, server_id=server_id)
        known |= {key: names[one] for key, hit in hits.items() for one in hit.identity.ids if one in names}
    return known


def _profile(given: Profile, who: Identity) -> Profile:
    """The directory's names count; what it does not say is as given."""
    spelled = next((name for name in who.usernames if fold(name) == fold(given.username)), given.username)
    known = fold(given.email) in map(fold, who.emails)
    return Profile(
        username=spelled,
        email=(given.email if known else next(iter(who.emails), given.email))[:320],
        first_name=(who.first_name or given.first_name)[:255],
        last_name=(who.last_name or given.last_name)[:255],
    )


def _roles(place: _Place, hit: Found, places: _Map) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return the roles of someone in a place, and what to say about those that were not granted."""
    if not hit.verdict.roles:
        return place.roles, ()
    grantable = {role.pk for role in hit.server.grantable_roles.all()}
    granted, warnings = set(), []
    for name in hit.verdict.roles:
        role = places.roles.get(fold(name))
        if role is None:
            warnings.append(f"there is no role {name}")
        elif role.pk not in grantable:
            warnings.append(f"{hit.server.name} may not grant the role {role.name}")
        else:
            granted.add(role.pk)
    return frozenset(granted), tuple(warnings)


@transaction.atomic
def carry_out(decisions: Iterable[Decision], *, created_by: CreatedBy, by: Actor, at: datetime) -> Created:
    """Do what was decided.

    Raises:
        Refused: when a username is empty, there twice or taken.
    """
    made = Created()
    orgs = {org.name_key: org for org in Org.objects.active()}
    by_id = {org.pk: org for org in orgs.values()}
    wanted, matches = [], []
    for decision in decisions:
        if decision.refusal:
            made.refused[decision.profile.username] = decision.refusal
            continue
        if decision.warnings:
            made.warnings[decision.profile.username] = list(decision.warnings)
        org = by_id[decision.start]
        for name in decision.way:
            if (found := orgs.get(fold(name))) is None:
                found = orgs[fold(name)] = org_actions.create(name=name, parent=org, by=by, at=at)
                made.orgs.append(found.name)
            org = found
        wanted.append(
            NewUser(
                decision.profile,
                org.pk,
                roles=frozenset(decision.roles),
                notes=decision.notes,
                hashed_password=decision.password,
            )
        )
        matches.append(decision.match)
    made.users = users.create(users=wanted, created_by=created_by, by=by, at=at)
    Match.objects.bulk_create(
        [
            Match(user=user, server_id=match[0], dn=match[1], unique_id=next(iter(match[2]), ""), matched_at=at)
            for user, match in zip(made.users, matches, strict=True)
            if match is not None
        ],
        batch_size=500,
    )
    entries = [(user.pk, *match) for user, match in zip(made.users, matches, strict=True) if match is not None]
    known_ids.add(((pk, server, one) for pk, server, _, ids in entries for one in ids[1:]), at=at)
    return made
