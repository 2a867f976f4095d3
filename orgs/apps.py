"""Registers the orgs app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from orgs import among
from orgs.standard import make_standard_objects


class OrgsConfig(AppConfig):
    """Orgs, people, roles, devices, archives and legal holds."""

    name = "orgs"
    verbose_name = "Orgs and users"

    def ready(self) -> None:
        """Make the standard roles and orgs once the tables are there, and pass long lists to filters as one parameter."""
        among.register()
        post_migrate.connect(make_standard_objects, sender=self)
