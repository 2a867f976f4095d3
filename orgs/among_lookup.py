"""Adds ``column__among``, a filter by many values in one parameter: clients are slow to send long IN lists."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Field, ForeignKey, IntegerField, Lookup
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class Among(Lookup):
    """True where a column is one of the given numbers or texts; a foreign key is compared by its id."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Return the condition for SQLite, which has no arrays but can unpack JSON."""
        left, parameters = self.process_lhs(compiler, connection)
        listed = "(SELECT value FROM json_each(%s))"
        return f"{left} IN {listed}", (*parameters, json.dumps(self._values()))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Return the condition for PostgreSQL, which uses an index for an array as it does for a list."""
        left, parameters = self.process_lhs(compiler, connection)
        values = self._values()
        if isinstance(values[0], int):
            return f"{left} = ANY(%s::bigint[])", (*parameters, "{" + ",".join(map(str, values)) + "}")
        texts = "ARRAY(SELECT json_array_elements_text(%s::json))"
        return f"{left} = ANY({texts})", (*parameters, json.dumps(values))

    def _values(self) -> list[int | str]:
        """Return the values as a list; an empty list needs no query, as for IN."""
        if not (values := list(self.rhs)):
            raise EmptyResultSet
        return values


def register() -> None:
    """Register the filter for numbers, texts and foreign keys."""
    fields: tuple[type[Field[Any, Any]], ...] = (IntegerField, CharField, ForeignKey)
    for field in fields:
        field.register_lookup(Among)
