"""I8: no secret is readable anywhere in the database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import CharField, JSONField, Model, TextField

from directory.models import LdapServer
from directory.values import server_fields
from orgs.models.encrypted_text import EncryptedTextField, Sealed
from orgs.rules import second_factors

# Shorter secrets could be in a text by chance.
SHORTEST_SECRET = 12
FERNET_VERSION = 0x80
# The bytes of a Fernet token's version, time, initialization vector and signature; the rest comes in blocks.
FERNET_FRAME, FERNET_BLOCK = 57, 16
MOST_ROWS = 10


def encrypted(_at: datetime) -> Iterator[str]:
    """Encrypted columns, and the secrets of second factors, hold only encrypted values."""
    for pk, data in second_factors.rows_with_secrets().values_list("pk", "data"):
        for name in second_factors.names_of_secrets(data):
            if not _is_token(data[name]):
                yield f"second factor {pk}: {name} is not encrypted"
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield from _in_the_open(model, str(field.column))


def _in_the_open(model: type[Model], column: str) -> Iterator[str]:
    key, table = _quoted(str(model._meta.pk.column)), _quoted(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key}, {_quoted(column)} FROM {table} ORDER BY {key}")  # noqa: S608  # fixed names
        for pk, stored in cursor.fetchall():
            if stored and not _is_token(stored):
                yield f"{model._meta.verbose_name} {pk}: {column} is not encrypted"


def _is_token(text: str) -> bool:
    """Return whether a text has the form of a Fernet token, of any key."""
    try:
        token = base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        return False
    inside = len(token) - FERNET_FRAME
    return token[:1] == bytes([FERNET_VERSION]) and inside > 0 and inside % FERNET_BLOCK == 0


def nowhere_else(_at: datetime) -> Iterator[str]:
    """No text holds a bind password, a client key, SECRET_KEY or an encryption key."""
    secrets = _secrets()
    for model in apps.get_models(include_auto_created=True):
        columns = [
            str(field.column)
            for field in model._meta.concrete_fields
            if isinstance(field, CharField | TextField | JSONField)
        ]
        if columns and secrets:
            yield from _found_in(model, columns, secrets)


def _secrets() -> dict[str, str]:
    """Return the secrets, in their spellings in texts, each with its description."""
    secrets = {settings.SECRET_KEY: "SECRET_KEY"} | dict.fromkeys(settings.ENCRYPTION_KEYS, "an encryption key")
    for server in LdapServer.objects.order_by("pk"):
        for name in server_fields.secrets():
            if not isinstance(secret := getattr(server, name), Sealed):
                secrets |= dict.fromkeys(_parts(secret), f"the {name.replace('_', ' ')} of LDAP server {server.pk}")
    long = {secret: what for secret, what in secrets.items() if len(secret) >= SHORTEST_SECRET}
    # JSON escapes some characters.
    return {json.dumps(secret)[1:-1]: what for secret, what in long.items()} | long


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret and, for a key, a line of its middle, which stays the same when line ends change."""
    yield secret
    if body := [line for line in secret.splitlines() if not line.startswith("-")]:
        yield body[len(body) // 2]


def _found_in(model: type[Model], columns: list[str], secrets: dict[str, str]) -> Iterator[str]:
    """Search a whole table with one query; query single columns only for rows with a secret."""
    position = "strpos" if connection.vendor == "postgresql" else "instr"
    tests = [f"{position}(CAST({_quoted(column)} AS text), %s) > 0" for column in columns]
    key, table = str(model._meta.pk.column), model._meta.db_table
    query = f"SELECT {_quoted(key)} FROM {_quoted(table)} WHERE "  # noqa: S608  # names of columns
    with connection.cursor() as cursor:
        cursor.execute(
            f"{query}{' OR '.join(tests * len(secrets))} LIMIT {MOST_ROWS}",
            [secret for secret in secrets for _ in columns],
        )
        rows = [row for (row,) in cursor.fetchall()]
        for row in rows:
            for column, test in zip(columns, tests, strict=True):
                for secret, what in secrets.items():
                    cursor.execute(f"{query}{_quoted(key)} = %s AND {test}", [row, secret])
                    if cursor.fetchone() is not None:
                        yield f"{table}, row {row}: {column} holds {what}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
