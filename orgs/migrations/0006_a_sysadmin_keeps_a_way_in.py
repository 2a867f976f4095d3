"""Marks the first administrator as managed locally where no SYSADMIN could sign in with a local password any more."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.utils import timezone

STEP = 4


def keep_a_way_in(apps: Any, _editor: Any) -> None:
    """Local passwords count for nothing in orgs that follow LDAP from now on, unless the user is managed locally.

    The first SYSADMIN who was made by hand is spared where there is nobody else: never one who came from a file.
    """
    roles = [role.pk for role in apps.get_model("orgs", "Role").objects.all() if "admin" in role.permissions]
    grants = apps.get_model("orgs", "RoleGrant").objects.filter(role__in=roles)
    users = apps.get_model("orgs", "User").objects.filter(pk__in=grants.values("user"), active=True, blocked=False)
    users = users.exclude(password="").exclude(password__startswith="!")
    following = _following(apps.get_model("orgs", "Org"))
    if users.filter(managed_locally=True).exists() or users.exclude(org__in=following).exists():
        return
    first = users.filter(created_by="hand").order_by("created_at", "pk").first()
    if first is None:
        return
    first.managed_locally = True
    first.save(update_fields=["managed_locally"])
    apps.get_model("orgs", "AuditEntry").objects.create(
        at=timezone.now(),
        actor_label="upgrade",
        action="managed locally",
        object_type="user",
        object_id=first.pk,
        object_label=first.username[:255],
        before={"managed_locally": False},
        after={"managed_locally": True},
    )


def _following(orgs: Any) -> list[int]:
    services: dict[str, str] = {}
    following = []
    for pk, path, own in orgs.objects.order_by("path").values_list("pk", "path", "directory_service"):
        services[path] = own or services.get(path[:-STEP], "local")
        if services[path] == "ldap":
            following.append(pk)
    return following


class Migration(migrations.Migration):
    """No column changes."""

    dependencies = [("orgs", "0005_no_index_twice")]

    operations = [migrations.RunPython(keep_a_way_in, migrations.RunPython.noop)]
