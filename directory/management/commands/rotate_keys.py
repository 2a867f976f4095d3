"""Encrypts every stored secret with the newest key, or makes a new key."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from directory.actions import key_rotation
from orgs.rules.actors import COMMAND_LINE
from orgs.text import counted


class Command(BaseCommand):
    """``rotate_keys [--new-key]``."""

    help = "Encrypts every stored secret with the first key of ENCRYPTION_KEYS; afterwards the others can go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for a new key."""
        parser.add_argument("--new-key", action="store_true", help="print a new key and change nothing")

    def handle(self, *_args: Any, new_key: bool, **_options: Any) -> None:
        """Encrypt all secrets with the newest key, or print a new key.

        Raises:
            CommandError: when no key decrypts a secret; the others are encrypted with the newest key all the same.
        """
        if new_key:
            self.stdout.write(Fernet.generate_key().decode("ascii"))
            return
        done = key_rotation.rotate(by=COMMAND_LINE, at=timezone.now())
        self.stdout.write(f"{counted(done.count, 'secret is', 'secrets are')} encrypted with the newest key")
        if done.unreadable:
            lines = [
                "these can't be read with any key and stay as they are; keep the older keys, or enter them again:",
                *(f"  {name}" for name in done.unreadable),
            ]
            raise CommandError("\n".join(lines))
