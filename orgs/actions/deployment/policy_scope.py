"""Refuses deployment policies of orgs outside the acting person's part, and those that would give more than they hold."""

from __future__ import annotations

from orgs.actions import escalation_guard, locks
from orgs.actions.errors import Refused
from orgs.actions.matters.matter_scope import acting_person
from orgs.models import Org
from orgs.models.roles import all_roles
from orgs.permissions import Permission
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings
from orgs.rules.local_sign_in import follows_directory


def refuse_org(org: Org, *, by: Actor) -> None:
    """Refuse a policy of this org, unless the acting person administers its users and its devices.

    Raises:
        Refused: outside their part; when the default roles of the org hold more than they do.
    """
    refuse_outside(org, by=by)
    if escalation_guard.acting(by) is None:
        return
    locks.roles()
    settings = effective_settings()[org.pk]
    roles = [role for role in all_roles() if role.name in settings.default_roles]
    escalation_guard.refuse_roles(roles=roles, org_path=org.path, where=f"The default roles of {org.name}", by=by)


def refuse_outside(org: Org, *, by: Actor) -> None:
    """Refuse to act on a policy of this org, unless the acting person administers its users and its devices.

    Raises:
        Refused: with the org's name.
    """
    person = acting_person(by)
    if person is None:
        return
    if not all(person.may_in(permission, org) for permission in (Permission.USER, Permission.COMPUTER)):
        raise Refused(f"{org.name} does not belong to your part: ask an administrator of the orgs above")


def reaches_every_org(by: Actor) -> bool:
    """Return whether the acting person administers the users and devices of all orgs; Rollcall itself does."""
    person = acting_person(by)
    return person is None or all(
        person.may_everywhere(permission) for permission in (Permission.USER, Permission.COMPUTER)
    )


def refuse_org_without_directory(org: Org) -> None:
    """Refuse an org in which nobody could register silently.

    Raises:
        Refused: when the org is out of use, or no directory decides about its users.
    """
    if not org.active:
        raise Refused(f"{org.name} is deactivated: reactivate the org first")
    if not follows_directory(org):
        raise Refused(
            f"{org.name} is a local org: a computer registers silently only if a directory has its user. Choose an org that "
            "follows LDAP"
        )
