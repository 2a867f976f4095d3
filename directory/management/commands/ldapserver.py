"""Makes, changes and shows LDAP servers as JSON."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory import org_server_changes
from directory.actions import servers
from directory.input_errors import Invalid
from directory.management import servers_json
from directory.models import LdapServer
from directory.org_scope import servers_by_org
from directory.scripts import script_hints
from directory.servers import setting_warnings
from directory.servers.presets import BY_KEY, PRESETS
from directory.sync.read import syncrepl_failures
from orgs.models import Org
from orgs.rules.actors import COMMAND_LINE
from orgs.text import fold


class _DoubleKey(Exception):
    """One JSON object has a key twice, so that its value is unclear."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise _DoubleKey(f"{twice}: stands there twice")
    return found


class Command(BaseCommand):
    """``ldapserver apply FILE.json``, ``order NAME...``, ``ask-by-syncrepl NAME``, ``show [NAME]``, ``presets [PRESET]``."""

    help = (
        "Creates or updates LDAP servers from JSON, orders them, or prints them in the same form, without the password."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the verbs and their arguments."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="create or update LDAP servers, by name")
        apply.add_argument("file", help="one JSON object or a list of them; - reads standard input")
        apply.add_argument(
            "--turn-off-approval",
            action="store_true",
            help="let the file turn off, or go round, the approval of plans by a second administrator",
        )
        order = verbs.add_parser("order", help="put LDAP servers into this order, in the list of every org, too")
        order.add_argument("names", nargs="+", metavar="name", help="those not named come after, as they are")
        again = verbs.add_parser("ask-by-syncrepl", help="ask a server that way again for what has changed")
        again.add_argument("name")
        show = verbs.add_parser("show", help="print LDAP servers")
        show.add_argument("name", nargs="?", help="only this one")
        listed = verbs.add_parser(
            "presets", help="list settings to begin with, or print one of them as a file for apply"
        )
        listed.add_argument("preset", nargs="?", choices=sorted(BY_KEY), help="print this one")

    def handle(self, *_args: Any, verb: str, file: str = "", name: str | None = None, **options: Any) -> None:
        """Carry out the verb."""
        if verb == "apply":
            self._apply(file, approval_may_end=options["turn_off_approval"])
        elif verb == "order":
            self._order(options["names"])
        elif verb == "presets":
            self._presets(options["preset"])
        elif verb == "ask-by-syncrepl":
            self._allow_syncrepl(name or "")
        else:
            self._show(name)

    def _presets(self, key: str | None) -> None:
        if key is None:
            for preset in PRESETS:
                self.stdout.write(f"{preset.key:18}{preset.name}")
        else:
            self.stdout.write(json.dumps(BY_KEY[key].as_file(), indent=2, ensure_ascii=False))

    def _apply(self, file: str, *, approval_may_end: bool) -> None:
        listed = self._read(file)
        before = set(Org.objects.values_list("pk", flat=True))
        servers_before = servers_by_org()
        requiring = set(LdapServer.objects.requiring_approval().values_list("pk", flat=True))
        try:
            done = servers_json.apply(listed, by=COMMAND_LINE, at=timezone.now(), approval_may_end=approval_may_end)
        except Invalid as error:
            lines = [f"  {key}: {message}" for key, message in error.errors.items()]
            raise CommandError("\n".join([f"{file}: nothing was changed", *lines])) from error
        for server, is_new in done:
            self.stdout.write(f"{'created' if is_new else 'updated'} {server.name}")
        enabled = list(LdapServer.objects.enabled())
        closed = setting_warnings.closed_passwords(server for server, _ in done)
        for server, _ in done:
            found = setting_warnings.of_server(server, enabled, at=timezone.now())
            for warning in (*found, *filter(None, [closed.get(server.pk)])):
                self.stderr.write(f"{server.name}: {warning}")
            for field, hints in script_hints.of_server(server).items():
                for hint in hints:
                    self.stderr.write(f"{server.name}: {field}: {hint}")
            if server.pk in requiring and not server.requires_approval:
                self.stderr.write(f"{server.name}: plans need no approval by a second administrator any more.")
        for warning in [
            *org_server_changes.dropped(servers_before),
            *org_server_changes.left_behind(servers_before, servers_by_org()),
        ]:
            self.stderr.write(warning)
        for name in Org.objects.exclude(pk__in=before).values_list("name", flat=True):
            self.stdout.write(f"created the org {name}")

    def _read(self, file: str) -> Any:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
            return json.loads(text, object_pairs_hook=_without_doubles)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{file}: not UTF-8 (byte {error.start})") from error
        except json.JSONDecodeError as error:
            raise CommandError(f"{file}: not JSON: {error}") from error
        except (_DoubleKey, RecursionError, ValueError) as error:
            reason = "too many brackets inside each other" if isinstance(error, RecursionError) else str(error)
            raise CommandError(f"{file}: nothing was changed: {reason}") from error

    def _order(self, names: list[str]) -> None:
        found = {server.name_key: server.pk for server in LdapServer.objects.all()}
        if missing := [name for name in names if fold(name) not in found]:
            raise CommandError(f"nothing was changed: there is no LDAP server {', '.join(missing)}")
        servers.reorder(ids=[found[fold(name)] for name in names], by=COMMAND_LINE, at=timezone.now())
        for number, server in enumerate(LdapServer.objects.in_order(), 1):
            self.stdout.write(f"{number}. {server.name}")

    def _allow_syncrepl(self, name: str) -> None:
        server = LdapServer.objects.filter(name_key=fold(name)).first()
        if server is None:
            raise CommandError(f"there is no LDAP server {name}")
        had_not_been = syncrepl_failures.allow_again(server=server, by=COMMAND_LINE, at=timezone.now())
        again = "is asked by syncrepl again" if had_not_been else "has not broken off a search by syncrepl"
        self.stdout.write(f"{server.name} {again}")

    def _show(self, name: str | None) -> None:
        if name is None:
            shown: Any = [servers_json.as_json(server) for server in LdapServer.objects.in_order()]
        else:
            server = LdapServer.objects.filter(name_key=fold(name)).first()
            if server is None:
                raise CommandError(f"there is no LDAP server {name}")
            shown = servers_json.as_json(server)
        self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))
