"""Keeps the former place of the encrypted text field, which migrations import."""

from __future__ import annotations

from orgs.models.encrypted_text import EncryptedTextField

__all__ = ["EncryptedTextField"]
