"""Checks the database: whether it answers, its size, and whether its migrations fit the code."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.recorder import MigrationRecorder
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.status import applied_migrations
from directory.status.lines import Line, LineState
from orgs.models import User

# One SQLite file is enough for this many users.
SQLITE_USERS = 50_000
LITTLE_SPACE = 1024**3


def look() -> list[Line]:
    """Return the status lines of the database."""
    try:
        lines = [_answer(), _migrations()]
        if connection.vendor == "sqlite" and lines[1].state == LineState.OK:
            lines.append(_sqlite_advice())
    except Error as error:
        return [_silence(error), _space()]
    return [*lines, _space()]


def answers() -> bool:
    """Return whether Rollcall's tables can be read."""
    try:
        return MigrationRecorder(connection).has_table() and bool(MigrationRecorder.Migration.objects.exists())
    except Error:
        return False


def _silence(error: Error) -> Line:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Line(
        _("Connection"),
        LineState.PROBLEM,
        _("The database does not answer: %(reason)s") % {"reason": lines[0]},
        _("Start it, and check DATABASE_URL. Nothing works without it; runs under way go on when it is back."),
    )


def _answer() -> Line:
    if connection.vendor == "sqlite":
        return _sqlite()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size = cursor.fetchone()
    values = {"version": version.split()[0], "size": filesizeformat(size)}
    return Line(_("Connection"), LineState.OK, _("PostgreSQL %(version)s answers; %(size)s.") % values)


def _sqlite() -> Line:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()")
        version = cursor.fetchone()[0]
        cursor.execute("PRAGMA journal_mode")
        mode = cursor.fetchone()[0]
    file = Path(str(connection.settings_dict["NAME"]))
    parts = [file, file.with_name(f"{file.name}-wal")]
    size = sum(part.stat().st_size for part in parts if part.exists())
    fact = _("SQLite %(version)s answers; %(size)s.") % {"version": version, "size": filesizeformat(size)}
    if mode not in {"wal", "memory"}:
        return Line(
            _("Connection"),
            LineState.WARNING,
            fact + " " + _("Its journal is not a write-ahead log, so that pages wait for every write."),
            _("Put the data folder (ROLLCALL_VAR) on a local disk: a network share can't hold a write-ahead log."),
        )
    return Line(_("Connection"), LineState.OK, fact)


def _sqlite_advice() -> Line:
    users = User.objects.count()
    size = ngettext("%(count)d user.", "%(count)d users.", users) % {"count": users}
    fact = f"{size} " + _("SQLite is for one worker host and up to about 50,000 users.")
    if users <= SQLITE_USERS:
        return Line(_("Size"), LineState.OK, fact)
    return Line(_("Size"), LineState.WARNING, fact, _("Move to PostgreSQL and name it in DATABASE_URL."))


def _migrations() -> Line:
    title, applied = _("Migrations"), MigrationRecorder(connection).applied_migrations().keys()
    if reason := applied_migrations.obstacle(applied):
        return Line(title, LineState.PROBLEM, reason, _("Stop Rollcall, and make a backup before each of the two."))
    if missing := applied_migrations.missing(applied):
        return Line(
            title,
            LineState.PROBLEM,
            _("Not applied: %(names)s.") % {"names": _some(missing)},
            _("Stop Rollcall, make a backup, and run manage.py migrate."),
        )
    if unknown := applied_migrations.unknown(applied):
        return Line(
            title,
            LineState.WARNING,
            _("The database is newer than the code: %(names)s.") % {"names": _some(unknown)},
            _("Install the release that the database was last used with, or a newer one."),
        )
    count = len(applied_migrations.installed_migrations())
    return Line(
        title,
        LineState.OK,
        ngettext("The one there is has been applied.", "All %(count)d are applied.", count) % {"count": count},
    )


def _some(names: Collection[tuple[str, str]]) -> str:
    listed = ", ".join(f"{app} {name}" for app, name in sorted(names)[:5])
    return listed + (" …" if len(names) > 5 else "")


def _space() -> Line:
    usage = shutil.disk_usage(settings.VAR)
    values = {"free": filesizeformat(usage.free), "total": filesizeformat(usage.total)}
    fact = _("%(free)s of %(total)s are free where the data folder lies.") % values
    if usage.free < LITTLE_SPACE:
        return Line(_("Disk"), LineState.WARNING, fact, _("Make room: a full disk stops the log, Redis and SQLite."))
    return Line(_("Disk"), LineState.OK, fact)
