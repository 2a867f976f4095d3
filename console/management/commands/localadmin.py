"""Restores access: makes a user a SYSADMIN with a local password that counts, and prints a new password."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from orgs.actions import locks
from orgs.actions.errors import Refused
from orgs.actions.users import (
    blocking,
    deactivation,
    local_passwords,
    role_grants,
    second_factors,
    user_creation,
)
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, Role, User
from orgs.permissions import SYSADMIN
from orgs.rules.actors import COMMAND_LINE
from orgs.rules.second_factors import has_second_factor
from orgs.standard_roles_orgs import TOP_ORG


class Command(BaseCommand):
    """``localadmin USERNAME``."""

    help = (
        "Makes USERNAME an active SYSADMIN who is managed locally, so that no directory is needed to sign in, and "
        "prints a new password. The user's second factor is removed. A user who is not there is made in the org ADMIN."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the username."""
        parser.add_argument("username")

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Do everything in one transaction."""
        password = secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                name = _let_in(username, password)
        except Refused as reason:
            raise CommandError(f"{reason}. Nothing was changed.") from reason
        self.stdout.write(f"{name} is a SYSADMIN and signs in with the password {password}")


def _let_in(username: str, password: str) -> str:
    at, role = timezone.now(), Role.objects.get(name=SYSADMIN)
    try:
        user = User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        new = NewUser(
            Profile(username),
            org_id=Org.objects.get(name=TOP_ORG, depth=1).pk,
            roles=frozenset({role.pk}),
            managed_locally=True,
            password=password,
        )
        return user_creation.create(users=[new], created_by=CreatedBy.HAND, by=COMMAND_LINE, at=at)[0].username
    ids = [user.pk]
    # The order of locks: roles and orgs before users, for all actions below.
    locks.roles()
    locks.orgs_of_users(ids)
    local_passwords.set_managed_locally(user_ids=ids, managed_locally=True, by=COMMAND_LINE, at=at)
    deactivation.reactivate(user_ids=ids, by=COMMAND_LINE, at=at, with_devices=False)
    blocking.unblock(user_ids=ids, by=COMMAND_LINE, at=at)
    role_ids = frozenset(user.grants.values_list("role_id", flat=True))
    role_grants.set_roles(roles={user.pk: role_ids | {role.pk}}, by=COMMAND_LINE, at=at)
    local_passwords.set_password(user=user, password=password, by=COMMAND_LINE, at=at)
    if has_second_factor(user):
        second_factors.reset(user=user, by=COMMAND_LINE, at=at)
    return user.username
