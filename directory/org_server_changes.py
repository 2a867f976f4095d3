"""Describes users whom a change of orgs' LDAP servers leaves behind: their last server is not used any more."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import LdapServer, Match
from directory.org_scope import own_lists
from orgs.models import Org

# The LDAP servers that syncs search for the users of each org, by the org's id.
ServersByOrg = Mapping[int, tuple[int, ...]]


def left_behind(before: ServersByOrg, after: ServersByOrg) -> list[str]:
    """Return a sentence for each server that orgs would not use any more, but on which active users of them were found.

    Users are `not checked` from then on when their org uses another server, and out of scope when it uses none.
    """
    dropped_servers: dict[tuple[int, bool], list[int]] = {}
    for org_id, servers in before.items():
        now = after.get(org_id, ())
        for server in set(servers) - set(now):
            dropped_servers.setdefault((server, bool(now)), []).append(org_id)
    names = dict(LdapServer.objects.values_list("pk", "name"))
    counted = [(names.get(key[0], ""), key[1], _count_users(key[0], orgs)) for key, orgs in dropped_servers.items()]
    return [_sentence(name, count, checked=checked) for name, checked, count in sorted(counted) if count]


def dropped(before: ServersByOrg) -> list[str]:
    """Return a sentence for each org whose own list lacks servers that the org used ``before``, inherited or not."""
    names, own = dict(LdapServer.objects.values_list("pk", "name")), own_lists()
    sentences = []
    for org in Org.objects.filter(pk__in=own):
        servers = own[org.pk]
        if gone := [names[pk] for pk in before.get(org.pk, ()) if pk not in servers and pk in names]:
            values = {"org": org.name, "dropped": ", ".join(gone), "servers": ", ".join(names[pk] for pk in servers)}
            sentences.append(_("%(org)s does not ask %(dropped)s any more, only %(servers)s.") % values)
    return sentences


def _count_users(server_id: int, orgs: list[int]) -> int:
    counted = Match.objects.filter(server=server_id, user__org__in=orgs, user__active=True).aggregate(users=Count("pk"))
    return int(counted["users"])


def _sentence(server: str, count: int, *, checked: bool) -> str:
    found = ngettext(
        "%(count)d active user was found in %(server)s, which their org will not ask any more:",
        "%(count)d active users were found in %(server)s, which their orgs will not ask any more:",
        count,
    )
    if checked:
        then = ngettext(
            "syncs will say “not checked” of this user and change nothing, until they are found elsewhere or somebody decides.",
            "syncs will say “not checked” of these users and change nothing, until they are found elsewhere or somebody "
            "decides.",
            count,
        )
    else:
        then = _("no sync will look for them, so whoever leaves stays active.")
    return f"{found} {then}" % {"count": count, "server": server}
