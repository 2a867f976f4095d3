"""Makes the whole status report for the page and the command, and the quick one for every page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import Error
from django.utils.translation import gettext as _

from directory.scheduling import queues
from directory.status import (
    broker,
    database,
    keys_https_and_data_folder,
    live_runs,
    mail,
    old_rows,
    processes,
    sandbox,
    servers,
    storage,
)
from directory.status.lines import Line, LineState, Section


def sections(*, at: datetime) -> list[Section]:
    """Check every part; a part that is down does not hide the others."""
    answer = broker.query(queues.names())
    stored = database.look()
    found: list[tuple[str, str, Callable[[], list[Line]]]] = [
        ("workers", _("Workers, clock and store"), lambda: processes.look(at=at, waiting=answer.waiting)),
        ("runs", _("Runs under way"), lambda: live_runs.look(at=at)),
        ("servers", _("LDAP servers"), lambda: servers.look(at=at)),
        ("mail", _("Mail"), lambda: mail.look(at=at)),
        ("archives", _("Stored archives"), lambda: storage.look(at=at)),
        ("kept", _("What is kept"), lambda: old_rows.look(at=at)),
    ]
    return [
        Section("database", _("Database"), tuple(stored)),
        Section("redis", _("Redis"), tuple(broker.look(answer))),
        *(Section(key, title, tuple(_if_stored(look))) for key, title, look in found),
        Section("sandbox", _("Sandbox of the scripts"), tuple(sandbox.look())),
        Section("safety", _("Safety"), (*sandbox.dangers(), *keys_https_and_data_folder.look())),
    ]


def alarms(*, at: datetime) -> list[Line]:
    """Return the warnings for every page, the worst first; this takes one or two short queries and the settings."""
    silent = [line for line in processes.look(at=at) if line.state == LineState.PROBLEM]
    return [*silent, *dangers()]


def dangers() -> list[Line]:
    """Return the warnings about settings that only a trial installation may have."""
    return [*keys_https_and_data_folder.dangers(), *sandbox.dangers()]


def _if_stored(look: Callable[[], list[Line]]) -> list[Line]:
    try:
        return look()
    except Error:
        advice = _("Repair the database first.")
        return [Line(_("Unknown"), LineState.PROBLEM, _("The database does not tell."), advice)]
