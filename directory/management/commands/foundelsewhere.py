"""Lists users who were last found on an LDAP server that their org does not use, or decides that they are gone from it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory import found_elsewhere
from directory.actions.users import noted_matches
from directory.found_elsewhere import FoundOnServer
from directory.input_errors import Refused
from orgs.rules.actors import COMMAND_LINE
from orgs.text import fold


class Command(BaseCommand):
    """``foundelsewhere [--server NAME]`` and ``foundelsewhere --server NAME [--user NAME]… --gone``."""

    help = (
        "Lists active users who were last found in an LDAP server that their org does not ask: no sync takes them for "
        "absent. With --gone they count as gone from there, and the next complete reading decides. Exit code 2: nobody "
        "is so named."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for the server, the users, and the decision that they are gone."""
        parser.add_argument("--server", metavar="NAME", help="only of this LDAP server, which may be deleted")
        parser.add_argument("--user", action="append", default=[], metavar="NAME", help="only this user, with --gone")
        parser.add_argument("--gone", action="store_true", help="decide that they are gone from the server")

    def handle(self, *_args: Any, **options: Any) -> None:
        """List the users, or decide that they are gone."""
        server = options["server"]
        found = [group for group in found_elsewhere.groups() if server is None or fold(group.name) == fold(server)]
        if not options["gone"]:
            self._list(found)
            return
        if server is None:
            raise CommandError("name the server that they are gone from: --server NAME", returncode=2)
        if not found:
            raise CommandError(f"nobody was last found in {server} whose org does not ask it", returncode=2)
        chosen = _users(found, options["user"], server) if options["user"] else None
        for group in found:
            self._give_up(group, chosen)

    def _list(self, found: list[FoundOnServer]) -> None:
        for group in found:
            self.stdout.write(f"{_people(group.count)} last found in {group.name}, {_orgs(group)}:")
            for username in group.matches().values_list("user__username", flat=True).iterator():
                self.stdout.write(f"  {username}")
        if not found:
            self.stdout.write("Nobody was last found in a server that their org does not ask.")

    def _give_up(self, group: FoundOnServer, chosen: set[int] | None) -> None:
        try:
            count = noted_matches.give_up(server=group, user_ids=chosen, by=COMMAND_LINE, at=timezone.now())
        except Refused as reason:
            if chosen is None:
                raise CommandError(str(reason), returncode=2) from reason
            return
        who = "1 user counts" if count == 1 else f"{count} users count"
        self.stdout.write(
            f"{who} as gone from {group.name}: the next sync deactivates those whom no server of their org has"
        )


def _users(found: list[FoundOnServer], usernames: list[str], server: str) -> set[int]:
    """Return the ids of the users in these groups with these usernames.

    Raises:
        CommandError: when a username is not among them.
    """
    keys = {fold(name): name for name in usernames}
    rows = [
        row
        for group in found
        for row in group.matches().filter(user__username_key__in=list(keys)).values_list("user__username_key", "user")
    ]
    if missing := keys.keys() - {key for key, _ in rows}:
        names = ", ".join(sorted(keys[key] for key in missing))
        raise CommandError(f"{names} was not last found in {server}, or their org asks it", returncode=2)
    return {pk for _, pk in rows}


def _people(count: int) -> str:
    return "1 user was" if count == 1 else f"{count} users were"


def _orgs(group: FoundOnServer) -> str:
    return f"which their orgs do not ask ({', '.join(org.name for org in group.orgs)})"
