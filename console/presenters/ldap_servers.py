"""Presents LDAP servers: last and next runs, warnings, effects of deleting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory import org_server_changes
from directory.actions import due_runs
from directory.models import LdapServer, OrgServer, RunServer
from directory.org_scope import orgs_in_scope, own_lists, servers_by_org
from directory.scripts import script_hints
from directory.servers import setting_warnings
from directory.values.scripts import SCRIPTS
from orgs.models import User


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server in the list."""

    server: LdapServer
    last: RunServer | None
    next: datetime | None
    used: bool


def server_rows(servers: Iterable[LdapServer], *, at: datetime) -> list[ServerRow]:
    """Return each server with its last reading and its next run, in a few queries."""
    due = due_runs.next_runs(at=at)
    newest = RunServer.objects.newest_of_each()
    used = {pk for org in orgs_in_scope().values() for pk in org.servers}
    return [
        ServerRow(server, last=newest.get(server.pk), next=due.get(server.pk), used=server.pk in used)
        for server in servers
    ]


@dataclass(frozen=True, slots=True)
class Caution:
    """Warnings about dangerous settings of a server; ``name`` is the server's."""

    name: str
    text: str


def cautions(servers: Iterable[LdapServer], *, at: datetime) -> list[Caution]:
    """Return the warnings about these servers."""
    enabled, listed = list(LdapServer.objects.enabled()), list(servers)
    found = [
        Caution(server.name, text) for server in listed for text in setting_warnings.of_server(server, enabled, at=at)
    ]
    closed = setting_warnings.closed_passwords(listed)
    return found + [Caution(server.name, closed[server.pk]) for server in listed if server.pk in closed]


def effects_of_deleting(server: LdapServer) -> list[str]:
    """Return the effects of deleting a server, as sentences with numbers."""
    alone = [org for org in orgs_in_scope().values() if org.servers == (server.pk,)]
    users = User.objects.filter(org__in=[org.org.id for org in alone], active=True).count()
    links = OrgServer.objects.filter(server=server).count()
    entries = server.entries.count()
    return [
        ngettext(
            "%(count)d org has it in its list of LDAP servers and will not ask it any more.",
            "%(count)d orgs have it in their lists of LDAP servers and will not ask it any more.",
            links,
        )
        % {"count": links},
        ngettext(
            "%(count)d active user then has no LDAP server, and no sync changes them any more.",
            "%(count)d active users then have no LDAP server, and no sync changes them any more.",
            users,
        )
        % {"count": users},
        ngettext(
            "%(count)d stored entry, the scripts and all their versions are deleted.",
            "%(count)d stored entries, the scripts and all their versions are deleted.",
            entries,
        )
        % {"count": entries},
        *_left_behind_without(server),
        _(
            "The history of runs stays and keeps the server's name. Deleting it changes no user; the next sync has to be simulated first."
        ),
    ]


def _left_behind_without(server: LdapServer) -> list[str]:
    """Return sentences about users who would be found on no server any more."""
    own = {pk: tuple(each for each in servers if each != server.pk) for pk, servers in own_lists().items()}
    remaining = {pk: servers for pk, servers in own.items() if servers}
    return org_server_changes.left_behind(servers_by_org(), servers_by_org(own=remaining))


def warnings(server: LdapServer) -> list[tuple[str, str, list[str]]]:
    """Return hints about the scripts of a server, stored or not: triples of field, label and hints of a script."""
    hints = script_hints.of_server(server)
    return [(field, capfirst(_(script.label)), hints[field]) for script in SCRIPTS if (field := script.column) in hints]
