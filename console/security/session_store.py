"""Stores sessions under a hash of their key, so that nobody can sign in with keys from the database or a backup.

Django's own store keeps the key itself, and a browser needs nothing else to be signed in. Each row also has the user,
the address and the browser, so that the sessions of a user can be listed and ended.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

from console.models import ConsoleSession
from console.security.sessions import ADDRESS, BEGAN, BROWSER, LAST_REQUEST

# The length of the column in hex digits; 160 bits.
_DIGITS = 40


def hashed(key: str) -> str:
    """Return the hash of a session key; it needs no salt, as keys are long and random."""
    return hashlib.sha256(f"console.session {key}".encode()).hexdigest()[:_DIGITS]


class SessionStore(DatabaseStore):
    """Django's sessions in the database, with hashed keys."""

    @classmethod
    def get_model_class(cls) -> type[AbstractBaseSession]:
        """Return the model of the rows."""
        return ConsoleSession

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        found: AbstractBaseSession | None = self.model.objects.filter(
            session_key=hashed(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Return whether there is a session with this key."""
        return bool(self.model.objects.filter(session_key=hashed(session_key)).exists())

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row of this session."""
        row = super().create_model_instance(data)
        assert isinstance(row, ConsoleSession)  # noqa: S101  # for types only
        row.session_key = hashed(row.session_key)
        if SESSION_KEY in data:
            row.user_id = int(data[SESSION_KEY])
            row.address, row.browser = data.get(ADDRESS, ""), data.get(BROWSER, "")
            row.began_at, row.last_request_at = _time(data.get(BEGAN)), _time(data.get(LAST_REQUEST))
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one, or the one with this key."""
        key = session_key or self.session_key
        if key:
            self.model.objects.filter(session_key=hashed(key)).delete()


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
