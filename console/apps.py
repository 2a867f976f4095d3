"""Registers the console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The pages, and what serves them."""

    name = "console"
