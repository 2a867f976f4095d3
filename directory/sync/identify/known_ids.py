"""Stores which immutable ids belong to which user: every id that was ever noted for a user counts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count

from directory.ldap.entry_identity import counts_on, id_key
from directory.models import KnownId, Match, PlannedMatch, RunChange, RunRepeat, StoredEntry
from directory.values.ldap import IdKey
from directory.values.plan import DOUBTFUL, Outcome
from orgs.models import User

PAGE = 1000
MOST_IDS = 50
# Selects the planned matches to note: the first match of a user, and a later one if the user is active or was found by
# a known id. A deactivated user keeps the noted match, because another person may have the username by now. If two
# users of one plan were found by the same id, on two servers, it is noted for neither.
NOTED = """
    FROM {planned} p JOIN {users} u ON u.id = p.user_id LEFT JOIN {match} m ON m.user_id = p.user_id
    WHERE p.run_id = %s
      AND p.user_id NOT IN (SELECT c.user_id FROM {changes} c WHERE c.run_id = %s AND c.user_id IS NOT NULL
                            AND c.outcome = %s)
      AND p.user_id NOT IN (SELECT c.user_id FROM {repeats} r JOIN {changes} c ON c.id BETWEEN r.first AND r.last
                            WHERE r.run_id = %s AND c.user_id IS NOT NULL AND c.outcome = %s)
      AND (m.user_id IS NULL OR u.active OR p.by_id
           OR (m.unique_id = '' AND NOT EXISTS (SELECT 1 FROM {known} k WHERE k.user_id = p.user_id)))
      AND p.unique_id NOT IN (SELECT d.unique_id FROM {planned} d WHERE d.run_id = %s AND d.unique_id <> ''
                              AND d.unique_id NOT LIKE '%%: %%' GROUP BY d.unique_id HAVING count(*) > 1)
