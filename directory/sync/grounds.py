"""What entries are matched by, as one hash: who is in scope under which name, and whose ids are known."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.db import connection

from directory.models import Match, RunServer
from orgs.models import User

# Over all rows in any order. The texts are hashed one into the other, so that none can pass for another's part.
POSTGRESQL = """
    SELECT count(*), sum(hashtextextended(u.username_key, hashtextextended(coalesce(m.unique_id, ''), hashint8extended(
        u.id, coalesce(m.server_id, 0) * 2 + (u.org_id = ANY(%s))::int))))
    FROM {users} u LEFT JOIN {matches} m ON m.user_id = u.id WHERE u.org_id = ANY(%s) OR m.user_id IS NOT NULL
"""


def present(org_ids: Collection[int], *, at: datetime) -> str:
    """Return the hash of what the entries of a server that these orgs ask would be matched by now.

    It is another one each day, so that no entry is taken for a user for longer than that without a look at both.
    """
    told = _told_by_postgresql(org_ids) if connection.vendor == "postgresql" else _told(org_ids)
    return hashlib.sha256(f"{at:%Y-%m-%d} {sorted(org_ids)} {told}".encode()).hexdigest()


def _told_by_postgresql(org_ids: Collection[int]) -> str:
    names = {"users": User._meta.db_table, "matches": Match._meta.db_table}
    quoted = {key: connection.ops.quote_name(name) for key, name in names.items()}
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL.format(**quoted), [list(org_ids), list(org_ids)])
        return repr(cursor.fetchone())


def _told(org_ids: Collection[int]) -> str:
    inside, told = frozenset(org_ids), hashlib.blake2b(digest_size=16)
    columns = ("pk", "username_key", "org_id", "match__server_id", "match__unique_id")
    for pk, key, org_id, server, unique_id in User.objects.order_by("pk").values_list(*columns).iterator():
        if org_id in inside or unique_id is not None:
            told.update(repr((pk, key, org_id in inside, server, unique_id)).encode("utf-8", "surrogatepass"))
    return told.hexdigest()


def of_last_reading(row: RunServer) -> str:
    """Return the hash that a server's stored entries were matched by; empty where they are not all of one reading."""
    before = RunServer.objects.filter(server=row.server_id, run__undo_of=None).exclude(pk=row.pk)
    last = before.order_by("-pk").values_list("complete", "ground").first()
    return last[1] if last is not None and last[0] else ""
