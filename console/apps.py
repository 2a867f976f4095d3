"""Registers the console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The pages, and the processes that serve them."""

    name = "console"
