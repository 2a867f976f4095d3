"""Says in words how far a permission reaches that a role gives to a user."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from orgs.models import Org, Role, User
from orgs.permissions import PERSONAL, Permission, holds
from orgs.rules.permission_comparison import EVERYWHERE, Holding, beyond, of_the_console


def gives(role: Role, permission: str) -> bool:
    """Return whether a role holds a permission: itself, as a part of another one, or for every org."""
    return holds(role.permissions, permission) or holds(role.permissions, _for_every_org(permission))


def _for_every_org(permission: str) -> str:
    area = permission.removeprefix("admin.")
    return permission if area.startswith("all") or permission == Permission.ADMIN else f"admin.all{area}"


def where(user: User, permission: str, roles: Iterable[Role]) -> str:
    """Return where a user may use a permission that these roles give."""
    if permission in PERSONAL:
        return _("their own account")
    if of_the_console(permission):
        return _("the whole console")
    holding = Holding(frozenset(key for role in roles for key in role.permissions), user.org.path)
    if not beyond(holding, Holding(frozenset({permission}), EVERYWHERE)):
        return _("every org")
    return in_and_below(user.org)


def in_and_below(org: Org) -> str:
    """Return an org, with those below it if there are any."""
    return _("%(org)s and the orgs below it") % {"org": org.name} if org.numchild else org.name
