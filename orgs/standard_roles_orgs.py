"""Creates what every installation starts with: the standard roles, and the orgs ADMIN and Default."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig

from orgs.permissions import STANDARD_ROLES
from orgs.text import fold

TOP_ORG = "ADMIN"
DEFAULT_ORG = "Default"


def make_standard_objects(*, sender: AppConfig, **_: Any) -> None:
    """Bring the standard roles up to date, and create the tree if there is none; runs after each migration.

    ``sender`` is the app ``orgs``: it has the models, which its own module can't import.
    """
    roles: Any = sender.get_model("Role")
    orgs: Any = sender.get_model("Org")
    roles.objects.bulk_create(
        [
            roles(name=name, name_key=fold(name), permissions=sorted(permissions), locked=True)
            for name, permissions in STANDARD_ROLES.items()
        ],
        update_conflicts=True,
        unique_fields=["name_key"],
        update_fields=["permissions", "locked"],
    )
    if not orgs.objects.exists():
        top = orgs.objects.add_root({"name": TOP_ORG})
        orgs.objects.add_child(top, {"name": DEFAULT_ORG})
