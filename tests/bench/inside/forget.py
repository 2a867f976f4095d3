"""Takes away what syncs have left of their readings: the next one is a first sync, of users that are as it wants them."""

from __future__ import annotations

from django.db import connection

from directory.models import CachedDecision, Heartbeat, Match, StoredEntry, StoredGroup


def main() -> None:
    """Empty the tables of stored entries, groups and matches, and have the database look at its tables once.

    Workers that have ended are forgotten, too: for a while they would be taken for some that could help.
    """
    Heartbeat.objects.all().delete()
    tables = [
        connection.ops.quote_name(model._meta.db_table) for model in (StoredEntry, StoredGroup, Match, CachedDecision)
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)}")
            cursor.execute("VACUUM ANALYZE")
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("ANALYZE")
