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


class Undecryptable(Exception):
    """A stored secret cannot be read with any of the configured keys."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    if keys:
        return MultiFernet([Fernet(key) for key in keys])
    derived = HKDF(SHA256(), 32, salt=None, info=b"rollcall.fields.EncryptedTextField").derive(secret_key.encode())
    return MultiFernet([Fernet(base64.urlsafe_b64encode(derived))])


def box() -> MultiFernet:
    """Return what encrypts and decrypts: the configured keys, or one derived from the secret key."""
    return _box(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY)


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that only Rollcall can read; empty text stays empty.

    A value that no key opens raises Undecryptable as soon as it is loaded: it must never pass for an empty password.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Decrypt a stored value."""
        if not value:
            return value
        try:
            return box().decrypt(value.encode("ascii")).decode()
        except InvalidToken as error:
            raise Undecryptable(
                "a stored bind password can't be decrypted with the configured keys: restore SECRET_KEY or "
                "ENCRYPTION_KEYS, or enter the password again"
            ) from error

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt a value before it is stored."""
        return box().encrypt(str(value).encode()).decode("ascii") if value else value
