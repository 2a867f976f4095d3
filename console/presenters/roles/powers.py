"""Presents what one person can do, and where; and which roles and users can do one thing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils.functional import Promise

from console.elements.permission_words import SENTENCES, areas
from console.presenters.roles.reach import gives, where
from orgs.models import Role, RoleGrant, User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class Power:
    """One thing that a person can do: what it is, the roles that it comes from, and where."""

    key: str
    sentence: str | Promise
    roles: list[Role]
    where: str


@dataclass(frozen=True, slots=True)
class PowerArea:
    """What a person can do in one area."""

    name: str | Promise
    powers: list[Power]


def powers_of(user: User) -> list[PowerArea]:
    """Return what the roles of a user allow, by area; whether the user is active does not count."""
    roles = list(user.roles.order_by("name"))
    found = []
    for name, keys in areas():
        giving = {key: [role for role in roles if gives(role, key)] for key in keys}
        powers = [
            Power(key, SENTENCES[Permission(key)], given, where(user, key, given))
            for key, given in giving.items()
            if given
        ]
        if powers:
            found.append(PowerArea(name, powers))
    return found


def roles_that_give(permission: str) -> list[Role]:
    """Return the roles that hold a permission, by name."""
    return [role for role in Role.objects.all() if gives(role, permission)]


def holders_of(roles: list[Role], viewer: User) -> UserQuerySet:
    """Return the users whom the viewer may see and who have one of these roles."""
    granted = RoleGrant.objects.filter(user=OuterRef("pk"), role__in=[role.pk for role in roles])
    users: UserQuerySet = User.objects.visible_to(viewer).filter(Exists(granted))
    return users
