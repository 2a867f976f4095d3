"""A text field that is encrypted in the database, with keys that can be rotated."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

# In ENCRYPTION_KEYS this word stands for the key derived from SECRET_KEY, so that its secrets can still be decrypted.
FROM_SECRET_KEY = "secret-key"  # noqa: S105  # a word, no secret


class Undecryptable(Exception):
    """No configured key decrypts a stored secret."""


class Sealed(str):
    """A stored secret that no key decrypts: the text in the database, which must never be used as the secret itself."""

    __slots__ = ()


def decrypted(value: str, name: str = "bind password") -> str:
    """Return a decrypted secret.

    Raises:
        Undecryptable: when no key decrypts it; an unreadable password must never pass for an empty one.
    """
    if isinstance(value, Sealed):
        raise Undecryptable(
            f"the stored {name} can't be decrypted with the configured keys: restore SECRET_KEY or "
            f"ENCRYPTION_KEYS, or enter the {name.rsplit(maxsplit=1)[-1]} again"
        )
    return value


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"rollcall.fields.EncryptedTextField").derive(secret_key.encode())
    named = {FROM_SECRET_KEY: base64.urlsafe_b64encode(derived).decode("ascii")}
    return MultiFernet([Fernet(named.get(key, key)) for key in keys or (FROM_SECRET_KEY,)])


def box() -> MultiFernet:
    """Return the encryption by the configured keys, or by one derived from the secret key."""
    return _box(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted in the database; empty text stays empty. Text that no key decrypts is loaded as ``Sealed``."""

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypt a stored value."""
        if not value:
            return value
        try:
            return box().decrypt(value.encode("ascii")).decode()
        except InvalidToken:
            return Sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt a value before it is stored."""
        if isinstance(value, Sealed):
            return str(value)
        return box().encrypt(str(value).encode()).decode("ascii") if value else value
