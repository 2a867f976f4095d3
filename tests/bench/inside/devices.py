"""Makes devices that may back up, each with a token and the password of its archive."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from orgs.actions.backups import tokens
from orgs.actions.users import user_creation
from orgs.actions.users.user_creation import NewUser
from orgs.actions.users.user_profiles import Profile
from orgs.models import CreatedBy, Device, Org, User
from orgs.rules.actors import SYSTEM


def main(of: str, count: str) -> list[dict[str, Any]]:
    """Return the GUID, the token and the password of so many new devices, of ``new`` users or of those ``there``."""
    if of == "new":
        org = Org.objects.get(depth=1).pk
        new = [NewUser(Profile(f"person{number:05}"), org) for number in range(int(count))]
        owners = user_creation.create(users=new, created_by=CreatedBy.CSV, by=SYSTEM, at=timezone.now())
    else:
        # Those whom a sync moves: nobody who holds a role by hand.
        owners = list(User.objects.filter(active=True, blocked=False, match__isnull=False).order_by("pk")[: int(count)])
    found = []
    for number, owner in enumerate(owners):
        device = Device.objects.create(user=owner, name=f"device {number}", os="Debian 13")
        issued = tokens.issue(device_id=device.pk, by=SYSTEM, at=timezone.now())
        found.append({"guid": issued.guid, "token": issued.token, "password": issued.password})
    return found
