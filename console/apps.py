"""Registers the console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The pages, and the processes that serve them."""

    name = "console"

    def ready(self) -> None:
        """Have sign-ins written into the audit trail."""
        from console.security import sign_in_audit  # noqa: PLC0415 - the models of other apps are loaded only now

        sign_in_audit.connect()
