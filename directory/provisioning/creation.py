"""The scripts at user creation: first what would become of everyone, account, org and roles, then exactly that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q

from directory.models import Match
from directory.provisioning.creation_context import CreationContext, TargetOrg
from directory.provisioning.decisions import Decision
from directory.provisioning.directory_lookup import FoundPerson, look_up
from directory.sync.identify import known_ids
from directory.sync.plan.rules import role_resolution
from directory.sync.plan.rules.email_addresses import addresses, spelled_as
from directory.sync.plan.rules.profile_org_roles import no_address
from directory.values.ldap import Identity
from orgs.actions import orgs as org_actions
from orgs.actions.users import account_creation
from orgs.actions.users.account_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, User
from orgs.rules.actors import Actor
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class Applicant:
    """Somebody who is to become a user, and the org, unless the org name script names another one.

    ``way`` are names of orgs that lead there from ``org``, each made below the one before where it is missing.
    ``roles`` are ids of roles that were chosen by hand; they count where no script names any, None for the org's
    default roles. Whoever is to be managed locally is not looked for in the directory.
    """

    profile: Profile
    org: Org
    notes: str = ""
    way: tuple[str, ...] = ()
    roles: frozenset[int] | None = None
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    line: int = 0


@dataclass(slots=True)
class Created:
    """What came of it: the new users, and by username who was not created, or was with a warning, and why."""

    users: list[User] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    orgs: list[str] = field(default_factory=list)


def create(
    applicants: Sequence[Applicant], *, created_by: CreatedBy, by: Actor, at: datetime, with_scripts: bool = True
) -> Created:
    """Make users of these applicants; in LDAP orgs the scripts run first, unless ``with_scripts`` is false.

    An org that the org name script names and that does not exist is made below the applicant's org.

    Raises:
        Refused: when a username is empty, there twice or taken.
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    return carry_out(decide(applicants, by=by, at=at, with_scripts=with_scripts), created_by=created_by, by=by, at=at)


def decide(
    applicants: Sequence[Applicant],
    *,
    by: Actor,
    at: datetime,
    with_scripts: bool = True,
    within: Collection[int] | None = None,
) -> list[Decision]:
    """Return what would become of each, and write nothing; nobody is put into an existing org outside ``within``.

    A role that holds more than ``by`` does is left out, with a warning. A password is refused where the directory
    decides about the user.

    Raises:
        DirectoryUnavailable: when a directory that has to be searched can't be.
        SandboxBroken: when the scripts can't be run.
    """
    context = CreationContext(by)
    scope = context.scope if with_scripts else {}
    people = [
        (applicant.profile.username, context.nearest(applicant.org, applicant.way))
        for applicant in applicants
        if not applicant.managed_locally
    ]
    found = look_up(people, scope, at=at)
    usernames_by_id = _usernames_by_id(found)
    decisions = []
    for applicant in applicants:
        hit = None if applicant.managed_locally else found.get(fold(applicant.profile.username))
        if hit is not None:
            decisions.append(_of_entry(applicant, hit, context, usernames_by_id, within))
        else:
            decisions.append(
                _of_row(applicant, context, looked_up=context.nearest(applicant.org, applicant.way) in scope)
            )
    return decisions


def _of_row(applicant: Applicant, context: CreationContext, *, looked_up: bool) -> Decision:
    """Decide about somebody who was found in no directory; ``looked_up`` is whether any was searched."""
    nearest = context.plan_context.by_id[context.nearest(applicant.org, applicant.way)]
    in_directory = context.orgs[fold(nearest.name)].follows_directory and not applicant.managed_locally
    refusal = ""
    if applicant.password and in_directory:
        refusal = f"not created: {nearest.name} follows LDAP, so the user signs in by LDAP: leave the password empty"
    # A refused applicant creates no org either.
    target_org, makes = context.walk(applicant.org, () if refusal else applicant.way)
    roles, warnings = _roles_of_row(applicant, target_org, context, in_directory=in_directory)
    if looked_up and not applicant.managed_locally:
        warnings.insert(0, "was not found in the directory: the next sync will deactivate this user")
    return Decision(
        line=applicant.line,
        profile=applicant.profile,
        start=applicant.org.pk,
        way=applicant.way,
        org=target_org.facts.name,
        makes=tuple(makes),
        roles=() if refusal else roles,
        notes=applicant.notes,
        managed_locally=applicant.managed_locally,
        password=make_password(applicant.password) if applicant.password and not refusal else "",
        refusal=refusal,
        warnings=() if refusal else tuple(warnings),
    )


def _roles_of_row(
    applicant: Applicant, target_org: TargetOrg, context: CreationContext, *, in_directory: bool
) -> tuple[tuple[int, ...], list[str]]:
    if applicant.roles is not None:
        return context.ids(context.names(applicant.roles), target_org)
    defaults, warnings = target_org.facts.default_roles, []
    if in_directory:
        # As at a sync: no server gives leave, as none has found this user.
        refused = defaults & context.plan_context.admin_roles
        defaults -= refused
        warnings = [
            f"no LDAP server that may grant {name} has found this user, so this default role of {target_org.facts.name} "
            "is left out"
            for name in sorted(refused)
        ]
    roles, more = context.ids(defaults, target_org)
    return roles, [*warnings, *more]


