"""What a form may do with secrets that are stored and never shown: use them where they were entered for, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from directory.models.fields import decrypted
from directory.values import pasted_text


class StoredSecrets:
    """``stored`` are the secrets by name, empty where there is none, and ``where`` the settings that each was entered for."""

    cleaned_data: dict[str, Any]
    stored: Mapping[str, str]
    where: Mapping[str, Mapping[str, Any]]

    @property
    def wants_another_password(self) -> bool:
        """Whether a bind needs a password and the stored one may not be used."""
        given = self.cleaned_data
        return bool(given.get("bind_dn")) and not given.get("bind_password") and not self._may_use("bind_password")

    @property
    def wants_another_key(self) -> bool:
        """Whether a client certificate needs its key and the stored one may not be used."""
        given = self.cleaned_data
        return bool(given.get("client_certificate")) and not given.get("client_key") and not self._may_use("client_key")

    def _may_use(self, secret: str) -> bool:
        """Whether the stored secret may be used: only where it was entered for."""
        where = self.where[secret].items()
        return bool(self.stored[secret]) and all(
            pasted_text.same(key, self.cleaned_data.get(key), old) for key, old in where
        )

    def _secret(self, secret: str, belongs_to: str) -> str:
        """Return what was entered, else what is stored and may be used; empty without what it belongs to."""
        given = self.cleaned_data
        if given[secret] or not given.get(belongs_to) or not self._may_use(secret):
            return str(given[secret])
        return decrypted(self.stored[secret], secret.replace("_", " "))
