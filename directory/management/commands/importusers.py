"""Creates users from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory.ldap.errors import DirectoryUnavailable
from directory.provisioning import creation
from directory.provisioning.applicants import Applicant
from directory.provisioning.csv_files import csv_file, csv_header
from directory.provisioning.csv_files.bad_csv import BadCsv
from directory.provisioning.csv_files.csv_file import Row
from directory.scripts.sandbox.resource_limits import SandboxBroken
from orgs.actions.errors import Refused
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Org, RoleGrant, User
from orgs.rules.actors import COMMAND_LINE
from orgs.standard_roles_orgs import DEFAULT_ORG
from orgs.text import counted


class Command(BaseCommand):
    """``importusers FILE.csv [--org NAME] [--no-scripts] [--create-unknown]``.

    A person who can run the command controls the machine and the database. So only the LDAP servers' lists limit the
    roles, not the roles of a person. The roles of new administrators are printed, and are in the audit trail. Passwords
    are refused as on the console.
    """

    help = f"Creates users from a CSV file with the columns {', '.join(csv_header.COLUMNS)} (only username is needed)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments for the file, the org and the scripts."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--org", default=DEFAULT_ORG, help="rows without an org go here, missing orgs are made below it"
        )
        parser.add_argument("--no-scripts", action="store_true", help="do not ask the directory and its scripts")
        parser.add_argument("--create-unknown", action="store_true", help="also people who are not in the directory")

    def handle(
        self, *_args: Any, file: Path, org: str, no_scripts: bool, create_unknown: bool, **_options: Any
    ) -> None:
        """Create all users in the file, or none when anything in it is wrong."""
        try:
            people = csv_file.read(file)
            if problems := list(csv_file.taken(people.rows)):
                raise BadCsv(*problems)
            for note in people.notes:
                self.stderr.write(f"{file}: {note}")
            made = self._create(people.rows, org, with_scripts=not no_scripts, unknown_too=create_unknown)
        except BadCsv as error:
            lines = [f"{file}: nobody was created", *(f"  {problem}" for problem in error.problems)]
            raise CommandError("\n".join(lines)) from error
        except Refused as error:
            raise CommandError(f"{file}: {error}. Nobody was created.") from error
        except (DirectoryUnavailable, SandboxBroken) as error:
            raise CommandError(f"{error} Nobody was created.", returncode=4) from error
        for username, reason in made.refused.items():
            self.stderr.write(f"{username}: {reason}")
        for username, warnings in made.warnings.items():
            for warning in warnings:
                self.stderr.write(f"{username}: {warning}")
        self._write_powers(made)
        for name in made.orgs:
            self.stdout.write(f"created the org {name}")
        self.stdout.write(f"created {counted(len(made.users), 'user', 'users')}, refused {len(made.refused)}")

    def _write_powers(self, made: creation.Created) -> None:
        """Print the roles of new users who may do more than manage themselves, because no person's roles limit this command."""
        ids = [user.pk for user in made.users]
        powerful = User.objects.filter(pk__among=ids).holding_more_than_personal().order_by("username_key", "pk")
        names = dict(powerful.values_list("pk", "username"))
        roles = RoleGrant.objects.names_of(names)
        for pk, username in names.items():
            self.stdout.write(f"{username}: administrator by the roles {', '.join(roles[pk])}")

    def _create(self, rows: list[Row], chosen: str, *, with_scripts: bool, unknown_too: bool) -> creation.Created:
        top = Org.objects.order_by("path")[0]
        start = Org.objects.named(chosen).first()
        applicants = [
            Applicant(
                Profile(row.username, row.email, row.first_name, row.last_name),
                start or top,
                row.notes,
                way=tuple(name for name in (("" if start else chosen), row.org) if name),
                password=row.password,
                line=row.line,
            )
            for row in rows
        ]
        return creation.create(
            applicants,
            created_by=CreatedBy.CSV,
            by=COMMAND_LINE,
            at=timezone.now(),
            with_scripts=with_scripts,
            unknown_too=unknown_too,
        )
