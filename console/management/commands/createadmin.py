"""Makes the first administrator of a new installation; the password comes from a prompt or from standard input."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from orgs.actions.errors import Refused
from orgs.actions.users import first_administrator
from orgs.rules.actors import COMMAND_LINE
from orgs.standard_roles_orgs import TOP_ORG


class Command(BaseCommand):
    """``createadmin [USERNAME] [--email ADDRESS] [--password-stdin]``."""

    help = (
        f"Makes the first administrator: a SYSADMIN in the org {TOP_ORG} who signs in with a local password. Asks for what "
        "is not given."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the username, the address, and where the password comes from."""
        parser.add_argument("username", nargs="?", default="")
        parser.add_argument("--email", default=None, help="for mails; may be empty")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    def handle(self, *_args: Any, username: str, email: str | None, password_stdin: bool, **_options: Any) -> None:
        """Ask for what is missing, and make the user."""
        interactive = not password_stdin and sys.stdin.isatty()
        username = username or (input("Username: ") if interactive else "")
        if not username.strip():
            raise CommandError("Name the administrator: manage.py createadmin USERNAME. Nothing was changed.")
        if email is None:
            email = input("Email address (may be empty): ") if interactive else ""
        password = _password(from_stdin=password_stdin, interactive=interactive)
        try:
            user = first_administrator.create(
                username=username, email=email, password=password, by=COMMAND_LINE, at=timezone.now()
            )
        except Refused as reason:
            sentence = str(reason)
            raise CommandError(f"{sentence[:1].upper()}{sentence[1:]}. Nothing was changed.") from reason
        except DatabaseError as error:
            first_line = str(error).strip().splitlines()[0]
            raise CommandError(
                f"The database can't be used ({first_line}). On a new one, run “manage.py migrate” first."
            ) from error
        self.stdout.write(f"{user.username} is a SYSADMIN and can sign in.")


def _password(*, from_stdin: bool, interactive: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not interactive:
        raise CommandError(
            "There is no terminal to ask for the password: give it on standard input, with --password-stdin. Nothing was "
            "changed."
        )
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Password again: "):
        raise CommandError("The two passwords differ. Nothing was changed.")
    return password
