"""Deletes a custom role, unless an LDAP server may still grant it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from directory.input_errors import Refused
from directory.models import LdapServer
from orgs.actions import locks, roles
from orgs.models import Role
from orgs.rules.actors import Actor


@transaction.atomic
def delete(*, role: Role, by: Actor, at: datetime) -> None:
    """Delete a role.

    Raises:
        Refused: as ``roles.delete`` does; when the list of roles of an LDAP server has it.
    """
    locks.roles(changing=True)
    if names := sorted(LdapServer.objects.filter(grantable_roles=role).values_list("name", flat=True)):
        raise Refused(f"{', '.join(names)} may grant {role.name}: take it from the server's list of roles first")
    roles.delete(role=role, by=by, at=at)
