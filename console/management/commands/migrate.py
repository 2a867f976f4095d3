"""Migrates the database like Django's command; refuses a database that an older version must upgrade first."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from directory.status import applied_migrations


class Command(migrate.Command):
    """``manage.py migrate``, with Django's arguments."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply the missing migrations.

        Raises:
            CommandError: when the database has only some of the migrations that this version has merged into one.
        """
        recorder = MigrationRecorder(connections[options["database"]])
        if reason := applied_migrations.obstacle(recorder.applied_migrations().keys()):
            raise CommandError(reason)
        super().handle(*args, **options)
