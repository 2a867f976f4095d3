"""Frees a username that now belongs to another person: the old account gets a new one and keeps everything else."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory.actions.users import namesake_usernames
from orgs.models import User
from orgs.rules.actors import COMMAND_LINE


class Command(BaseCommand):
    """``freeusername USERNAME``."""

    help = "Gives an account another username, as its present one belongs to another person by now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the argument for the username."""
        parser.add_argument("username")

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Free the username, and print the account's new one.

        Raises:
            CommandError: when there is no such user.
        """
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            raise CommandError(f"there is no user {username}") from None
        name = namesake_usernames.free_username(user_id=user.pk, by=COMMAND_LINE, at=timezone.now())
        self.stdout.write(f"{user.username} is called {name} from now on; the username is free")
