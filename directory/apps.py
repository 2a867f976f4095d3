"""Registers the directory app."""

from django.apps import AppConfig


class DirectoryConfig(AppConfig):
    """LDAP servers, scripts, runs and their history."""

    name = "directory"
    verbose_name = "Directory sync"
