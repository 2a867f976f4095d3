"""Describes the tables of Rollcall as a database itself has them, a line for each column, constraint and index."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from psycopg import sql

from tests.faults.stages import Database

OWN = ("console_", "directory_", "orgs_")

# Each gives the table, the kind and what there is to say. A NOT NULL stands beside its column: PostgreSQL 18 and newer count it
# among the constraints too.
_POSTGRESQL = """
SELECT table_name, 'column', concat_ws(
    ' ', column_name, data_type, character_maximum_length, 'nullable: ' || is_nullable, 'default: ' || column_default,
    'identity: ' || identity_generation
) FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT conrelid::regclass::text, 'constraint', conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT tablename, 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT tgrelid::regclass::text, 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'orgs_', 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def described(database: Database) -> list[str]:
    """Return the lines in order of the alphabet: the order of columns says nothing."""
    rows = _of_file(database.name) if database.is_file else _of_server(database)
    return sorted(f"{table} {kind}: {definition}" for table, kind, definition in rows if table.startswith(OWN))


def _of_server(database: Database) -> list[tuple[str, str, str]]:
    with database.beside(database.name) as server:
        return list(server.execute(_POSTGRESQL))


def _of_file(name: str) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(name)) as file:
        made = list(file.execute("SELECT tbl_name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    found = [(table, kind, definition) for table, kind, definition in made if kind != "table"]
    return found + [
        (table, "part", part) for table, kind, definition in made if kind == "table" for part in _parts(definition)
    ]


def _parts(statement: str) -> list[str]:
    """Return what stands between the outer brackets of a CREATE TABLE: its columns and constraints."""
    parts, depth = [""], 0
    for letter in statement[statement.index("(") + 1 : statement.rindex(")")]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def rows(database: Database) -> dict[str, list[str]]:
    """Return what each table holds, Rollcall's or not, as text."""
    if database.is_file:
        with closing(sqlite3.connect(database.name)) as file:
            names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: sorted(map(str, file.execute(f'SELECT * FROM "{name}"'))) for name in names}
    with database.beside(database.name) as server:
        found = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        definition = {
            name: server.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))) for (name,) in found
        }
        return {name: sorted(text for (text,) in each) for name, each in definition.items()}
