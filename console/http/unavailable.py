"""Answers 503 while the database is away or busy, or too many exports run: the reason, and when to try again."""

from __future__ import annotations

import logging
import sqlite3
import sys
from enum import StrEnum

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import server_error

log = logging.getLogger("rollcall.database")

# Seconds after which a browser or a program should try again.
RETRY_AFTER = 5


class Busy(Exception):
    """The limit of exports at the same time is reached."""


class Trouble(StrEnum):
    """The reason for a 503."""

    EXPORTS = "exports"
    AWAY = "away"
    BUSY = "busy"
    FULL = "full"


# PostgreSQL's error codes (SQLSTATE): timeout of a lock or a statement, deadlock.
_BUSY = frozenset({"55P03", "57014", "40001", "40P01"})
# No disk, no memory or no connection is left.
_FULL = "53"
# The connection was lost; the server stops or starts.
_AWAY = ("08", "57P0", "25P03", "25P04")

_SQLITE = {
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_IOERR: Trouble.AWAY,
    sqlite3.SQLITE_CANTOPEN: Trouble.AWAY,
    sqlite3.SQLITE_READONLY: Trouble.AWAY,
}


def trouble_of(error: BaseException | None) -> Trouble | None:
    """Return the trouble of the database; None if the error is our own fault, such as a wrong query."""
    if isinstance(error, Busy):
        return Trouble.EXPORTS
    if isinstance(error, InterfaceError):
        return Trouble.AWAY
    if not isinstance(error, OperationalError):
        return None
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # The lower byte is the kind of error, the upper ones its details.
        return _SQLITE.get(cause.sqlite_errorcode & 0xFF)
    if isinstance(cause, psycopg.Error):
        return _of_postgresql(cause.sqlstate)
    return None


def _of_postgresql(code: str | None) -> Trouble | None:
    # An error without a code means that no server answered.
    if code is None or code.startswith(_AWAY):
        return Trouble.AWAY
    if code in _BUSY:
        return Trouble.BUSY
    return Trouble.FULL if code.startswith(_FULL) else None


def error_page(request: HttpRequest) -> HttpResponse:
    """Answer a request that ended in an error: 503 if the database is the reason, else 500.

    A page that was only read reloads by itself. A form that was sent has to be sent again by its user.
    """
    error = sys.exc_info()[1]
    trouble = trouble_of(error)
    if trouble is None:
        return server_error(request, template_name="errors/500.html")
    if trouble is Trouble.EXPORTS:
        log.info("an export waits: as many are under way as may be at once")
    else:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        log.error("a page could not be answered, as the database is %s: %s", trouble.value, reason)
    return _come_again(request, trouble)


def _come_again(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    looked_at = request.method in {"GET", "HEAD"}
    again = RETRY_AFTER if looked_at and "HX-Request" not in request.headers else 0
    # Render without the request: this page must not query the database for the signed-in user.
    response = render(None, "errors/503.html", {"trouble": trouble.value, "again": again}, status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    # The log has a line already. Without this, Django would log a traceback for each page while the database is away.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001  # the only way that Django offers
    return response
