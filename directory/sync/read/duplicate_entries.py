"""Judges entries that come twice in one reading: with equal content they count once, else the directory has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from directory.ldap.errors import DirectoryUnavailable, plain
from directory.ldap.search.raw_entry import RawEntry, texts_of
from directory.models import StoredEntry
from directory.sync.entries.reading_arrivals import Repeat

# The most entries that one sentence names.
NAMED = 5


def same_again(repeats: Iterable[Repeat[RawEntry]], *, resolved: bool = False) -> list[str]:
    """Return the DNs of entries that came twice with equal content; ``resolved`` leaves groups out of the comparison.

    Raises:
        DirectoryUnavailable: one of them had another content before.
    """

    def comparable(attributes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        found = _sorted(attributes)
        if resolved:
            found.pop("groups", None)
        return found

    found = []
    for entry, entry_key, before in repeats:
        if before is not None:
            same = before.digest == entry.digest or comparable(_attributes(before)) == comparable(_attributes(entry))
        elif entry_key.same is not None or entry_key.stored is None:
            same = True
        else:
            kept = StoredEntry.objects.values_list("attributes", flat=True).get(pk=entry_key.stored.pk)
            same = comparable(kept) == comparable(_attributes(entry))
        if not same:
            raise DirectoryUnavailable(
                f"the directory changed while it was being read: {plain(entry.dn)} came twice and said two things"
            )
        found.append(entry.dn)
    return found


def sentences(twice: Sequence[str], escaped: Sequence[str]) -> list[str]:
    """Return sentences about entries that came twice, and about DNs that are not UTF-8."""
    return [*_of_twice(twice), *_of_escaped(escaped)]


def _of_escaped(escaped: Sequence[str]) -> list[str]:
    if not escaped:
        return []
    entries = "1 entry has" if len(escaped) == 1 else f"{len(escaped)} entries have"
    return [f"{entries} a DN that is not UTF-8, written with escaped octets here: {_named(escaped)}."]


def _named(found: Sequence[str]) -> str:
    return "; ".join(map(plain, found[:NAMED])) + (" and others" if len(found) > NAMED else "")


def _of_twice(twice: Sequence[str]) -> list[str]:
    if not twice:
        return []
    counted = (
        "1 entry came twice and counts once"
        if len(twice) == 1
        else f"{len(twice)} entries came twice, each counts once"
    )
    return [f"{counted}: {_named(twice)}."]


def _attributes(raw: RawEntry) -> Mapping[str, Sequence[str]]:
    if raw.decoded is None:
        return texts_of(raw)
    attributes: dict[str, list[str]] = json.loads(raw.decoded.attributes)
    return attributes


def _sorted(attributes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return attributes with their values sorted, because servers send them in any order."""
    return {name.lower(): sorted(values) for name, values in attributes.items()}
