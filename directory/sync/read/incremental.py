"""Whether a run may read from a server only what has changed, and since when: a chain of readings that were applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from directory.ldap.attributes import computed_attributes
from directory.models import LdapServer, Run, RunServer, RunState
from directory.values.ldap import CursorKind, SyncCursor
from orgs.text import counted


def since(run: Run, server: LdapServer) -> tuple[SyncCursor | None, str]:
    """Return from where on changes are enough, or None and why everything has to be read.

    The words are empty where nobody has asked for less. A position counts once what was read from it has been applied;
    a reading of everything comes every so many times, since only that one proves who is absent.
    """
    if not run.incremental or server.full_reading_every <= 1:
        return None, ""
    applied = RunServer.objects.filter(
        server=server, complete=True, run__simulated=False, run__state=RunState.APPLIED, run__undo_of=None
    )
    last = list(applied.order_by("-pk")[: server.full_reading_every - 1])
    position, why_full = from_json(last[0].cursor) if last else None, ""
    if not last:
        why_full = "nothing that was read from it has been applied yet"
    elif position is None:
        why_full = "where it was in its history at the last reading is not known"
    elif last[0].configuration_digest != server.configuration_digest:
        why_full = "its settings have changed"
    elif computed_why := _computed(server, last):
        why_full = computed_why
    elif _broke_off(run, server):
        why_full = "the last reading of it was not complete"
    elif _read_in_full_for_nothing(run, server):
        why_full = "it has been read in full since the last sync, and that was not applied"
    elif all(row.since for row in last):
        why_full = (
            f"it is time for a full reading, which comes every {counted(server.full_reading_every, 'sync', 'syncs')}"
        )
    return (None, why_full) if why_full else (position, "")


def _computed(server: LdapServer, last: Sequence[RunServer]) -> str:
    """Return why attributes that are named have to be read of everybody, by what the last full reading found."""
    return named_computed(server, next((row.computed for row in last if not row.since), ()))


def named_computed(server: LdapServer, by_schema: Collection[str]) -> str:
    """Return why everything has to be read for an attribute that mapping, filter or scripts name; empty where it has not.

    ``by_schema`` are those that the server says it computes.
    """
    named = (*server.named_attributes, *computed_attributes.names_in_filter(server.search_filter))
    return computed_attributes.why_full(named, setting=server.unmarked_attributes, by_schema=by_schema)


def _broke_off(run: Run, server: LdapServer) -> bool:
    """Return whether the last reading, of whichever run, has come to no end: what made it fail may lie in what has changed."""
    begun = RunServer.objects.that_read(server.pk).exclude(run=run).exclude(run__started_at=None)
    complete = begun.values_list("complete", flat=True).first()
    return complete is False


def _read_in_full_for_nothing(run: Run, server: LdapServer) -> bool:
    """Return whether the last complete reading was a full one that nobody has applied: it has forgotten what it did not find."""
    last = RunServer.objects.that_read(server.pk).filter(complete=True).exclude(run=run).select_related("run").first()
    if last is None or last.since or last.run.state == RunState.APPLIED:
        return False
    return not last.run.applications.filter(state=RunState.APPLIED).exists()


def mostly_new(server: LdapServer) -> bool:
    """Return whether nearly all that comes will have to be looked into: nothing is stored, or it was made otherwise."""
    readings = RunServer.objects.that_read(server.pk).filter(complete=True)
    last = readings.values_list("configuration_digest", flat=True).first()
    return last != server.configuration_digest or not server.entries.exists()


def to_json(position: SyncCursor | None) -> dict[str, str]:
    """Return a position as it is stored; an empty object stands for none."""
    return {"by": position.by.value, "of": position.of, "at": position.at} if position else {}


def from_json(stored: Mapping[str, str]) -> SyncCursor | None:
    """Return a stored position."""
    return SyncCursor(CursorKind(stored["by"]), stored["of"], stored["at"]) if stored else None


def sentence(position: SyncCursor | None, singles: int) -> str:
    """Return in words what was read incrementally, with ``singles``, the number of entries that were read one by one."""
    if position is None:
        return ""
    words = f"only what has changed since {position.by} {position.at}"
    entries = "entry whose groups have" if singles == 1 else "entries whose groups have"
    return f"{words}, and {singles} {entries} changed" if singles else words


def everything(why_full: str) -> str:
    """Return in words why everything was read where an incremental reading was requested; empty where none was."""
    return f"everything, because {why_full}" if why_full else ""
