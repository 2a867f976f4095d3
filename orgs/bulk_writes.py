"""Writes many rows with one statement: several times as fast as one ORM object for each row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models

# Rows in one SQLite statement. SQLite takes 32,766 parameters a statement, and parses short statements faster.
ROWS = 500
# Rows in one JSON parameter for PostgreSQL.
RECORDS = 2000
# A table needs new statistics once it has more than doubled, and has grown by more than this many pages.
GROWN_PAGES = 8
# Most lists and objects of a run's rows are empty.
_EMPTY = ("[]", "{}")


class Json(str):
    """The value of a JSON field, already encoded as text."""

    __slots__ = ()


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    unless: Sequence[str] = (),
) -> None:
    """Insert rows of plain values (text, numbers, None) in the order of ``columns``, which are names of fields.

    Lists, dicts and ``Json`` are for JSON fields. A row replaces a stored row with the same values in the ``unless``
    columns. Columns that are left out become NULL, so ``columns`` must hold every field that is not nullable.
    """
    if not rows:
        return
    if connection.vendor == "postgresql":
        _insert_into_postgresql(model, columns, rows, unless)
        return
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    into = f"INSERT INTO {_table(model)} ({', '.join(_named(model, columns))}) VALUES "  # noqa: S608  # as below
    after = _written_over(model, columns, unless)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            cursor.execute(
                into + ", ".join([placeholders] * len(part)) + after, [_plain(value) for row in part for value in row]
            )


def update_rows(model: type[models.Model], rows: Mapping[int, Mapping[str, Any]], *, columns: Sequence[str]) -> None:
    """Set these columns of the rows with these ids; PostgreSQL and SQLite (from 3.33) have ``UPDATE ... FROM``.

    Lists and dicts are for JSON fields.
    """
    if not rows:
        return
    table = _table(model)
    key, *targets = _named(model, ["id", *columns])
    changes = ", ".join(f"{target} = new_values.{target}" for target in targets)
    items = [(pk, *(row[column] for column in columns)) for pk, row in rows.items()]
    if connection.vendor == "postgresql":
        update = (
            f"UPDATE {table} SET {changes} FROM {_records(model)} AS new_values WHERE {table}.{key} = new_values.{key}"  # noqa: S608
        )
        _send_records(update, _attnames(model, ["id", *columns]), items)
        return
    names = ", ".join([key, *targets])
    with connection.cursor() as cursor:
        for start in range(0, len(items), ROWS):
            part = items[start : start + ROWS]
            values = ", ".join(f"({', '.join(['%s'] * (1 + len(columns)))})" for _ in part)
            cursor.execute(
                f"WITH new_values({names}) AS (VALUES {values}) "  # noqa: S608  # only names of columns are put in
                f"UPDATE {table} SET {changes} FROM new_values WHERE {table}.{key} = new_values.{key}",
                [_plain(value) for row in part for value in row],
            )


def refresh_statistics(*tables: type[models.Model]) -> None:
    """ANALYZE those of these tables that have grown a lot since the last ANALYZE; do nothing on SQLite.

    Autovacuum analyzes a minute later or more. Until then PostgreSQL may plan for a few rows where there are 100,000,
    and scan another table once for each of them (PostgreSQL 15 manual, 14.4.7). Only columns of indexes are analyzed:
    rows are chosen by these, and sorting texts and JSON would take five times as long. Call this outside of a
    transaction: ANALYZE skips a table that another ANALYZE has locked, and a transaction would keep that lock.
    """
    if connection.vendor != "postgresql":
        return
    grown = (
        "SELECT relname, array_agg(DISTINCT attname) FROM pg_class "
        "JOIN pg_index ON indrelid = pg_class.oid "
        "JOIN pg_attribute ON attrelid = pg_class.oid AND attnum = ANY(indkey) "
        "WHERE pg_class.oid = ANY(%s::regclass[]) "
        "AND pg_relation_size(pg_class.oid) > current_setting('block_size')::bigint * (2 * greatest(relpages, 0) + %s) "
        "GROUP BY relname"
    )
    quoted = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(grown, [[_table(model) for model in tables], GROWN_PAGES])
        for name, indexed in cursor.fetchall():
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {quoted(name)} ({', '.join(map(quoted, indexed))})")


def _insert_into_postgresql(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], unless: Sequence[str]
) -> None:
    """Insert rows by COPY, or as JSON where ``unless`` is given: COPY can't replace stored rows."""
    table, names = _table(model), ", ".join(_named(model, columns))
    if unless:
        insert = f"INSERT INTO {table} ({names}) SELECT {names} FROM {_records(model)} AS new_values"  # noqa: S608
        _send_records(insert + _written_over(model, columns, unless), _attnames(model, columns), rows)
        return
    # Django has no COPY, so the errors of the driver are converted to Django's here.
    into = f"COPY {table} ({names}) FROM STDIN"
    fields = {field.name: field for field in model._meta.concrete_fields}
    json_columns = [index for index, name in enumerate(columns) if isinstance(fields[name], models.JSONField)]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(into) as copy:
        for row in rows:
            copied = [*row]
            # Values of other columns need no conversion.
            for index in json_columns:
                copied[index] = _plain(row[index])
            copy.write_row(copied)


def _written_over(model: type[models.Model], columns: Sequence[str], unless: Sequence[str]) -> str:
    """Return the ON CONFLICT clause that replaces rows with the same ``unless`` columns; empty without any."""
    if not unless:
        return ""
    new = ", ".join(f"{name} = EXCLUDED.{name}" for name in _named(model, [c for c in columns if c not in unless]))
    return f" ON CONFLICT ({', '.join(_named(model, unless))}) DO UPDATE SET {new}"


def _records(model: type[models.Model]) -> str:
    """Return the SQL that turns one JSON parameter into rows with the column types of the table."""
    return f"json_populate_recordset(NULL::{_table(model)}, %s::json)"


def _send_records(statement: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        for start in range(0, len(rows), RECORDS):
            records = ", ".join(_record(names, row) for row in rows[start : start + RECORDS])
            cursor.execute(statement, [f"[{records}]"])


def _record(names: Sequence[str], row: Sequence[Any]) -> str:
    """Return a row as a JSON object; ``Json`` values are inserted without encoding them again."""
    plain, ready = {}, ""
    for name, value in zip(names, row, strict=True):
        if type(value) is Json:
            ready += f', "{name}": {value}'
        else:
            plain[name] = value
    return f"{json.dumps(plain, default=_as_text)[:-1]}{ready}}}"


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _named(model: type[models.Model], fields: Sequence[str]) -> list[str]:
    """Return the quoted names that these fields have in the database."""
    return [connection.ops.quote_name(name) for name in _attnames(model, fields)]


def _attnames(model: type[models.Model], fields: Iterable[str]) -> list[str]:
    columns = {field.name: str(field.column) for field in model._meta.concrete_fields}
    return [columns[field] for field in fields]


def _plain(value: Any) -> Any:
    # Check these types first: nearly all of millions of values have one of them.
    if (kind := type(value)) is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, dict | list | tuple):
        return json.dumps(value) if value else _EMPTY[isinstance(value, dict)]
    if kind is Json:
        return str(value)
    # An enum's member is text for Python, but not for every database driver.
    return value.value if isinstance(value, models.TextChoices) else value
