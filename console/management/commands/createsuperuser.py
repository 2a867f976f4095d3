"""Replaces Django's command, which makes users without an org: names the command that makes administrators."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """``createsuperuser``, which is refused."""

    help = "Not for Rollcall: use createadmin."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what Django's command takes."""
        for option in ("--username", "--email", "--database"):
            parser.add_argument(option)
        parser.add_argument("--noinput", "--no-input", action="store_true")

    def handle(self, *_args: Any, **_options: Any) -> NoReturn:
        """Name the other command.

        Raises:
            CommandError: always.
        """
        raise CommandError(
            "Rollcall's administrators have an org and roles: use “manage.py createadmin” for the first one, and the console "
            "for others."
        )
