"""Gives SQLite a hash function with the name of PostgreSQL's, so that the same statements run on both."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# With hashes of five bytes a sum over eight million rows fits into the 64 bits of SQLite's numbers.
BYTES = 5


def register() -> None:
    """Add the function to each new connection to SQLite."""
    connection_created.connect(_add)


def _add(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function("hashtextextended", 2, _hash, deterministic=True)


def _hash(text: str, seed: int) -> int:
    """Return a hash of a text with a seed of 64 bits."""
    salt = seed.to_bytes(8, signed=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=BYTES, salt=salt).digest())
