"""Makes what every installation starts with: the standard roles, and the orgs ADMIN and Default."""

from __future__ import annotations

from typing import Any

from orgs.models import Org, Role
from orgs.permissions import STANDARD_ROLES
from orgs.text import fold

TOP_ORG = "ADMIN"
DEFAULT_ORG = "Default"


def make_standard_objects(**_: Any) -> None:
    """Bring the standard roles up to date and plant the tree where there is none; runs after each migration."""
    Role.objects.bulk_create(
        [
            Role(name=name, name_key=fold(name), permissions=sorted(permissions), locked=True)
            for name, permissions in STANDARD_ROLES.items()
        ],
        update_conflicts=True,
        unique_fields=["name_key"],
        update_fields=["permissions", "locked"],
    )
    if not Org.objects.exists():
        top = Org.objects.add_root({"name": TOP_ORG})
        Org.objects.add_child(top, {"name": DEFAULT_ORG})
