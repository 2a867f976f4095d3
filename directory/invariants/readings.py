"""I12: stored entries are those that were read, and known ids of users are not lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, OuterRef

from directory.invariants.run_proofs import FROM_THE_DIRECTORY, PLANNED_OR_APPLIED, READER
from directory.models import KnownId, LdapServer, Match, RunChange, RunServer, StoredEntry
from directory.sync.entries.group_store import GroupStore
from directory.values.group_graph import names_of
from orgs.text import counted

# The attribute in which entry.groups is stored.
GROUPS = "groups"


def stored_as_read(_at: datetime) -> Iterator[str]:
    """After a complete last reading of a server, as many entries are stored as were read."""
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
    """No change was decided by one of two entries of a server with the same immutable id."""
    # First the users with two such entries, who are hardly ever there: to look for a twin of each change's entry is work that
    # grows with the square of the entries where the database takes another index.
    stored = StoredEntry.objects.filter(run_id__gt=0, user__isnull=False).exclude(unique_id="").order_by()
    alike = stored.values("server", "unique_id", "user").annotate(entries=Count("pk")).filter(entries__gt=1)
    users = {row["user"] for row in alike}
    if not users:
        return
    mine = StoredEntry.objects.filter(pk=OuterRef("entry"), run_id__gt=0, run_id__lte=OuterRef("reader"))
    twin = StoredEntry.objects.filter(
        server=OuterRef("server"),
        unique_id=OuterRef("unique_id"),
        user=OuterRef("user"),
        run_id__gt=0,
        run_id__lte=OuterRef(OuterRef("reader")),
    ).exclude(pk=OuterRef("pk"))
    rows = RunChange.objects.filter(
        FROM_THE_DIRECTORY, outcome__in=PLANNED_OR_APPLIED, user__among=users, entry__isnull=False
    )
    twice = mine.filter(Exists(twin), user=OuterRef("user")).exclude(unique_id="")
    for change in rows.annotate(reader=READER).filter(Exists(twice)).order_by("pk").iterator():
        yield (
            f"run {change.run_id}, change {change.pk} of user {change.user_id} ({change.username}) was decided by one of "
            "two entries with the same immutable id"
        )


def ids_are_kept(_at: datetime) -> Iterator[str]:
    """A match has an immutable id when the user has a known one that is valid on every server."""
    ids = KnownId.objects.filter(user=OuterRef("user"))
    forgotten = Match.objects.filter(Exists(ids.filter(server=None)), unique_id="")
    # Without users who have an id of one server only: it may have been the last id of their match.
    for match in forgotten.exclude(Exists(ids.filter(server__isnull=False))).order_by("user").iterator():
        yield f"user {match.user_id} is matched to {match.dn} without an immutable id, though one is known"


def ids_are_one_users(_at: datetime) -> Iterator[str]:
    """No immutable id that is valid on every server is in the matches of two users."""
    twice = Match.objects.exclude(unique_id="").exclude(unique_id__contains=": ")
    alike = twice.values("unique_id").order_by().annotate(users=Count("user")).filter(users__gt=1)
    for row in alike.order_by("unique_id").iterator():
        yield f"the immutable id {row['unique_id']} is noted as that of {counted(row['users'], 'user', 'users')}"


def groups_match_the_graph(_at: datetime) -> Iterator[str]:
    """Stored entries have the groups of the stored graph, on servers that resolve groups and were last read completely."""
    for server in LdapServer.objects.filter(resolve_groups=True).order_by("pk"):
        last = RunServer.objects.that_read(server.pk).first()
        store = GroupStore(server.pk, depth=server.groups_depth)
        # Otherwise the next reading stores all of it again.
        as_set_now = last is not None and last.configuration_digest == server.configuration_digest
        if last is None or not last.complete or not as_set_now or not store.is_of_this_version():
            continue
        entries = StoredEntry.objects.filter(server=server).order_by("pk").values_list("dn", "attributes")
        for dn, attributes in entries.iterator(chunk_size=1000):
            stored, resolved = list(attributes.get(GROUPS, ())), store.graph.groups(dn, names_of(attributes))
            if stored != resolved:
                yield (
                    f"{dn} of {server.name} is stored with {counted(len(stored), 'group', 'groups')}, and the groups that were read "
                    f"say {len(resolved)}; {_difference(stored, resolved)}"
                )


def _difference(stored: list[str], resolved: list[str]) -> str:
    """Return a sentence about one group in which the lists differ."""
    if more := sorted(set(stored) - set(resolved)):
        return f"it should not have {more[0]}"
    if missing := sorted(set(resolved) - set(stored)):
        return f"it lacks {missing[0]}"
    return "they are in another order"
