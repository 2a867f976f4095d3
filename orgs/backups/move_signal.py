"""Announces that moves of archives were begun; layers above call a worker then."""

from __future__ import annotations

from django.dispatch import Signal

# Sent after the commit of the transaction that has begun them.
moves_begun = Signal()
