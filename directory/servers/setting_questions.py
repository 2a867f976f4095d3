"""Asks a person before an LDAP server's settings are saved: about inherited servers, limits, and users left behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from directory import org_server_changes
from directory.input_errors import Unanswered
from directory.models import LdapServer
from directory.org_scope import inherited, servers_by_org
from directory.org_server_changes import ServersByOrg
from orgs.models import Org
from orgs.text import fold

INHERITED, LEFT_BEHIND, LIMITS_OFF = "inherited", "left_behind", "limits_off"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The questions that were answered with yes.

    ``keep_inherited`` are ids of orgs that keep the servers that they inherited so far. ``drop_inherited`` are ids of orgs
    that use only the saved server. ``left_behind``: users may be left whose org does not use the server on which they were
    last found. ``limits_off`` is the server's name, typed to switch limits off. ``approval_may_end`` lets the command line
    turn off, or go round, the approval of plans; else only a SYSADMIN may.
    """

    keep_inherited: frozenset[int] = frozenset()
    drop_inherited: frozenset[int] = frozenset()
    left_behind: bool = False
    limits_off: str = ""
    approval_may_end: bool = False


NOTHING_CONFIRMED = Confirmed()


def ask_at_once(server: LdapServer, off_before: Collection[str], orgs: Iterable[Org], confirmed: Confirmed) -> None:
    """Ask the questions that can be asked before anything is written.

    Raises:
        Unanswered: for the first question without an answer.
    """
    _ask_about_limits(server, off_before, confirmed)
    _ask_about_inherited(orgs, confirmed)


def _ask_about_inherited(orgs: Iterable[Org], confirmed: Confirmed) -> None:
    """Ask about orgs that inherit servers and would get a list of their own."""
    answered = confirmed.keep_inherited | confirmed.drop_inherited
    unanswered = {org: servers for org, servers in inherited(orgs).items() if org.pk not in answered}
    if not unanswered:
        return
    names = dict(LdapServer.objects.values_list("pk", "name"))
    sentence = _("%(org)s has no list of its own so far and asks what it inherits: %(servers)s.")
    raise Unanswered(
        INHERITED,
        [
            sentence % {"org": org.name, "servers": ", ".join(names[pk] for pk in servers)}
            for org, servers in sorted(unanswered.items(), key=lambda item: item[0].path)
        ],
    )


def wrong_limits(server: LdapServer, off_before: Collection[str]) -> dict[str, str]:
    """Return errors, by field, for limits that only a SYSADMIN may switch off; ``off_before`` are those already off."""
    return {
        limit.setting: _("only a SYSADMIN may switch this limit off, which is as good as done by %(number)d")
        % {"number": getattr(server, limit.setting)}
        for limit in server.limits_off
        if limit.setting not in off_before
    }


def _ask_about_limits(server: LdapServer, off_before: Collection[str], confirmed: Confirmed) -> None:
    """Ask for the server's name when limits are switched off that are not in ``off_before``."""
    new = [limit for limit in server.limits_off if limit.setting not in off_before]
    if new and fold(confirmed.limits_off) != server.name_key:
        sentence = _("%(limit)s: %(number)d holds nothing back any more, or next to nothing.")
        values = [{"limit": _(limit.label), "number": getattr(server, limit.setting)} for limit in new]
        raise Unanswered(LIMITS_OFF, [sentence % each for each in values])


def ask_about_left_behind(before: ServersByOrg, confirmed: Confirmed) -> None:
    """Ask about users who were last found on a server that their org would not use any more.

    Raises:
        Unanswered: with a sentence for each such server.
    """
    if not confirmed.left_behind and (found := org_server_changes.left_behind(before, servers_by_org())):
        raise Unanswered(LEFT_BEHIND, found)