"""
# An id that is a company's own number counts only on the server where it was read.
OWN = "m.unique_id LIKE '%%: %%'"
# These statements read and fill the same table. If PostgreSQL takes it for empty, it scans the growing table again for
# each row. No index has this order, so the sort makes PostgreSQL read all rows before it writes the first one.
ALL_READ_FIRST = " ORDER BY p.server_id, p.user_id"
# Keeps the id of a match that is about to get another id or another server.
KEEP_IDS = (
    "INSERT INTO {known} (user_id, unique_id, server_id, noted_at) "
    f"SELECT m.user_id, m.unique_id, CASE WHEN {OWN} THEN m.server_id END, %s"
    f"{NOTED} AND m.unique_id <> '' AND NOT ({OWN} AND m.server_id IS NULL)"
    f" AND (p.unique_id NOT IN ('', m.unique_id) OR ({OWN} AND m.server_id <> p.server_id))"
    f"{ALL_READ_FIRST} ON CONFLICT DO NOTHING"
)
# If the entry has no id, the match keeps its id.
UNIQUE_ID = f"CASE WHEN p.unique_id = '' AND NOT ({OWN} AND m.server_id <> p.server_id) THEN m.unique_id END"
NOTE_MATCHES = (
    "INSERT INTO {match} (user_id, server_id, dn, unique_id, matched_at) "
    f"SELECT p.user_id, p.server_id, p.dn, coalesce({UNIQUE_ID}, p.unique_id), %s {NOTED}{ALL_READ_FIRST}"
    " ON CONFLICT (user_id) DO UPDATE SET server_id = EXCLUDED.server_id, dn = EXCLUDED.dn,"
    " unique_id = EXCLUDED.unique_id, matched_at = EXCLUDED.matched_at"
)


class KnownInDirectories(NamedTuple):
    """The last match of a user, and all ids of the user, with the servers where they count."""

    server: int | None = None
    dn: str = ""
    unique_id: str = ""
    ids: frozenset[IdKey] = frozenset()

    @property
    def known_id(self) -> str:
        """The id of the last match, or another known id; empty if there is none."""
        if self.unique_id or not self.ids:
            return self.unique_id
        return min(one for one, _ in self.ids)


NOTHING = KnownInDirectories()


def of(user_ids: Collection[int]) -> dict[int, KnownInDirectories]:
    """Return match and ids of these users by user id, without users who were never matched."""
    further: dict[int, set[IdKey]] = {}
    for pk, unique_id, server in KnownId.objects.filter(user__among=user_ids).values_list(
        "user_id", "unique_id", "server_id"
    ):
        further.setdefault(pk, set()).add(id_key(unique_id, server))
    matches = Match.objects.filter(user__among=user_ids).values_list("user_id", "server_id", "dn", "unique_id")
    noted = {}
    for pk, server, dn, unique_id in matches:
        ids = frozenset([id_key(unique_id, server)] if unique_id else ())
        noted[pk] = KnownInDirectories(server, dn, unique_id, ids | further[pk] if pk in further else ids)
    return noted


def owners(unique_ids: Collection[str], *, server_id: int) -> Iterator[tuple[str, int, int]]:
    """Yield (immutable id, user id, org id) for each user who has one of these ids, read on this server."""
    columns = ("unique_id", "server_id", "user_id", "user__org_id")
    for model in (Match, KnownId):
        for unique_id, server, pk, org_id in model.objects.filter(unique_id__among=unique_ids).values_list(*columns):
            if counts_on(server_id, unique_id, server):
                yield unique_id, pk, org_id


def usernames(unique_ids: Collection[str], *, server_id: int) -> dict[str, str]:
    """Return the usernames of the users who have these ids, read on this server, by immutable id."""
    found = {one: pk for one, pk, _ in owners(unique_ids, server_id=server_id)}
    names = dict(User.objects.filter(pk__among=set(found.values())).values_list("pk", "username"))
    return {one: names[pk] for one, pk in found.items()}


def note(*, plan_id: int, run_id: int, at: datetime) -> None:
    """Note the entries that decided about the users of a plan, with all their ids; entries in doubt are left out."""
    if PlannedMatch.objects.filter(run=plan_id).exists():
        _note_planned(plan_id=plan_id, run_id=run_id, at=at)
    _note_conflicts(run_id, at=at)


def _note_planned(*, plan_id: int, run_id: int, at: datetime) -> None:
    models = {"match": Match, "planned": PlannedMatch, "users": User, "changes": RunChange}
    models |= {"repeats": RunRepeat, "known": KnownId}
    tables = {name: connection.ops.quote_name(model._meta.db_table) for name, model in models.items()}
    which: list[Any] = [plan_id, *(run_id, DOUBTFUL) * 2, plan_id]
    when: Any = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.user_id {NOTED} AND p.further_ids <> ''".format(**tables), which)
        several = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(KEEP_IDS.format(**tables), [when, *which])
        kept = cursor.rowcount
        cursor.execute(NOTE_MATCHES.format(**tables), [when, *which])
    for start in range(0, len(several), PAGE):
        planned = PlannedMatch.objects.filter(run=plan_id, user__among=several[start : start + PAGE])
        rows = planned.values_list("user_id", "server_id", "further_ids")
        add(((pk, server, one) for pk, server, ids in rows for one in json.loads(ids)), at=at)
    if several or kept:
        _forget_the_oldest()


def _note_conflicts(run_id: int, *, at: datetime) -> None:
    """Store the server of users without a match whose entry is in conflict, but none of the entry's ids.

    Otherwise they would count as absent once their org does not use that server any more.
    """
    unknown = RunChange.objects.of(run_id).filter(
        outcome=Outcome.CONFLICT, user__active=True, user__match=None, server__isnull=False
    )
    conflicts = dict(unknown.values_list("user", "server"))
    entries = StoredEntry.objects.filter(user__among=conflicts).order_by("pk").values_list("user", "server", "dn")
    found = {pk: dn for pk, server, dn in entries if conflicts[pk] == server}
    Match.objects.bulk_create(
        [Match(user_id=pk, server_id=conflicts[pk], dn=dn, matched_at=at) for pk, dn in sorted(found.items())],
        batch_size=500,
        ignore_conflicts=True,
    )


def _forget_the_oldest() -> None:
    """Keep the newest MOST_IDS ids of each user: some servers make all ids anew each time that they are set up."""
    with_too_many = KnownId.objects.order_by().values("user").annotate(Count("pk")).filter(pk__count__gt=MOST_IDS)
    for user in list(with_too_many.values_list("user", flat=True)):
        newest = KnownId.objects.filter(user=user).order_by("-noted_at", "-pk").values_list("pk", flat=True)
        KnownId.objects.filter(pk__in=list(newest[MOST_IDS:])).delete()


def add(ids: Iterable[tuple[int, int, str]], *, at: datetime) -> None:
    """Note further ids, given as (user id, server id, immutable id); rows of known ids stay as they are."""
    new = [
        KnownId(user_id=pk, unique_id=unique_id, server_id=id_key(unique_id, server)[1] or None, noted_at=at)
        for pk, server, unique_id in ids
    ]
    KnownId.objects.bulk_create(new, batch_size=500, ignore_conflicts=True)
