"""Stores the last DN of each user whose entry is no longer on an LDAP server."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Exists, OuterRef

from directory.ldap.entry_identity import id_key
from directory.models import LastSeen, Match, PlannedMatch, StoredEntry
from directory.sync.identify import known_ids


def dns_of(users: Collection[int], server_id: int) -> dict[int, str]:
    """Return the last DNs, by user id, of the users among these whose entry is no longer on this server."""
    rows = LastSeen.objects.filter(server=server_id, user__among=users).values_list("user_id", "dn", "unique_id")
    found = {pk: (dn, unique_id) for pk, dn, unique_id in rows}
    return {pk: found[pk][0] for pk in _theirs(found, server_id)} if found else {}


def _theirs(entries: Mapping[int, tuple[str, str]], server_id: int) -> set[int]:
    """Return the users whose entry, given as DN and immutable id, may be theirs: an entry with only other ids is not."""
    ids = {pk: noted.ids for pk, noted in known_ids.of(entries).items() if noted.ids}
    return {
        pk
        for pk, (_, unique_id) in entries.items()
        if not unique_id or pk not in ids or id_key(unique_id, server_id) in ids[pk]
    }


def note_missed(entries: Mapping[int, tuple[str, str]], *, server_id: int, run_id: int) -> None:
    """Note the last DNs of users whose entry a run has not found on a server; ``entries``: DN and immutable id, by user id."""
    found = set(StoredEntry.objects.filter(server=server_id, user__among=entries).values_list("user", flat=True))
    gone = {pk: entries[pk] for pk in sorted(entries.keys() - found)}
    theirs = _theirs(gone, server_id)
    LastSeen.objects.bulk_create(
        [
            LastSeen(user_id=pk, server_id=server_id, dn=dn, unique_id=unique_id, run_id=run_id)
            for pk, (dn, unique_id) in gone.items()
            if pk in theirs
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["server", "user"],
        update_fields=["dn", "unique_id", "run_id"],
    )


def missed_by(run_id: int, *, server_id: int) -> set[int]:
    """Return the users whose entry was on a server before, and was not found there by a run."""
    entries = StoredEntry.objects.filter(server=server_id, user=OuterRef("user"))
    missed = LastSeen.objects.filter(~Exists(entries), server=server_id, run_id=run_id)
    return set(missed.values_list("user", flat=True))


def moved_on(plan_id: int) -> dict[int, int]:
    """Return the users whose entry is no longer on the server of their match, but was found on another one by a plan.

    The result maps user ids to the id of the match's server.
    """
    elsewhere = PlannedMatch.objects.filter(run=plan_id, user=OuterRef("user")).exclude(server=OuterRef("server"))
    noted = Match.objects.filter(user=OuterRef("user"), server=OuterRef("server"))
    found: dict[int, int] = dict(
        LastSeen.objects.filter(Exists(noted), Exists(elsewhere)).values_list("user", "server")
    )
    return found


def forget_where_they_left(left: Mapping[int, int]) -> None:
    """Forget the last DNs of users whose match is on another server now; ``left`` is the result of ``moved_on``."""
    now = dict(Match.objects.filter(user__among=left).values_list("user", "server"))
    by_server: dict[int, list[int]] = {}
    for pk, server_id in left.items():
        if now.get(pk) not in (None, server_id):
            by_server.setdefault(server_id, []).append(pk)
    for server_id, users in by_server.items():
        LastSeen.objects.filter(server=server_id, user__among=users).delete()
