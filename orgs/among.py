"""A filter by many values that costs one parameter, ``column__among``: long lists of IN take the client longer than the database."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Field, ForeignKey, IntegerField, Lookup
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, tuple[Any, ...]]


class Among(Lookup):
    """Whether a column is one of the given numbers or texts; a foreign key is compared by its id."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Return the condition for SQLite, which unpacks JSON; so do we for want of arrays."""
        left, parameters = self.process_lhs(compiler, connection)
        listed = "(SELECT value FROM json_each(%s))"
        return f"{left} IN {listed}", (*parameters, json.dumps(self._values()))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        """Return the condition for PostgreSQL, which goes through an index for an array as for a list."""
        left, parameters = self.process_lhs(compiler, connection)
        values = self._values()
        if isinstance(values[0], int):
            return f"{left} = ANY(%s::bigint[])", (*parameters, "{" + ",".join(map(str, values)) + "}")
        texts = "ARRAY(SELECT json_array_elements_text(%s::json))"
        return f"{left} = ANY({texts})", (*parameters, json.dumps(values))

    def _values(self) -> list[int | str]:
        """Return the values as a list; as for IN, no query is needed where there are none."""
        if not (values := list(self.rhs)):
            raise EmptyResultSet
        return values


def register() -> None:
    """Let numbers, texts and foreign keys be filtered by it."""
    fields: tuple[type[Field[Any, Any]], ...] = (IntegerField, CharField, ForeignKey)
    for field in fields:
        field.register_lookup(Among)
