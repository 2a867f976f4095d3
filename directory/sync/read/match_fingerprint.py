"""Hashes everything that matching entries to users depends on: users in scope, their usernames, known ids, the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from directory import digests
from directory.ldap.entry_identity import Trait, own_attribute
from directory.models import KnownId, LdapServer, Match, PlannedMatch, RunChange, RunServer, StoredEntry
from directory.sync import rule_fingerprints
from directory.values.plan import DOUBTFUL, MatchedBy
from orgs.models import User

# The hash of one row; the sum over all rows does not depend on their order. Each value is hashed with the hash of the
# others as its seed, so that the borders between them count. On SQLite the function is Rollcall's own
# (sqlite_hash_function.py).
HASH = """hashtextextended(u.username_key, hashtextextended(coalesce({unique_id}, ''),
    (u.id << 24) + coalesce({server}, 0) * 2 + CASE WHEN {inside} THEN 1 ELSE 0 END))"""
NOW = """
    SELECT count(*), sum({now}) FROM {users} u LEFT JOIN {matches} m ON m.user_id = u.id
    WHERE {inside} OR m.user_id IS NOT NULL
"""
# The present sum, and the sum with the first matches that a plan is about to note for users without one.
NOW_AND_THEN = """
    SELECT count(*) FILTER (WHERE {inside} OR m.user_id IS NOT NULL),
        sum({now}) FILTER (WHERE {inside} OR m.user_id IS NOT NULL), count(*), sum({then})
    FROM {users} u LEFT JOIN {matches} m ON m.user_id = u.id LEFT JOIN {planned} p
        ON p.user_id = u.id AND p.run_id = {plan} AND m.user_id IS NULL AND NOT (u.id IN ({doubtful}))
    WHERE {inside} OR m.user_id IS NOT NULL OR p.user_id IS NOT NULL
"""
# The known ids beside those of matches; most installations have none.
FURTHER_IDS = "SELECT count(*), sum(hashtextextended(unique_id, (user_id << 24) + coalesce(server_id, 0))) FROM {known}"
# No row has this id. It stands for an empty list, which SQL does not allow.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The match fingerprint of a server once the first matches of a plan are noted; ``reading`` is the reading's row."""

    server: LdapServer
    reading: int
    match_fingerprint: str


def present(org_ids: Collection[int], *, at: datetime) -> str:
    """Return the present match fingerprint for a server of these orgs.

    It contains the day, so that each entry is compared with the users at least once a day, and the source of the rules.
    """
    return _dated(_hashed(NOW, org_ids), org_ids, at)


def of_last_reading(row: RunServer) -> str:
    """Return the match fingerprint of a server's stored entries; empty if they are not all of one reading."""
    before = RunServer.objects.that_read(row.server_id).exclude(pk=row.pk)
    last = before.values_list("complete", "match_fingerprint").first()
    return last[1] if last is not None and last[0] else ""


def foresee(
    readings: Iterable[RunServer],
    orgs_by_server: Mapping[int, Collection[int]],
    *,
    plan_id: int,
    run_id: int,
    at: datetime,
) -> list[Foreseen]:
    """Return the match fingerprints that will hold once this run has stored the matches of its plan.

    ``orgs_by_server`` are the ids of the orgs that use each server. Servers whose stored fingerprint is out of date are
    left out.
    """
    planned = PlannedMatch.objects.filter(run=plan_id)
    # If entries have several ids, nothing is foreseen, and the next reading compares all entries.
    servers = [row.server_id for row in readings if row.complete and row.server_id is not None]
    several = StoredEntry.objects.filter(server__in=servers, traits__gte=int(Trait.SEVERAL_IDS))
    if not planned.exists() or several.exists():
        return []
    doubtful = RunChange.objects.of(run_id).filter(user__isnull=False, outcome=DOUBTFUL)
    unsure, found = list(doubtful.values_list("user_id", flat=True)), []
    for server in LdapServer.objects.filter(pk__in=servers):
        last = RunServer.objects.that_read(server.pk).first()
        if last is None or not last.match_fingerprint or not last.complete:
            continue
        org_ids = orgs_by_server.get(server.pk, ())
        now, then = _now_and_then(org_ids, plan_id, unsure, at)
        if now == last.match_fingerprint:
            found.append(Foreseen(server, last.pk, then))
    return found


def follow(foreseen: Collection[Foreseen], *, noted_at: datetime) -> None:
    """Match stored entries by the ids that were just noted, as the next reading would, and store the fingerprints.

    If an entry with such an id is matched to another user, nothing is done, and the next reading compares all entries.
    """
    entries = StoredEntry.objects.filter(server__in=[each.server.pk for each in foreseen]).exclude(unique_id="")
    noted = Match.objects.filter(unique_id=OuterRef("unique_id"), matched_at=noted_at)
    others = Q(user=None) | Q(Exists(noted.exclude(user=OuterRef("user"))))
    if not foreseen or entries.filter(Exists(noted), others).exists():
        return
    for each in foreseen:
        theirs = noted.filter(user=OuterRef("user"))
        if own_attribute(each.server.mapping):
            theirs = theirs.filter(server=each.server)
        # Entries without competing users need no change: the noted match leads to the same result.
        by_name = entries.filter(Exists(theirs), server=each.server, matched_by=MatchedBy.USERNAME, ambiguous=True)
        by_name.update(matched_by=MatchedBy.ID)
        RunServer.objects.filter(pk=each.reading).update(match_fingerprint=each.match_fingerprint)


def _now_and_then(org_ids: Collection[int], plan_id: int, doubtful: Collection[int], at: datetime) -> tuple[str, str]:
    """Return the present fingerprint, and the one that will hold once the plan's first matches are stored.

    Both come from one snapshot of the users, so that any other change in the meantime leads to another hash.
    """
    row = _hashed(NOW_AND_THEN, org_ids, plan=plan_id, doubtful=_listed(doubtful))
    return _dated(row[:2], org_ids, at), _dated(row[2:], org_ids, at)


def _hashed(statement: str, org_ids: Collection[int], **values: object) -> tuple[Any, ...]:
    """Return the counts and sums of hashes that a statement selects; only names and numbers are put into it."""
    models = {"users": User, "matches": Match, "planned": PlannedMatch}
    quoted = {key: connection.ops.quote_name(model._meta.db_table) for key, model in models.items()}
    inside = f"u.org_id IN ({_listed(org_ids)})"
    now = HASH.format(unique_id="m.unique_id", server="m.server_id", inside=inside)
    then = HASH.format(unique_id="m.unique_id, p.unique_id", server="m.server_id, p.server_id", inside=inside)
    with connection.cursor() as cursor:
        cursor.execute(statement.format(now=now, then=then, inside=inside, **quoted, **values))
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ids))) or str(NOBODY)


def _dated(row: tuple[Any, ...], org_ids: Collection[int], at: datetime) -> str:
    """Return one hash of these counts and sums, all further ids, the rules, the orgs and the day."""
    with connection.cursor() as cursor:
        cursor.execute(FURTHER_IDS.format(known=connection.ops.quote_name(KnownId._meta.db_table)))
        further = cursor.fetchone()
    content = f"{rule_fingerprints.MATCHES} {at:%Y-%m-%d} {sorted(org_ids)} {row} {further}"
    return digests.of_text(content)
