"""Signs administrators in, for browsers of ``tests.load.browsers``."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from orgs.models import Device, Org, User
from orgs.permissions import Permission
from tests.load import site


def main(count: str) -> dict[str, Any]:
    """Return what so many people need: their sessions, and what there is to look at."""
    sessions = {person: site.session_of(person) for person in site.administrators(int(count))}
    return {
        "cookie": settings.SESSION_COOKIE_NAME,
        "sessions": list(sessions.values()),
        "system": [session for person, session in sessions.items() if person.may(Permission.SYSTEM)],
        "users": list(User.objects.filter(match__isnull=False).order_by("pk").values_list("pk", flat=True)),
        "orgs": list(Org.objects.values_list("pk", flat=True)),
        "devices": list(Device.objects.values_list("pk", flat=True)),
        "alerts": [],
    }
