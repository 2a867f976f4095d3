"""Adds the changes of names, org and roles that the directory asks for, for a user who stays. Pure."""

from __future__ import annotations

from collections.abc import Collection

from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.sync.plan.rules.email_addresses import addresses, is_address, spelled_as
from directory.sync.plan.rules.role_resolution import Granting, resolve
from directory.values.ldap import Identity
from directory.values.plan import Account, Action, Change, LookupResult, OrgFacts, Outcome, PlanContext
from directory.values.scripts import Verdict
from orgs.text import fold

MAX_NAME = 255


def profile(builder: ChangeBuilder, identity: Identity, taken: Collection[str]) -> Change | None:
    """Let names and email follow the directory, letter by letter; an absent attribute changes nothing.

    Returns a conflict if the username belongs to another user, else None. Another letter case of a username is no
    rename.
    """
    account = builder.user.account
    from_directory = names(account, identity)
    username = from_directory["username"]
    if fold(username) != fold(account.username):
        if (clash := _clash(builder, username, taken)) is not None:
            return clash
        builder.add(
            Action.RENAME, f"Renamed from {account.username} to {username}.", username=from_directory.pop("username")
        )
    changed = {name: value for name, value in from_directory.items() if value != getattr(account, name)}
    if changed:
        listed = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in changed.items())
        builder.add(Action.PROFILE, f"Profile from the directory: {listed}.", **changed)
    if problem := no_address(account.email, identity):
        builder.steps.append(f"{problem}.")
        builder.warnings.append(problem)
    return None


def _clash(builder: ChangeBuilder, username: str, taken: Collection[str]) -> Change | None:
    if len(fold(username)) > MAX_NAME:
        return builder.untouched(Outcome.CONFLICT, "Conflict: the directory's username is too long. Nothing changes.")
    if fold(username) in taken:
        return builder.untouched(
            Outcome.CONFLICT,
            f"Conflict: the directory now says {username}, which is, or is to be, another user's username. Nothing changes.",
        )
    return None


def names(account: Account, identity: Identity) -> dict[str, str]:
    """Return the username, email and names that an account gets from this entry, by the fields of ``Account``."""
    return {
        "username": _username(account.username, identity.usernames),
        "email": _email(account.email, identity),
        "first_name": (identity.first_name or account.first_name)[:MAX_NAME],
        "last_name": (identity.last_name or account.last_name)[:MAX_NAME],
    }


def no_address(current: str, identity: Identity) -> str:
    """Return a warning, without a full stop, if no value of the entry's address is a valid one; else an empty text."""
    # A short way for nearly all users.
    if identity.emails == (current,) and is_address(current):
        return ""
    found = addresses(identity.emails)
    if found.chosen(current) or not found.wrong:
        return ""
    stays = f"{current} stays" if current else "this user goes on without one"
    return f"The directory's email address {found.wrong[0][:MAX_NAME]} is none: {stays}"


def _username(current: str, values: tuple[str, ...]) -> str:
    """Return the current username if it is among the values, else the first: a directory keeps values in no order."""
    if not values:
        return current
    return spelled_as(current, values) or values[0][:MAX_NAME]


def _email(current: str, identity: Identity) -> str:
    if not identity.emails or identity.emails == (current,):
        return current
    return addresses(identity.emails).chosen(current) or current


def org(builder: ChangeBuilder, lookup_result: LookupResult, verdict: Verdict, context: PlanContext) -> OrgFacts | None:
    """Move the user to the org that the org name script names, if there is one; return the org after that.

    None if the user's own org was changed since the plan was begun: then org and roles stay as they are.
    """
    account = builder.user.account
    current = context.by_id.get(account.org_id)
    if current is None or current.name != account.org:
        warning = f"The org {account.org} was changed while the plan was made: org and roles stay as they are"
        builder.steps.append(f"{warning}.")
        builder.warnings.append(warning)
        return None
    if verdict.org_name is None:
        builder.steps.append("The org name script names no org: stays.")
        return current
    builder.steps.append(f"The org name script says {verdict.org_name}.")
    target = context.orgs.get(fold(verdict.org_name))
    if target is None:
        warning = f"There is no org {verdict.org_name}, and a sync creates none: stays in {account.org}"
        builder.steps.append(f"{warning}.")
        builder.warnings.append(warning)
        builder.unknown_org = verdict.org_name[:MAX_NAME]
        return current
    if target.id == account.org_id:
        return current
    if problem := _why_not_there(builder, current, target, lookup_result, verdict, context):
        warning = f"{problem}: stays in {account.org}"
        builder.steps.append(f"{warning}.")
        builder.warnings.append(warning)
        return current
    builder.add(Action.MOVE, f"Moved from {account.org} to {target.name}.", org=target.name, org_id=target.id)
    if not target.synchronized:
        warning = f"{target.name} is not synchronized with LDAP: no sync will look after this user there"
        builder.steps.append(f"{warning}.")
        builder.warnings.append(warning)
    return target


def _why_not_there(
    builder: ChangeBuilder,
    current: OrgFacts,
    target: OrgFacts,
    lookup_result: LookupResult,
    verdict: Verdict,
    context: PlanContext,
) -> str:
    """Return why the user may not move to the org that the script names, without a full stop; empty if they may."""
    if target.synchronized and lookup_result.server_id not in target.servers:
        # In that org the next sync would not find this user, and would deactivate them.
        return f"{target.name} does not ask {lookup_result.server}, where this user is"
    current_roles = builder.user.account.roles
    by = Granting.of_server(lookup_result.server_id, lookup_result.server, context)
    # If a role reaches further orgs after a move, the move is a kind of grant: the server has to be allowed to grant
    # it.
    limited = current_roles & context.org_roles - by.grantable
    if not limited or target.path.startswith(current.path):
        return ""
    kept = resolve(verdict.roles, current_roles=current_roles, org=target, by=by).roles
    further = sorted(limited if kept is None else limited & kept)
    return (
        f"{', '.join(further)} would reach further in {target.name}, and {lookup_result.server} may not grant it"
        if further
        else ""
    )


def roles(
    builder: ChangeBuilder, lookup_result: LookupResult, target: OrgFacts, verdict: Verdict, context: PlanContext
) -> None:
    """Set the roles that the role name script names, or the default roles of the ``target`` org."""
    current_roles = builder.user.account.roles
    by = Granting.of_server(lookup_result.server_id, lookup_result.server, context)
    found = resolve(verdict.roles, current_roles=current_roles, org=target, by=by)
    builder.steps += found.steps
    builder.warnings += found.warnings
    resolved = found.roles
    if resolved is not None and resolved != current_roles:
        differences = ", ".join(
            [f"+ {role}" for role in sorted(resolved - current_roles)]
            + [f"- {role}" for role in sorted(current_roles - resolved)]
        )
        builder.add(Action.SET_ROLES, f"Roles changed: {differences}.", roles=resolved)
