"""Registers the directory app."""

from django.apps import AppConfig

from directory.sync.read import sqlite_hash_function


class DirectoryConfig(AppConfig):
    """LDAP servers, scripts, runs and their history."""

    name = "directory"
    verbose_name = "Directory sync"

    def ready(self) -> None:
        """Give SQLite the hash functions of PostgreSQL."""
        sqlite_hash_function.register()
