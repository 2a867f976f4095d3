"""Passwords are looked for where they may stand in the open, but for those that are a word of many texts."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from directory.invariants import broken
from directory.models import SyncSettings
from tests.worlds import NOON


@pytest.mark.django_db
def test_a_short_password_is_not_looked_for(settings: Settings) -> None:
    SyncSettings.load()
    settings.ENCRYPTION_KEYS = ["sync"]

    assert [found for found in broken(at=NOON) if found.rule == "I8.2"] == []
