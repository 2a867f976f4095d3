"""Decides about applicants, their account, org and roles: by the directory and its scripts, or as given by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.contrib.auth.hashers import make_password

from directory.ldap.groups.people_reader import PeopleReader
from directory.provisioning.applicants import Applicant
from directory.provisioning.creation_context import CreationContext, TargetOrg
from directory.provisioning.decision_values import Case, Decision
from directory.provisioning.directory_lookup import FoundPerson, ReaderOf, look_up
from directory.sync.identify import known_ids
from directory.sync.plan.rules.email_addresses import addresses, spelled_as
from directory.sync.plan.rules.profile_org_roles import no_address
from directory.sync.plan.rules.role_resolution import Granting, resolve_new_user
from directory.values.ldap import Identity
from orgs.actions.users.user_profiles import Profile
from orgs.rules.actors import Actor
from orgs.text import fold


def decide(
    applicants: Sequence[Applicant],
    *,
    by: Actor,
    at: datetime,
    with_scripts: bool = True,
    within: Collection[int] | None = None,
    reader_of: ReaderOf = PeopleReader,
) -> list[Decision]:
    """Return a decision about each applicant, and write nothing; no user gets an existing org outside ``within``.

    A role that holds more than ``by`` holds is left out, with a warning. A password is refused when the directory decides
    about the user.

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
    found = look_up(people, scope, at=at, reader_of=reader_of)
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
    """Decide about an applicant without an entry; ``looked_up`` is whether a directory was searched."""
    nearest = context.plan_context.by_id[context.nearest(applicant.org, applicant.way)]
    in_directory = context.orgs[fold(nearest.name)].follows_directory and not applicant.managed_locally
    refusal, case = "", Case.NOTHING if in_directory else Case.LOCAL
    if applicant.has_password and in_directory:
        refusal = f"not created: {nearest.name} follows LDAP, so the user signs in by LDAP: leave the password empty"
        case = Case.PASSWORD
    # A refused applicant creates no org either.
    target_org, makes = context.walk(applicant.org, () if refusal else applicant.way)
    by = Granting.of_no_server(context.plan_context, follows_ldap=in_directory)
    roles, warnings = _roles(applicant, target_org, context, by)
    if looked_up and not applicant.managed_locally:
        warnings.insert(0, "was not found in the directory: the next sync will deactivate this user")
        case = Case.NOT_IN_DIRECTORY if case == Case.NOTHING else case
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
        password="" if refusal else _hashed(applicant),
        refusal=refusal,
        warnings=() if refusal else tuple(warnings),
        case=case,
    )


def _hashed(applicant: Applicant) -> str:
    return applicant.hashed_password or (make_password(applicant.password) if applicant.password else "")


def _of_entry(
    applicant: Applicant,
    hit: FoundPerson,
    context: CreationContext,
    usernames_by_id: Mapping[str, str],
    within: Collection[int] | None,
) -> Decision:
    case, refusal = _refusal(applicant, hit, usernames_by_id.get(fold(applicant.profile.username), ""))
    way = applicant.way
    if not refusal and hit.verdict.org_name is not None:
        way = (*way, hit.verdict.org_name)
        target = context.orgs.get(fold(hit.verdict.org_name))
        if within is not None and target is not None and target.org_id is not None and target.org_id not in within:
            refusal, way = "not created: the org name script names an org that you do not administer", applicant.way
    # A refused applicant creates no org either.
    target_org, makes = context.walk(applicant.org, () if refusal else way)
    by = Granting.of_server(hit.server.pk, hit.server.name, context.plan_context)
    roles, warnings = ((), []) if refusal else _roles(applicant, target_org, context, by, returned=hit.verdict.roles)
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
        case=case,
    )


def _roles(
    applicant: Applicant,
    target_org: TargetOrg,
    context: CreationContext,
    by: Granting,
    *,
    returned: tuple[str, ...] | None = None,
) -> tuple[tuple[int, ...], list[str]]:
    """Return the ids of a new user's roles in this org, and warnings; ``returned`` are the roles by the script."""
    chosen = None if applicant.roles is None else context.role_names(applicant.roles)
    by = by._replace(withheld=context.withheld(target_org))
    found = resolve_new_user(returned, chosen=chosen, org=target_org.facts, by=by)
    return context.role_ids(found.roles or ()), list(found.warnings)


def _refusal(applicant: Applicant, hit: FoundPerson, user: str) -> tuple[Case, str]:
    """Return why no user is created from an entry; ``user`` is the username of a user who already is this person."""
    if hit.competitor:
        return Case.NOTHING, f"not created: two entries claim this username: {hit.entry.dn} and {hit.competitor}"
    if user:
        # The next sync renames that user: a second account for one person would be a conflict for both.
        return Case.USER_ALREADY, f"not created: this person is the user {user} already"
    if hit.verdict.error is not None:
        return Case.NOTHING, f"not created: {hit.verdict.error}"
    if not hit.verdict.active:
        return Case.INACTIVE, f"not created: the active script of {hit.server.name} says inactive"
    if applicant.has_password:
        # Its uploader could sign in as this person, with all roles that the directory ever gives them.
        text = f"not created: {hit.server.name} knows this person, who signs in by LDAP: leave the password empty"
        return Case.PASSWORD, text
    return Case.NOTHING, ""


def _findings(hit: FoundPerson) -> str:
    """Return a sentence: where the entry was found, and what each script returned."""
    parts = [f"found in {hit.server.name} as {hit.entry.dn}"]
    if hit.verdict.error is None:
        parts.append("active" if hit.verdict.active else "inactive")
        if hit.verdict.org_name is not None:
            parts.append(f"org name {hit.verdict.org_name}")
        if hit.verdict.roles is not None:
            parts.append(f"role names {', '.join(hit.verdict.roles) or 'none, so the default roles'}")
    return "; ".join(parts)


def _usernames_by_id(found: Mapping[str, FoundPerson]) -> dict[str, str]:
    """Return the usernames of existing users with an id of the entry, by the folded username that was searched for."""
    by_server: dict[int, dict[str, FoundPerson]] = {}
    for key, hit in found.items():
        by_server.setdefault(hit.server.pk, {})[key] = hit
    usernames: dict[str, str] = {}
    for server_id, hits in by_server.items():
        names = known_ids.usernames({one for hit in hits.values() for one in hit.identity.ids}, server_id=server_id)
        usernames |= {key: names[one] for key, hit in hits.items() for one in hit.identity.ids if one in names}
    return usernames


def _profile(given: Profile, who: Identity) -> Profile:
    """Return the profile with the directory's values; values that it lacks are as given."""
    return Profile(
        username=spelled_as(given.username, who.usernames) or given.username,
        email=addresses(who.emails).chosen(given.email) or given.email,
        first_name=(who.first_name or given.first_name)[:255],
        last_name=(who.last_name or given.last_name)[:255],
    )
