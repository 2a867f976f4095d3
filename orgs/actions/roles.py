"""What happens to custom roles: copied from another, changed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actors import Actor
from orgs.models import Role, User
from orgs.permissions import Permission
from orgs.text import fold


@transaction.atomic
def save(*, role: Role | None, name: str, permissions: Collection[str], by: Actor, at: datetime) -> Role:
    """Make a custom role, or change one.

    Raises:
        Refused: for a standard role, a name that is taken, an unknown permission, or when no SYSADMIN would be left.
    """
    if role is not None and role.locked:
        raise Refused(f"{role.name} is a standard role and locked: make a copy and change that")
    if unknown := set(permissions) - {key.value for key in Permission}:
        raise Refused(f"no such permission: {', '.join(sorted(unknown))}")
    if not fold(name):
        raise Refused("a role needs a name")
    others = Role.objects.exclude(pk=role.pk) if role else Role.objects.all()
    if others.filter(name_key=fold(name)).exists():
        raise Refused(f"the name {name} is taken (letter case does not count)")
    changed = role or Role()
    before = {"name": changed.name, "permissions": changed.permissions}
    changed.name, changed.permissions = name.strip(), sorted(permissions)
    had_sysadmin = User.objects.sysadmins().exists()
    changed.save()
    if had_sysadmin and not User.objects.sysadmins().exists():
        raise Refused("nobody active would hold the admin permission, and someone has to")
    after = {"name": changed.name, "permissions": changed.permissions}
    note([Fact("role", changed.pk, changed.name, before=before, after=after)], action="role saved", by=by, at=at)
    return changed
