"""Checks the LDAP servers: the last reading of each, its last success, and its risks."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.actions.due_runs import timetables
from directory.models import LdapServer, RunServer
from directory.scheduling import timetable
from directory.scheduling.timetable import Timetable
from directory.servers import setting_warnings
from directory.status.lines import Line, LineState
from directory.sync.stored import not_checked
from directory.values import server_fields
from directory.values.pem_certificates import validity
from orgs.models.encrypted_text import Sealed


def look(*, at: datetime) -> list[Line]:
    """Return the status lines of each LDAP server, with a few queries."""
    newest, successes = RunServer.objects.newest_of_each(), RunServer.objects.last_successes()
    tables, since = timetables(at=at)
    used = {table.server_id: table for table in tables}
    lines: list[Line] = []
    for server in LdapServer.objects.in_order():
        if not server.enabled:
            lines.append(Line(server.name, LineState.OK, _("It is disabled."), about=("server", server.pk)))
            continue
        lines += [*_dangers(server, at=at), _reading(server, newest.get(server.pk))]
        lines += _unchecked(server, newest.get(server.pk))
        if server.pk in used:
            last = successes.get(server.pk)
            late = timetable.late(used[server.pk], last_success=last, since=since, now=at)
            lines.append(_success(server, used[server.pk], last, late=late))
        else:
            lines.append(Line(server.name, LineState.OK, _("No org uses it."), about=("server", server.pk)))
    return lines or [Line(_("LDAP servers"), LineState.OK, _("There is none yet."))]


def _dangers(server: LdapServer, *, at: datetime) -> list[Line]:
    about = ("server", server.pk)
    found = []
    for secret in (
        name.replace("_", " ") for name in server_fields.secrets() if isinstance(getattr(server, name), Sealed)
    ):
        advice = _("Restore SECRET_KEY or ENCRYPTION_KEYS, or enter the %(secret)s again.") % {"secret": secret}
        fact = _("Its %(secret)s can't be decrypted with the keys there are.") % {"secret": secret}
        found.append(Line(server.name, LineState.PROBLEM, fact, advice, about=about))
    if fact := setting_warnings.ending_certificate(server, at=at):
        expired = bool(validity(server.client_certificate, at))
        advice = _("Enter a new certificate with its key on the server's page.")
        found.append(Line(server.name, LineState.PROBLEM if expired else LineState.WARNING, fact, advice, about=about))
    if not server.verify_certificates:
        advice = _("Switch the checks on: until then anyone on the way can decide who is deactivated.")
        found.append(Line(server.name, LineState.WARNING, _("Its certificate is not checked."), advice, about=about))
    if server.limits_off:
        advice = _("Set them lower again, unless that is meant to stay.")
        found.append(Line(server.name, LineState.WARNING, setting_warnings.limits_off(server), advice, about=about))
    if fact := setting_warnings.sync_search_failed(server):
        advice = _(
            "OpenLDAP dies of it with overlay syncprov before dynlist: put it after, then ask by syncrepl again."
        )
        found.append(Line(server.name, LineState.WARNING, fact, advice, about=about))
    return found


def _reading(server: LdapServer, reading: RunServer | None) -> Line:
    if reading is None:
        return Line(server.name, LineState.OK, _("It has not been read yet."), about=("server", server.pk))
    when, about = reading.run.created_at, ("run", reading.run_id)
    if reading.error:
        advice = _("Open the server and press “Test connection”.")
        fact = _("The last reading failed: %(error)s") % {"error": reading.error}
        return Line(server.name, LineState.PROBLEM, fact, advice, at=when, about=about)
    if reading.complete:
        fact = ngettext(
            "The last reading was complete: %(count)d entry.",
            "The last reading was complete: %(count)d entries.",
            reading.entries,
        )
        return Line(server.name, LineState.OK, fact % {"count": reading.entries}, at=when, about=about)
    fact = _("A run is under way.") if reading.run.live else _("The last run ended before it was read.")
    return Line(server.name, LineState.OK, fact, at=when, about=about)


def _unchecked(server: LdapServer, reading: RunServer | None) -> list[Line]:
    """Return a line for each reason why the last run could not check users because of this server."""
    unchecked = not_checked.from_json(reading.run.incomplete) if reading is not None else []
    advice = _("Open the run: until they are checked, nobody of them is deactivated.")
    return [
        Line(
            server.name,
            LineState.WARNING,
            f"{each.sentence}.",
            advice,
            at=reading.run.created_at,
            about=("run", reading.run_id),
        )
        for each in unchecked
        if reading is not None and each.server == server.name and each.users
    ]


def _success(server: LdapServer, table: Timetable, last: datetime | None, *, late: bool) -> Line:
    hours = table.interval_hours
    every = ngettext("every hour", "every %(count)d hours", hours) % {"count": hours} if hours else _("never by itself")
    values = {"every": every}
    if last is None:
        fact = _("No sync of it has succeeded yet; it is synchronized %(every)s.") % values
    else:
        fact = _("It is synchronized %(every)s; last success:") % values
    about = ("server", server.pk)
    if late:
        advice = _("Look under History at why its runs fail, are held back or do not start.")
        return Line(server.name, LineState.WARNING, _("Late.") + " " + fact, advice, at=last, about=about)
    return Line(server.name, LineState.OK, fact, at=last, about=about)
