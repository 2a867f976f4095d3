"""Warns about risky settings of an LDAP server, such as an unencrypted password or people claimed by two servers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.ldap.validation.allowed_addresses import names_this_machine
from directory.models import LdapServer, OrgServer
from directory.values import distinguished_names, pasted_text
from directory.values.ldap import Connection
from directory.values.pem_certificates import ends, validity
from orgs.rules import local_sign_in

# A certificate that ends within this time needs a new one.
SOON = timedelta(days=21)


def unencrypted(*, urls: Iterable[str], start_tls: bool, bind_dn: str) -> list[str]:
    """Return the URLs to which the bind password goes unencrypted over a network."""
    if start_tls or not bind_dn:
        return []
    return [url for url in urls if url.lower().startswith("ldap:") and not names_this_machine(url)]


def of_connection(connection: Connection) -> list[str]:
    """Return the warnings about a connection, stored or not."""
    open_urls = unencrypted(urls=connection.urls, start_tls=connection.start_tls, bind_dn=connection.bind_dn)
    return [_in_the_clear(open_urls)] if open_urls else []


def of_server(server: LdapServer, others: Iterable[LdapServer], *, at: datetime) -> list[str]:
    """Return the warnings about a stored server; ``others`` are the servers to compare it with."""
    open_urls = unencrypted(urls=server.urls, start_tls=server.start_tls, bind_dn=server.bind_dn)
    found = [_in_the_clear(open_urls)] if open_urls else []
    if ending := ending_certificate(server, at=at):
        found.append(f"{ending} {_('Enter a new certificate, with its key.')}")
    if server.limits_off:
        found.append(limits_off(server))
    if failed := sync_search_failed(server):
        found.append(failed)
    same = [other.name for other in others if other.pk != server.pk and _people(other) == _people(server)]
    if same and server.enabled:
        found.append(
            ngettext(
                "%(names)s has the same search base, scope and filter and is enabled too: where an org asks both, both "
                "claim the same people, and only the first in its list counts. For a second address of one "
                "directory, add a URL instead of a server.",
                "%(names)s have the same search base, scope and filter and are enabled too: where an org asks several of them, all "
                "claim the same people, and only the first in its list counts. For a second address of one "
                "directory, add a URL instead of a server.",
                len(same),
            )
            % {"names": ", ".join(same)}
        )
    return found


def ending_certificate(server: LdapServer, *, at: datetime) -> str:
    """Return a sentence if a server's client certificate ends soon or can't be used now, else an empty text."""
    if problem := validity(server.client_certificate, at):
        return f"{problem[0].upper()}{problem[1:]}."
    if server.client_certificate and (last := ends(server.client_certificate)) < at + SOON:
        return _("The client certificate ends on %(day)s; from then on nothing can be read.") % {
            "day": f"{last:%Y-%m-%d}"
        }
    return ""


def sync_search_failed(server: LdapServer) -> str:
    """Return a sentence if a server broke off a search by syncrepl and gets no further one, else an empty text."""
    if server.sync_search_failed_at is None:
        return ""
    return _(
        "On %(day)s the server broke off when it was asked by syncrepl what has changed (%(failure)s). Changes are asked for "
        "by time stamps since then."
    ) % {"day": f"{server.sync_search_failed_at:%Y-%m-%d %H:%M} UTC", "failure": server.sync_search_failure}


def limits_off(server: LdapServer) -> str:
    """Return a sentence with the server's limits that are switched off."""
    named = [f"{_(limit.label)} ({getattr(server, limit.setting)})" for limit in server.limits_off]
    return _("These limits are as good as switched off, so that a mistake is not held back: %(limits)s.") % {
        "limits": "; ".join(named)
    }


def _in_the_clear(urls: list[str]) -> str:
    return _(
        "The bind password and everything that is read goes unencrypted over the network to %(urls)s: whoever is on "
        "the way can read it and decide who is deactivated. Use ldaps:// or StartTLS."
    ) % {"urls": ", ".join(urls)}


def closed_passwords(servers: Iterable[LdapServer]) -> dict[int, str]:
    """Return by server id the warnings that administrators can't sign in with their local passwords."""
    closed = local_sign_in.closed_to_administrators()
    if not closed:
        return {}
    paths: dict[int, list[str]] = {}
    for server_id, path in OrgServer.objects.values_list("server_id", "org__path"):
        paths.setdefault(server_id, []).append(path)
    found = {}
    for server in servers:
        above = tuple(paths.get(server.pk, ()))
        if names := sorted(name for name, path in closed.items() if path.startswith(above)):
            found[server.pk] = _(
                "These administrators' orgs follow LDAP, so their local passwords do not open the console any more: "
                "%(names)s. Whoever has to sign in when LDAP does not answer is marked as managed locally in the data "
                "fixes, and gets a new password there."
            ) % {"names": ", ".join(names)}
    return found


def _people(server: LdapServer) -> tuple[str, str, str]:
    base, search_filter = pasted_text.dn(server.search_base), pasted_text.ldap_filter(server.search_filter)
    return distinguished_names.key(base), server.search_scope, search_filter.lower()
