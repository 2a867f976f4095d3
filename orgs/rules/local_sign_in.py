"""Which local passwords count: those of users in local orgs, and of users who are managed locally."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Exists, OuterRef, Q

from orgs.models import DirectoryService, Org, Role, RoleGrant, User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission, holds
from orgs.rules.inheritance import Effective, directory_service_of, effective_settings


def follows_directory(org: Org) -> bool:
    """Return whether the directory decides about the users of this org."""
    return directory_service_of(org) == DirectoryService.LDAP


def password_counts(user: User) -> bool:
    """Return whether a local password opens this account: the org is local, or the user is managed locally."""
    return user.managed_locally or not follows_directory(user.org)


def with_a_local_way_in(settings: Mapping[int, Effective] | None = None) -> UserQuerySet:
    """Return the active, unblocked users who have a local password that counts."""
    return with_an_open_password(settings).filter(active=True, blocked=False)


def with_an_open_password(settings: Mapping[int, Effective] | None = None) -> UserQuerySet:
    """Return the users, in any state, who have a local password that counts."""
    return with_a_password().filter(_counting(settings))


def whose_password_would_count() -> UserQuerySet:
    """Return the users, in any state, for whom a local password counts, or would count if they had one."""
    found: UserQuerySet = User.objects.filter(_counting(None))
    return found


def with_a_closed_password(settings: Mapping[int, Effective] | None = None) -> UserQuerySet:
    """Return the users who have a local password that does not count, because their org follows LDAP."""
    return with_a_password().filter(org__in=_following(settings), managed_locally=False)


def closed_to_administrators() -> dict[str, str]:
    """Return active administrators whose local password does not count: usernames with the tree paths of their orgs."""
    opening = [role.pk for role in Role.objects.all() if holds(role.permissions, Permission.CONSOLE_LOGIN)]
    let_in = Exists(RoleGrant.objects.filter(user=OuterRef("pk"), role__in=opening))
    suspects = list(
        with_a_password()
        .administrators()
        .filter(let_in, managed_locally=False)
        .values_list("username", "org_id", "org__path")
    )
    # Read the settings of all orgs only if they are needed.
    following = _following(None) if suspects else ()
    return {username: path for username, org_id, path in suspects if org_id in following}


def _counting(settings: Mapping[int, Effective] | None) -> Q:
    return Q(managed_locally=True) | ~Q(org__in=_following(settings))


def _following(settings: Mapping[int, Effective] | None) -> list[int]:
    effective = settings if settings is not None else effective_settings()
    return [org.id for org in effective.values() if org.directory_service == DirectoryService.LDAP]


def with_a_password() -> UserQuerySet:
    """Return the users who have a local password, whether it counts or not."""
    found: UserQuerySet = User.objects.exclude(password="").exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return found
