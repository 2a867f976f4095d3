"""Registers the directory app."""

from django.apps import AppConfig

from directory.scheduling import archive_calls
from directory.sync.read import sqlite_hash_function


class DirectoryConfig(AppConfig):
    """LDAP servers, scripts, runs and their history."""

    name = "directory"
    verbose_name = "Directory sync"

    def ready(self) -> None:
        """Give SQLite the hash functions of PostgreSQL, and have workers called to archives that are to be moved."""
        sqlite_hash_function.register()
        archive_calls.register()
