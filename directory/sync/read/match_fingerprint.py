"""Hashes everything that matching entries to users depends on: users in scope, their usernames, known ids, the rules."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from directory.ldap.identity import Trait, own_attribute
from directory.models import KnownId, LdapServer, Match, PlannedMatch, RunChange, RunServer, StoredEntry
from directory.sync import fingerprints
from directory.values.plan import DOUBTFUL, MatchedBy
from orgs.models import User

# Over all rows in any order. The texts are hashed one into the other, so that none can pass for another's part.
HASH = """hashtextextended(u.username_key, hashtextextended(coalesce({unique_id}, ''), hashint8extended(
    u.id, coalesce({server}, 0) * 2 + (u.org_id = ANY(%(orgs)s))::int)))"""
# Beside what holds, the first matches that a plan is about to note for those who have none.
POSTGRESQL = """
    SELECT count(*) FILTER (WHERE counts), sum({now}) FILTER (WHERE counts), count(*), sum({then})
    FROM {users} u LEFT JOIN {matches} m ON m.user_id = u.id LEFT JOIN {planned} p
        ON p.user_id = u.id AND p.run_id = %(plan)s AND m.user_id IS NULL AND NOT (u.id = ANY(%(doubtful)s)),
        LATERAL (SELECT u.org_id = ANY(%(orgs)s) OR m.user_id IS NOT NULL AS counts) c
    WHERE counts OR p.user_id IS NOT NULL
"""
FURTHER_IDS = """
    SELECT count(*), sum(hashtextextended(unique_id, hashint8extended(user_id, coalesce(server_id, 0)))) FROM {known}
"""
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The match fingerprint of a server once the first matches of a plan are noted; ``reading`` is the reading's row."""

    server: LdapServer
    reading: int
    match_fingerprint: str


def present(org_ids: Collection[int], *, at: datetime) -> str:
    """Return the match fingerprint that holds now for a server of these orgs.

    It differs from day to day, so that each entry is compared with the users once a day at least. It differs with other
    rules, too.
    """
    return _now_and_then(org_ids, NOBODY, (), at)[0]


def of_last_reading(row: RunServer) -> str:
    """Return the match fingerprint of a server's stored entries; empty where they are not all of one reading."""
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

    ``orgs_by_server`` are the ids of the orgs that use each server. Servers whose last fingerprint does not hold any
    more are left out.
    """
    planned = PlannedMatch.objects.filter(run=plan_id)
    # Where entries have several ids, the next reading looks at all of them.
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

    Nothing is done where an entry with such an id was matched to another user: the next reading then compares all.
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
        # Entries that nobody else claims need no change: the noted match has the same result.
        by_name = entries.filter(Exists(theirs), server=each.server, matched_by=MatchedBy.USERNAME, ambiguous=True)
        by_name.update(matched_by=MatchedBy.ID)
        RunServer.objects.filter(pk=each.reading).update(match_fingerprint=each.match_fingerprint)


def _now_and_then(org_ids: Collection[int], plan_id: int, doubtful: Collection[int], at: datetime) -> tuple[str, str]:
    """Return the fingerprint that holds now, and the one that will hold once the plan's first matches are stored.

    Both come from one snapshot of the users, so that any other change meanwhile makes another hash.
    """
    hashes = _hashes_in_postgresql if connection.vendor == "postgresql" else _hashes_in_python
    now, then = (f"{each} {_further_ids()}" for each in hashes(org_ids, plan_id, doubtful))
    return _dated(now, org_ids, at), _dated(then, org_ids, at)


def _further_ids() -> str:
    """Return the hash of the ids that are known beside those of matches: most installations have none."""
    columns = ("user_id", "unique_id", "server_id")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(FURTHER_IDS.format(known=connection.ops.quote_name(KnownId._meta.db_table)))
            return repr(cursor.fetchone())
    digest = hashlib.blake2b(digest_size=16)
    for row in KnownId.objects.order_by("pk").values_list(*columns).iterator():
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _dated(content: str, org_ids: Collection[int], at: datetime) -> str:
    return hashlib.sha256(f"{fingerprints.MATCHES} {at:%Y-%m-%d} {sorted(org_ids)} {content}".encode()).hexdigest()


def _hashes_in_postgresql(org_ids: Collection[int], plan_id: int, doubtful: Collection[int]) -> tuple[str, str]:
    models = {"users": User, "matches": Match, "planned": PlannedMatch}
    quoted = {key: connection.ops.quote_name(model._meta.db_table) for key, model in models.items()}
    now = HASH.format(unique_id="m.unique_id", server="m.server_id")
    then = HASH.format(unique_id="m.unique_id, p.unique_id", server="m.server_id, p.server_id")
    parameters: dict[str, Any] = {"orgs": list(org_ids), "plan": plan_id, "doubtful": list(doubtful)}
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL.format(now=now, then=then, **quoted), parameters)
        row = cursor.fetchone()
    return repr(row[:2]), repr(row[2:])


def _hashes_in_python(org_ids: Collection[int], plan_id: int, doubtful: Collection[int]) -> tuple[str, str]:
    first = (
        PlannedMatch.objects.filter(run=plan_id).exclude(user__in=doubtful).values_list("user", "server", "unique_id")
    )
    planned = {pk: (server, unique_id) for pk, server, unique_id in first}
    inside, now, then = frozenset(org_ids), hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    columns = ("pk", "username_key", "org_id", "match__server_id", "match__unique_id")
    for pk, key, org_id, server, unique_id in User.objects.order_by("pk").values_list(*columns).iterator():
        noted = (server, unique_id) if unique_id is not None else planned.get(pk)
        if org_id in inside or unique_id is not None:
            now.update(repr((pk, key, org_id in inside, server, unique_id)).encode("utf-8", "surrogatepass"))
        if org_id in inside or noted:
            row = (pk, key, org_id in inside, *(noted or (None, None)))
            then.update(repr(row).encode("utf-8", "surrogatepass"))
    return now.hexdigest(), then.hexdigest()
