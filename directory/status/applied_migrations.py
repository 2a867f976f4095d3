"""Compares the migrations that were applied to a database with those of this version."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

# A migration: its app and its name.
Key = tuple[str, str]
OWN = frozenset({"console", "directory", "orgs"})


@functools.cache
def installed_migrations() -> Mapping[Key, tuple[Key, ...]]:
    """Return each migration of this version with the older ones that it replaces, the oldest first."""
    # Read once: the migrations of a running process don't change.
    loaded = MigrationLoader(None).disk_migrations
    return {key: tuple((app, name) for app, name in migration.replaces) for key, migration in loaded.items()}


def missing(applied: AbstractSet[Key]) -> set[Key]:
    """Return the migrations that are not applied yet; one that replaces others counts as applied when all of those are."""
    return {key for key, older in installed_migrations().items() if not applied >= set(older or [key])}


def unknown(applied: AbstractSet[Key]) -> set[Key]:
    """Return the applied migrations that this version lacks: a newer version has applied them."""
    here = {*installed_migrations(), *(key for older in installed_migrations().values() for key in older)}
    return {key for key in applied - here if key[0] in OWN}


def obstacle(applied: AbstractSet[Key]) -> str:
    """Return why this version can't upgrade the database, and which version has to come first; empty when it can."""
    for older in installed_migrations().values():
        app, last = older[-1] if older else ("", "")
        had = applied & set(older)
        if app in OWN and had and len(had) < len(older):
            return _(
                "The database has only %(had)d of the %(all)d migrations of %(app)s that this version takes as one: first run "
                "“manage.py migrate” of the last version that has the file %(app)s/migrations/%(last)s.py, then that of this "
                "version."
            ) % {"had": len(had), "all": len(older), "app": app, "last": last}
    return ""
