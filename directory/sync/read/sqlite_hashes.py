"""Gives SQLite the hash function of PostgreSQL that statements use, so that each hash is computed in one place."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# A sum over eight million rows still is a number of 64 bits, with which SQLite counts.
BYTES = 5


def register() -> None:
    """Have each new connection to SQLite know the function."""
    connection_created.connect(_add)


def _add(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function("hashtextextended", 2, _hash, deterministic=True)


def _hash(text: str, seed: int) -> int:
    """Return a hash of a text; another seed, of 64 bits, makes another hash."""
    salt = seed.to_bytes(8, signed=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=BYTES, salt=salt).digest())
