"""Registers the console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The pages."""

    name = "console"
