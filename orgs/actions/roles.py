"""Creates, changes and deletes custom roles."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from orgs.actions import escalation_guard, local_password_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.models import Org, Role, RoleGrant, User
from orgs.permissions import Permission, holds
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import whose_password_would_count
from orgs.rules.permission_comparison import EVERYWHERE
from orgs.text import counted, fold


@transaction.atomic
def save(*, role: Role | None, name: str, permissions: Collection[str], by: Actor, at: datetime) -> Role:
    """Create a custom role, or change one.

    The permissions of a role may reach every org. So the acting person has to hold them for every org. Holders of the
    role gain what the role gains; local passwords that were set by somebody who holds less are forgotten (``ways_in``).

    Raises:
        Refused: for permissions that ``by`` does not hold; for a standard role, a name that is taken or an unknown
            permission; when no SYSADMIN would be left.
    """
    locks.roles(changing=True)
    if role is not None:
        # Read the role again under the lock: somebody else may have changed it.
        role = Role.objects.get(pk=role.pk)
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
    _refuse_more(changed, permissions, by=by)
    before = {"name": changed.name, "permissions": changed.permissions}
    changed.name, changed.permissions = name.strip(), sorted(permissions)
    holders = _holders_with_a_local_way(changed)
    locks.administrators(beside=holders)
    had_sysadmin = User.objects.sysadmins().exists()
    with (
        local_password_guard.a_sysadmin_stays(by=by),
        local_password_guard.promotions_watched(user_ids=holders, by=by, at=at),
    ):
        changed.save()
    if had_sysadmin and not User.objects.sysadmins().exists():
        raise Refused("nobody active would hold the admin permission, and someone has to")
    after = {"name": changed.name, "permissions": changed.permissions}
    note([Fact("role", changed.pk, changed.name, before=before, after=after)], action="role saved", by=by, at=at)
    return changed


@transaction.atomic
def delete(*, role: Role, by: Actor, at: datetime) -> None:
    """Delete a custom role that nobody holds and no org gives by default.

    Raises:
        Refused: for a standard role; when users hold it, or orgs give it by default.
    """
    locks.roles(changing=True)
    # An org that is being given the role as a default role holds its row.
    stored = Role.objects.select_for_update().filter(pk=role.pk).first()
    if stored is None:
        raise Refused(f"there is no role {role.name} any more")
    if stored.locked:
        raise Refused(f"{stored.name} is a standard role and locked: it stays")
    if count := RoleGrant.objects.filter(role=stored).count():
        raise Refused(f"{counted(count, 'user holds', 'users hold')} {stored.name}: take it from them first")
    if names := sorted(Org.objects.filter(default_roles=stored).values_list("name", flat=True)):
        raise Refused(f"{stored.name} is a default role of {', '.join(names[:5])}: take it from there first")
    fact = Fact("role", stored.pk, stored.name, before={"name": stored.name, "permissions": stored.permissions})
    stored.delete()
    note([fact], action="role deleted", by=by, at=at)


@transaction.atomic
def require_second_factor(*, role: Role, needed: bool, by: Actor, at: datetime) -> None:
    """Say whether holders of a role, standard roles too, need a second factor to use the console.

    Raises:
        Refused: when the acting person is no SYSADMIN.
    """
    locks.roles(changing=True)
    actor = escalation_guard.acting(by)
    if actor is not None and not holds(actor.permissions, Permission.ADMIN):
        raise Refused("only a SYSADMIN decides who needs a second factor")
    role = Role.objects.get(pk=role.pk)
    if role.needs_second_factor == needed:
        return
    Role.objects.filter(pk=role.pk).update(needs_second_factor=needed)
    before, after = {"needs_second_factor": not needed}, {"needs_second_factor": needed}
    action = "second factor required" if needed else "second factor not required any more"
    note([Fact("role", role.pk, role.name, before=before, after=after)], action=action, by=by, at=at)


def _holders_with_a_local_way(role: Role) -> list[int]:
    """Return the role's holders for whom a local password would count, with or without one: it may be set meanwhile."""
    if not role.pk:
        return []
    holders = RoleGrant.objects.filter(role=role, user=OuterRef("pk"))
    return list(whose_password_would_count().filter(Exists(holders)).values_list("pk", flat=True))


def _refuse_more(role: Role, permissions: Collection[str], *, by: Actor) -> None:
    """Refuse to give a role more than the acting person holds, and to change or rename a role that holds more."""
    actor = escalation_guard.acting(by)
    if actor is None:
        return
    # Nobody holds a new role yet. An existing role may be held, or named by a script, in any org.
    path = EVERYWHERE if role.pk else actor.org_path
    touched = Role(name=role.name or "This role", permissions=sorted({*permissions, *role.permissions}))
    escalation_guard.refuse_roles(roles=[touched], org_path=path, where="Saving the role", by=by)
