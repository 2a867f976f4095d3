"""Brings the database up to date as Django does, and leaves one alone that another version has to upgrade first."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from directory.status import upgrades


class Command(migrate.Command):
    """``manage.py migrate``, with Django's arguments."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply what is missing.

        Raises:
            CommandError: when the database is in the middle of migrations that this version has only as a whole.
        """
        recorder = MigrationRecorder(connections[options["database"]])
        if reason := upgrades.obstacle(recorder.applied_migrations().keys()):
            raise CommandError(reason)
        super().handle(*args, **options)
