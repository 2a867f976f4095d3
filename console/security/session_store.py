"""Sessions in the database under a hash of their key: whoever reads the database, or a backup of it, signs in as nobody.

Django's own keeps the key itself, which is all that a browser has to show.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

# As many as the column holds; 160 bits.
_DIGITS = 40


def hashed(key: str) -> str:
    """Return what a session is stored under; keys are long and random, so that no salt is needed."""
    return hashlib.sha256(f"console.session {key}".encode()).hexdigest()[:_DIGITS]


class SessionStore(DatabaseStore):
    """Django's sessions in the database, where no key is in the open."""

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
        row.session_key = hashed(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one, or the one with this key."""
        key = session_key or self.session_key
        if key:
            self.model.objects.filter(session_key=hashed(key)).delete()
