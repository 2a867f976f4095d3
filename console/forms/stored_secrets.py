"""Lets a form use stored secrets, which it never shows, only for the settings that they were entered for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from directory.values import pasted_text
from orgs.models.encrypted_text import decrypted


class StoredSecrets:
    """``stored`` has the secrets by name, "" for none; ``where`` has the settings that each was entered for."""

    cleaned_data: dict[str, Any]
    stored: Mapping[str, str]
    where: Mapping[str, Mapping[str, Any]]

    @property
    def wants_another_password(self) -> bool:
        """Whether the bind needs a password and must not use the stored one."""
        given = self.cleaned_data
        return bool(given.get("bind_dn")) and not given.get("bind_password") and not self._may_use("bind_password")

    @property
    def wants_another_key(self) -> bool:
        """Whether the client certificate needs its key and must not use the stored one."""
        given = self.cleaned_data
        return bool(given.get("client_certificate")) and not given.get("client_key") and not self._may_use("client_key")

    def _may_use(self, secret: str) -> bool:
        """Whether the stored secret may be used: the settings that it was entered for have not changed."""
        where = self.where[secret].items()
        return bool(self.stored[secret]) and all(
            pasted_text.same(key, self.cleaned_data.get(key), old) for key, old in where
        )

    def _secret(self, secret: str, belongs_to: str) -> str:
        """Return the entered secret, else the stored one if it may be used and ``belongs_to`` is filled in; else ""."""
        given = self.cleaned_data
        if given[secret] or not given.get(belongs_to) or not self._may_use(secret):
            return str(given[secret])
        return decrypted(self.stored[secret], secret.replace("_", " "))
