"""Databases of a fault's own: a world with a run that is about to begin, put back as often as one likes."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.apps import apps
from django.db import connection
from psycopg import sql

# What says when or by whom something was worked on, not what became of it.
PASSING = {
    "directory.Run": {"owner", "fence", "attempts", "lease_until", "done", "total", "error"},
    "directory.Mail": {"error"},
    # How often the scripts were asked: a second attempt keeps what the first has found out.
    "directory.RunServer": {"counts"},
    # The id of a row that a run makes.
    "directory.RunChange": {"entry"},
}
LEFT_OUT = {"directory.Heartbeat", "directory.StoredEntry"}
# Rows that were there before keep their ids; those that a run makes are told apart by what they say.
KEEPS_ID = {"orgs.User", "orgs.Org", "orgs.Device", "orgs.Archive", "directory.Run"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+\d\d:\d\d| UTC)?")
# What makes a Message-ID one that no other run has.
RANDOM = re.compile(r"-[0-9a-f]{16}@")

Digest = dict[str, Counter[str]]


class Database:
    """One database by its connection settings; a copy of it is another one."""

    def __init__(self, settings: Mapping[str, Any], name: str) -> None:
        self.settings = {key: settings[key] for key in ("ENGINE", "USER", "PASSWORD", "HOST", "PORT")} | {"NAME": name}

    @property
    def name(self) -> str:
        return str(self.settings["NAME"])

    @property
    def is_file(self) -> bool:
        return str(self.settings["ENGINE"]).endswith("sqlite3")

    @property
    def url(self) -> str:
        """The address, as ``DATABASE_URL`` takes it."""
        if self.is_file:
            return f"sqlite:///{self.name}"
        user, password, host = (quote(str(self.settings[key]), safe="") for key in ("USER", "PASSWORD", "HOST"))
        return f"postgres://{user}:{password}@{host}:{self.settings['PORT']}/{self.name}"

    def named(self, name: str) -> Database:
        """Return the database of another name beside this one."""
        return Database(self.settings, str(Path(self.name).with_name(name)) if self.is_file else name)

    def become(self, source: Database) -> None:
        """Be a copy of another database; whoever was connected is not any more."""
        self.drop()
        if self.is_file:
            with closing(sqlite3.connect(source.name)) as old, closing(sqlite3.connect(self.name)) as new:
                old.backup(new)
            return
        with self.beside() as server:
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source.name])
            names = sql.Identifier(self.name), sql.Identifier(source.name)
            server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))

    def drop(self) -> None:
        if self.is_file:
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(self.name + suffix).unlink(missing_ok=True)
            return
        with self.beside() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))

    @contextmanager
    def beside(self, name: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """Connect to the same server beside Django, to its maintenance database."""
        host, port, user, password = (str(self.settings[key]) for key in ("HOST", "PORT", "USER", "PASSWORD"))
        place = psycopg.conninfo.make_conninfo(host=host, port=port, user=user, password=password, dbname=name)
        with psycopg.connect(place, autocommit=True) as server:
            yield server


def present() -> Database:
    """Return the database that this process is connected to."""
    return Database(connection.settings_dict, str(connection.settings_dict["NAME"]))


@contextmanager
def connected_to(database: Database) -> Iterator[None]:
    """Let this process's models live in another database."""
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(database.settings)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)


def digest() -> Digest:
    """Return what every row says, without moments and without what only says how the work went."""
    found: Digest = {}
    models = [*apps.get_app_config("orgs").get_models(), *apps.get_app_config("directory").get_models()]
    for model in models:
        label = model._meta.label
        if label in LEFT_OUT:
            continue
        names = [field.attname for field in model._meta.concrete_fields if field.attname not in PASSING.get(label, ())]
        if label not in KEEPS_ID:
            names.remove(model._meta.pk.attname)
        rows = model._default_manager.order_by().values(*names)
        found[label] = Counter(_as_text(row) for row in rows.iterator(chunk_size=2000))
        for relation in model._meta.many_to_many:
            through: Any = relation.remote_field.through
            if through._meta.auto_created:
                rows = through._default_manager.order_by().values()
                found[through._meta.label] = Counter(_as_text({**row, "id": None}) for row in rows)
    return found


def _as_text(row: Mapping[str, Any]) -> str:
    plain = {name: "a moment" if isinstance(value, date) else value for name, value in row.items()}
    return RANDOM.sub("@", _MOMENT.sub("a moment", json.dumps(plain, sort_keys=True, default=str)))


def differences(twin: Digest, after: Digest) -> list[str]:
    """Return what one has and the other has not, a line for each row."""
    found = []
    for label in twin.keys() | after.keys():
        missing, extra = twin[label] - after[label], after[label] - twin[label]
        found += [f"{label}: {count} missing: {row}" for row, count in missing.items()]
        found += [f"{label}: {count} too many: {row}" for row, count in extra.items()]
    return sorted(found)
