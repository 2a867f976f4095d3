"""Decides whether a run may read only the changes of a server, and from which cursor on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from directory.ldap.attributes import computed_attributes
from directory.models import LdapServer, Run, RunServer, RunState
from directory.values.ldap import CursorKind, SyncCursor
from orgs.text import counted

# A key in the counts of a reading's row.
DOUBTED = "doubted"


def since(run: Run, server: LdapServer) -> tuple[SyncCursor | None, str]:
    """Return the cursor of an incremental reading, or None and the reason why everything has to be read.

    The reason is empty if no incremental reading was requested. A cursor counts once its reading has been applied.
    Every so many readings one reads everything, because only a full reading proves absence.
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
    elif doubted := _doubted(last):
        why_full = (
            f"the last full reading did not find {counted(doubted, 'person', 'people')} of whom nothing proves that they "
            "are gone"
        )
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
    """Return why everything has to be read for computed attributes, by those that the last full reading found."""
    return named_computed(server, next((row.computed for row in last if not row.since), ()))


def named_computed(server: LdapServer, by_schema: Collection[str]) -> str:
    """Return why an attribute that mapping, filter or scripts name needs a full reading; empty if none does.

    ``by_schema`` are the attributes that the server computes, by its schema.
    """
    named = (*server.named_attributes, *computed_attributes.names_in_filter(server.search_filter))
    return computed_attributes.why_full(named, setting=server.unmarked_attributes, by_schema=by_schema)


def note_doubts(row: RunServer, doubted: int) -> None:
    """Note how many users a full reading did not find although they may be there; the next reading is a full one.

    No incremental reading would find them: they have not changed.
    """
    row.counts = {**row.counts, DOUBTED: doubted}
    RunServer.objects.filter(pk=row.pk).update(counts=row.counts)


def _doubted(last: Sequence[RunServer]) -> int:
    """Return the number of users whom the last full reading did not find without proof that they are gone."""
    return next((row.counts.get(DOUBTED, 0) for row in last if not row.since), 0)


def _broke_off(run: Run, server: LdapServer) -> bool:
    """Return whether the last reading of any run was not complete: a changed entry may have made it fail."""
    begun = RunServer.objects.that_read(server.pk).exclude(run=run).exclude(run__started_at=None)
    complete = begun.values_list("complete", flat=True).first()
    return complete is False


def _read_in_full_for_nothing(run: Run, server: LdapServer) -> bool:
    """Return whether the last complete reading was full and not applied: it has dropped entries that it did not find."""
    last = RunServer.objects.that_read(server.pk).filter(complete=True).exclude(run=run).select_related("run").first()
    if last is None or last.since or last.run.state == RunState.APPLIED:
        return False
    return not last.run.applications.filter(state=RunState.APPLIED).exists()


def mostly_new(server: LdapServer) -> bool:
    """Return whether nearly all entries will have to be decoded: none is stored, or the settings were others."""
    readings = RunServer.objects.that_read(server.pk).filter(complete=True)
    last = readings.values_list("configuration_digest", flat=True).first()
    return last != server.configuration_digest or not server.entries.exists()


def to_json(position: SyncCursor | None) -> dict[str, str]:
    """Return a cursor as JSON; an empty object stands for none."""
    return {"by": position.by.value, "of": position.of, "at": position.at} if position else {}


def from_json(stored: Mapping[str, str]) -> SyncCursor | None:
    """Return the cursor of this JSON, or None."""
    return SyncCursor(CursorKind(stored["by"]), stored["of"], stored["at"]) if stored else None


def sentence(position: SyncCursor | None, singles: int) -> str:
    """Return in words what was read; ``singles`` is the number of entries that were read one by one."""
    if position is None:
        return ""
    words = f"only what has changed since {position.by} {position.at}"
    entries = "entry whose groups have" if singles == 1 else "entries whose groups have"
    return f"{words}, and {singles} {entries} changed" if singles else words


def everything(why_full: str) -> str:
    """Return in words why everything was read although an incremental reading was requested; empty if none was."""
    return f"everything, because {why_full}" if why_full else ""
