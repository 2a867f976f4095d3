"""Has django-auth-ldap read users one by one, as ``populate_user`` does: ``python -m`` this, COUNT and REPEATS."""

from __future__ import annotations

import json
import os
import sys
import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.peers.django_auth_ldap_settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  # Django has to be ready
from django.core.management import call_command  # noqa: E402
from django_auth_ldap.backend import LDAPBackend  # noqa: E402

from tests.bench.people import username  # noqa: E402


def main(count: int, repeats: int) -> dict[str, list[float]]:
    """Return how long it took to make so many users, and to find them unchanged."""
    call_command("migrate", verbosity=0)
    found: dict[str, list[float]] = {"first": [], "unchanged": []}
    for _ in range(repeats):
        get_user_model().objects.all().delete()
        for times in found.values():
            started = time.perf_counter()
            populate(count)
            times.append(time.perf_counter() - started)
    return found


def populate(count: int) -> None:
    """Populate the first users of the directory."""
    backend = LDAPBackend()
    for number in range(1, count + 1):
        assert backend.populate_user(username(number)) is not None


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