def _of_entry(
    applicant: Applicant,
    hit: FoundPerson,
    context: CreationContext,
    usernames_by_id: Mapping[str, str],
    within: Collection[int] | None,
) -> Decision:
    refusal = _refusal(hit, usernames_by_id.get(fold(applicant.profile.username), "")) or _refused_password(
        applicant, hit
    )
    way = applicant.way
    if not refusal and hit.verdict.org_name is not None:
        way = (*way, hit.verdict.org_name)
        target = context.orgs.get(fold(hit.verdict.org_name))
        if within is not None and target is not None and target.org_id is not None and target.org_id not in within:
            refusal, way = "not created: the org name script names an org that you do not administer", applicant.way
    # A refused applicant creates no org either.
    target_org, makes = context.walk(applicant.org, () if refusal else way)
    roles, warnings = ((), []) if refusal else _roles_of_entry(applicant, target_org, hit, context)
    if not refusal and (problem := no_address(applicant.profile.email, hit.identity)):
        warnings = [*warnings, problem]
    return Decision(
        line=applicant.line,
        profile=_profile(applicant.profile, hit.identity),
        start=applicant.org.pk,
        way=way,
        org=target_org.facts.name,
        makes=tuple(makes),
        roles=roles,
        notes=applicant.notes,
        match=(hit.server.pk, hit.entry.dn, hit.identity.ids),
        findings=_findings(hit),
        refusal=refusal,
        warnings=tuple(warnings),
    )


def _refused_password(applicant: Applicant, hit: FoundPerson) -> str:
    """Whoever uploads a password could sign in as this person, with whatever roles the directory ever gives them."""
    if not applicant.password:
        return ""
    return f"not created: {hit.server.name} knows this person, who signs in by LDAP: leave the password empty"


def _roles_of_entry(
    applicant: Applicant, target_org: TargetOrg, hit: FoundPerson, context: CreationContext
) -> tuple[tuple[int, ...], list[str]]:
    """Return the roles of somebody whom a server has found, as a sync would give them, and what was left out."""
    by = role_resolution.granting(hit.server.pk, hit.server.name, context.plan_context)
    chosen = None if applicant.roles is None else context.names(applicant.roles)
    if chosen is not None and hit.verdict.roles is None:
        # The script leaves roles alone, so those chosen by hand stay.
        return context.ids(chosen, target_org)
    found = role_resolution.of_new_user(hit.verdict.roles, org=target_org.facts, by=by)
    roles, more = context.ids(found.roles or frozenset(), target_org)
    ignored = sorted((chosen or frozenset()) - (found.roles or frozenset()))
    decided = [f"the role name script of {hit.server.name} decides, so {name} is left out" for name in ignored]
    return roles, [*found.warnings, *more, *decided]


def _refusal(hit: FoundPerson, user: str) -> str:
    """Return why nobody is made of an entry; ``user`` is who is that person already."""
    if hit.competitor:
        return f"not created: two entries claim this username: {hit.entry.dn} and {hit.competitor}"
    if user:
        # The next sync renames that user: a second account for one person would be a conflict for both.
        return f"not created: this person is the user {user} already"
    if hit.verdict.error is not None:
        return f"not created: {hit.verdict.error}"
    return "" if hit.verdict.active else f"not created: the active script of {hit.server.name} says inactive"


def _findings(hit: FoundPerson) -> str:
    """Return where the entry was found and what each script returned."""
    parts = [f"found in {hit.server.name} as {hit.entry.dn}"]
    if hit.verdict.error is None:
        parts.append("active" if hit.verdict.active else "inactive")
        if hit.verdict.org_name is not None:
            parts.append(f"org name {hit.verdict.org_name}")
        if hit.verdict.roles is not None:
            parts.append(f"role names {', '.join(hit.verdict.roles) or 'none, so the default roles'}")
    return "; ".join(parts)


def _usernames_by_id(found: Mapping[str, FoundPerson]) -> dict[str, str]:
    """Return who is a user already by one of the ids of the entry, by the folded username that was looked for."""
    by_server: dict[int, dict[str, FoundPerson]] = {}
    for key, hit in found.items():
        by_server.setdefault(hit.server.pk, {})[key] = hit
    usernames: dict[str, str] = {}
    for server_id, hits in by_server.items():
        names = known_ids.usernames({one for hit in hits.values() for one in hit.identity.ids}, server_id=server_id)
        usernames |= {key: names[one] for key, hit in hits.items() for one in hit.identity.ids if one in names}
    return usernames


def _profile(given: Profile, who: Identity) -> Profile:
    """Return the profile with the directory's names; values that it lacks are as given."""
    return Profile(
        username=spelled_as(given.username, who.usernames) or given.username,
        email=addresses(who.emails).chosen(given.email) or given.email,
        first_name=(who.first_name or given.first_name)[:255],
        last_name=(who.last_name or given.last_name)[:255],
    )


def _lock_parents(decisions: Iterable[Decision]) -> None:
    """Hold all orgs at once below which others may have to be made, in the order in which everybody takes them."""
    ways = [decision for decision in decisions if not decision.refusal and decision.way]
    named = Q(pk__in={each.start for each in ways}) | Q(name_key__in={fold(name) for each in ways for name in each.way})
    if ways:
        list(Org.objects.select_for_update(no_key=True).filter(named).order_by("pk").values_list("pk"))


@transaction.atomic
def carry_out(decisions: Iterable[Decision], *, created_by: CreatedBy, by: Actor, at: datetime) -> Created:
    """Do what was decided.

    Raises:
        Refused: when a username is empty, there twice or taken; when a password or role may not be given any more.
    """
    made, decisions = Created(), list(decisions)
    _lock_parents(decisions)
    orgs = {org.name_key: org for org in Org.objects.active()}
    by_id = {org.pk: org for org in orgs.values()}
    new_users, matches = [], []
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
        new_users.append(
            NewUser(
                decision.profile,
                org.pk,
                roles=frozenset(decision.roles),
                notes=decision.notes,
                managed_locally=decision.managed_locally,
                hashed_password=decision.password,
            )
        )
        matches.append(decision.match)
    made.users = account_creation.create(users=new_users, created_by=created_by, by=by, at=at)
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
