"""Has django-python3-ldap read a department with ``ldap_sync_users``: ``python -m`` this, COUNT and REPEATS."""

from __future__ import annotations

import io
import json
import os
import sys
import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.peers.django_python3_ldap_settings"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  # Django has to be ready
from django.core.management import call_command  # noqa: E402


def main(count: int, repeats: int) -> dict[str, list[float]]:
    """Return how long it took to make so many users, and to find them unchanged."""
    call_command("migrate", verbosity=0)
    found: dict[str, list[float]] = {"first": [], "unchanged": []}
    for _ in range(repeats):
        get_user_model().objects.all().delete()
        for times in found.values():
            started = time.perf_counter()
            call_command("ldap_sync_users", verbosity=0, stdout=io.StringIO())
            times.append(time.perf_counter() - started)
        made = get_user_model().objects.count()
        assert made == count, f"{made} users were made, not {count}"
    return found


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
