"""I12: what is stored of a directory is what was read, and nothing that is known of a user is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, OuterRef

from directory.invariants.proofs import FROM_THE_DIRECTORY, PLANNED_OR_APPLIED, READER
from directory.models import KnownId, LdapServer, Match, RunChange, RunServer, StoredEntry
from directory.sync.entries.group_store import GroupStore
from directory.values.group_graph import names_of
from orgs.text import counted

# The attribute that entry.groups is stored as.
GROUPS = "groups"


def stored_as_read(_at: datetime) -> Iterator[str]:
    """Of a server that was last read to its end are stored as many entries as came, and no other ones."""
    stored = dict(StoredEntry.objects.order_by().values_list("server").annotate(Count("pk")))
    newest: dict[int, RunServer] = {}
    read = RunServer.objects.filter(server__isnull=False, run__undo_of=None, run__plan_from=None)
    for row in read.only("run", "server", "server_name", "complete", "entries", "pages").order_by("pk").iterator():
        newest[row.server_id or 0] = row
    for server_id, row in sorted(newest.items()):
        if row.complete and stored.get(server_id, 0) != row.entries:
            found = stored.get(server_id, 0)
            yield f"run {row.run_id} read {counted(row.entries, 'entry', 'entries')} of {row.server_name} to the last, but {found} are stored"


def one_entry_for_one_id(_at: datetime) -> Iterator[str]:
    """Nobody was decided by one of two entries of a server that carry the same immutable id."""
    mine = StoredEntry.objects.filter(pk=OuterRef("entry"), run_id__gt=0, run_id__lte=OuterRef("reader"))
    twin = StoredEntry.objects.filter(
        server=OuterRef("server"),
        unique_id=OuterRef("unique_id"),
        user=OuterRef("user"),
        run_id__gt=0,
        run_id__lte=OuterRef(OuterRef("reader")),
    ).exclude(pk=OuterRef("pk"))
    rows = RunChange.objects.filter(
        FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED, user__isnull=False, entry__isnull=False
    )
    twice = mine.filter(Exists(twin), user=OuterRef("user")).exclude(unique_id="")
    for change in rows.annotate(reader=READER).filter(Exists(twice)).order_by("pk").iterator():
        yield (
            f"run {change.run_id}, change {change.pk} of user {change.user_id} ({change.username}) was decided by one of "
            "two entries with the same immutable id"
        )


def ids_are_kept(_at: datetime) -> Iterator[str]:
    """No match is without an immutable id where one that counts everywhere is known of the user."""
    ids = KnownId.objects.filter(user=OuterRef("user"))
    forgotten = Match.objects.filter(Exists(ids.filter(server=None)), unique_id="")
    # A company's own number may have been the last one that was noted, and it stays with its server.
    for match in forgotten.exclude(Exists(ids.filter(server__isnull=False))).order_by("user").iterator():
        yield f"user {match.user_id} is matched to {match.dn} without an immutable id, though one is known"


def ids_are_one_users(_at: datetime) -> Iterator[str]:
    """No immutable id that counts everywhere is noted as that of two users who are both matched by it."""
    twice = Match.objects.exclude(unique_id="").exclude(unique_id__contains=": ")
    alike = twice.values("unique_id").order_by().annotate(users=Count("user")).filter(users__gt=1)
    for row in alike.order_by("unique_id").iterator():
        yield f"the immutable id {row['unique_id']} is noted as that of {counted(row['users'], 'user', 'users')}"


def groups_match_the_graph(_at: datetime) -> Iterator[str]:
    """Stored entries have the groups of the stored graph, on servers that resolve groups and were last read to their end."""
    for server in LdapServer.objects.filter(resolve_groups=True).order_by("pk"):
        last = RunServer.objects.that_read(server.pk).first()
        store = GroupStore(server.pk, depth=server.groups_depth)
        # Else the next reading makes all of it anew.
        as_set_now = last is not None and last.configuration_digest == server.configuration_digest
        if last is None or not last.complete or not as_set_now or not store.is_of_this_version():
            continue
        entries = StoredEntry.objects.filter(server=server).order_by("pk").values_list("dn", "attributes")
        for dn, attributes in entries.iterator(chunk_size=1000):
            stored, right = list(attributes.get(GROUPS, ())), store.graph.groups(dn, names_of(attributes))
            if stored != right:
                yield (
                    f"{dn} of {server.name} is stored with {counted(len(stored), 'group', 'groups')}, and the groups that were read "
                    f"say {len(right)}; {_difference(stored, right)}"
                )


def _difference(stored: list[str], right: list[str]) -> str:
    """Return in words one group in which two lists differ."""
    if more := sorted(set(stored) - set(right)):
        return f"it should not have {more[0]}"
    if missing := sorted(set(right) - set(stored)):
        return f"it lacks {missing[0]}"
    return "they are in another order"
