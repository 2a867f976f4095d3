"""Adapts allauth's second factors: its secrets are encrypted as all our secrets are, and its texts name our users."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import InvalidToken

from orgs.actions.errors import Refused
from orgs.models import User
from orgs.models.encrypted_text import box


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """What allauth asks of us."""

    def encrypt(self, text: str) -> str:
        """Encrypt a secret before it is stored."""
        return box().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt a stored secret.

        Raises:
            Refused: when no key decrypts it. An empty secret instead would make every code known.
        """
        try:
            return box().decrypt(encrypted_text.encode("ascii")).decode()
        except InvalidToken:
            raise Refused(
                "the stored second factor can't be decrypted with the configured keys: restore SECRET_KEY or "
                "ENCRYPTION_KEYS, or have the second factor reset"
            ) from None

    def get_totp_label(self, user: User) -> str:
        """Return the name of the account in a code app."""
        return user.username

    def get_totp_issuer(self) -> str:
        """Return the name of this console in a code app."""
        return f"Rollcall {context.request.get_host()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the name of this console for passkeys; a passkey works at this host name only."""
        return {"id": context.request.get_host().partition(":")[0], "name": "Rollcall"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Return the account for a passkey."""
        return {"id": str(user.pk).encode(), "display_name": user.full_name, "name": user.username}
