"""Registers the orgs app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from orgs import among_lookup
from orgs.standard_roles_orgs import make_standard_objects


class OrgsConfig(AppConfig):
    """Orgs, people, roles, devices, archives and legal holds."""

    name = "orgs"
    verbose_name = "Orgs and users"

    def ready(self) -> None:
        """Register the ``among`` filter, and have the standard roles and orgs made after each migration."""
        among_lookup.register()
        post_migrate.connect(make_standard_objects, sender=self)
