"""The hash function that statements use: PostgreSQL has it, SQLite is given it."""

from __future__ import annotations

import pytest
from django.db import connection

from directory.sync.read import sqlite_hash_function

pytestmark = pytest.mark.django_db


def hashed(text: str, seed: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT hashtextextended(%s, %s)", [text, seed])
        return int(cursor.fetchone()[0])


def test_a_text_has_one_hash() -> None:
    assert hashed("straße", 7) == hashed("straße", 7)


@pytest.mark.parametrize(("text", "seed"), [("strasse", 7), ("straße", 8), ("straße", -7), ("", 7), ("straße ", 7)])
def test_another_text_or_another_seed_has_another_hash(text: str, seed: int) -> None:
    assert hashed(text, seed) != hashed("straße", 7)


def test_a_hash_can_be_the_seed_of_another_one() -> None:
    assert hashed("sean", hashed("id-1", 1)) != hashed("sean", hashed("id-2", 1))


def test_the_sum_over_eight_million_rows_is_a_number_that_sqlite_has() -> None:
    assert 8_000_000 * 256**sqlite_hash_function.BYTES < 2**63
