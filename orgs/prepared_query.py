"""Runs one query again and again: PostgreSQL plans it once for each connection, and nobody builds it anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from weakref import WeakSet

from django.db import NotSupportedError, ProgrammingError, connection
from django.db.models import QuerySet

log = logging.getLogger("rollcall.database")

# Stands for the value while the statement is written; no value is like it.
_MARK = "value of a prepared query"


class PreparedQuery:
    """A query by one text that gives rows of values; ``build`` returns it for a text.

    Planning takes PostgreSQL several times as long as the rows themselves where many tables are joined. Other databases, and
    transactions, run the query as it is.
    """

    def __init__(self, build: Callable[[str], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._name = self._statement = ""
        self._prepared_in: WeakSet[Any] = WeakSet()
        self._works = True

    def rows(self, value: str) -> list[Mapping[str, Any]]:
        """Return the rows for a text."""
        # In a transaction an error would end it; and few ask there.
        if self._works and connection.vendor == "postgresql" and not connection.in_atomic_block:
            try:
                return self._executed(value)
            except (ProgrammingError, NotSupportedError) as error:
                # A pooler gives each statement another connection, or tables have changed under a running process.
                self._works = False
                log.warning("queries are not prepared any more, as the database refuses it: %s", error)
        return list(self._build(value))

    def _executed(self, value: str) -> list[Mapping[str, Any]]:
        with connection.cursor() as cursor:
            if connection.connection not in self._prepared_in:
                self._write(cursor)
                cursor.execute(f"PREPARE {self._name} (text) AS {self._statement}")
                self._prepared_in.add(connection.connection)
            cursor.execute(f"EXECUTE {self._name} (%s)", [value])
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _write(self, cursor: Any) -> None:
        """Write the statement; its name is made of it, so that a connection that others use has no other one of that name."""
        if self._name:
            return
        text = cursor.mogrify(*self._build(_MARK).query.sql_with_params())
        before, after = text.split(f"'{_MARK}'")
        self._statement = f"{before}$1{after}"
        self._name = f"rollcall_{sha256(self._statement.encode()).hexdigest()[:16]}"
