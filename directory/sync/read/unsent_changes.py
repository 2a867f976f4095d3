"""Reads entries that did not come with the changes, but may differ because of groups, branches, names or ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from directory.ldap.process.parent import ReadingProcess
from directory.ldap.search.raw_entry import RawEntry, texts_of
from directory.models import StoredEntry
from directory.sync import run_stopwatch
from directory.sync.entries import named_groups
from directory.sync.entries.entry_values import GoneEntry
from directory.sync.read import group_changes, missing_claimants
from directory.sync.run_interruptions import ReadEverything
from directory.sync.stored import decision_cache
from directory.values import distinguished_names, membership_attributes
from directory.values.ldap import Surroundings
from orgs.text import counted

if TYPE_CHECKING:
    from directory.sync.read.page_processor import PageProcessor

# The most entries that are read one by one; with more, reading everything is no slower.
MOST_SINGLES = 1000
# The most changed entries that are searched for people below them.
MOST_BRANCHES = 500
PAGE = 1000


def look_at(reader: PageProcessor, around: Surroundings, process: ReadingProcess) -> int:
    """Read single entries that may have changed although they did not come; return how many were read for their groups.

    Raises:
        ReadEverything: an incremental reading is not enough.
    """
    if around.branches:
        _refuse_branches(reader, around.branches, process)
    singles = _whose_groups_changed(reader, around, process) if around.groups or around.gone else []
    if len(singles) > MOST_SINGLES:
        raise ReadEverything(f"the groups of {counted(len(singles), 'entry', 'entries')} have changed")
    # If the bind DN has lost the right to read the canary, no change shows that. So it is read each time.
    canary = reader.server.canary
    canaries = reader.entry_store.dns_of(canary) if canary and not reader.row.canary_found else []
    reader.read_again(process, [*singles, *canaries])
    _read_claimants(reader, process)
    return len(singles)


def _read_claimants(reader: PageProcessor, process: ReadingProcess) -> None:
    """Read stored entries that compete with one that came, to avoid false conflicts; forget those that are gone.

    Raises:
        ReadEverything: there are too many.
    """
    reread: set[int] = set()
    while new := [each for each in _claimants(reader) if each.pk not in reread]:
        reread.update(each.pk for each in new)
        if len(reread) > MOST_SINGLES:
            raise ReadEverything(f"the names or ids of {counted(len(reread), 'entry', 'entries')} are others' by now")
        reader.read_again(process, [each.dn for each in new])
    gone = [each for each in _claimants(reader) if each.pk in reread]
    reader.entry_store.forget([GoneEntry(each.pk, each.user_id, each.dn, each.unique_id) for each in gone])
    decision_cache.drop({each.user_id for each in gone if each.user_id is not None})


def _claimants(reader: PageProcessor) -> list[missing_claimants.Claimant]:
    claims = (
        (server, {owner, *competing_users}) for (server, owner), competing_users in reader.found.competing_users.items()
    )
    users = {user for server, claiming in claims if server == reader.server.pk for user in claiming}
    return missing_claimants.not_come(reader.entry_store, reader.server.pk, users)


def _refuse_branches(reader: PageProcessor, branches: Sequence[tuple[str, bool]], process: ReadingProcess) -> None:
    """Raise ReadEverything if one of these entries is a branch with people below it: their DNs may have changed."""
    stored: set[str] = set()
    by_key = {distinguished_names.key(dn): (dn, surely) for dn, surely in branches}
    parents: set[str] = set()
    with run_stopwatch.step("branches"):
        stored_dns = StoredEntry.objects.filter(server=reader.server.pk).values_list("dn", flat=True)
        for dn in stored_dns.iterator(PAGE):
            key = distinguished_names.key(dn)
            if key in by_key:
                stored.add(key)
            parent = distinguished_names.parent(key)
            while parent and parent not in parents:
                parents.add(parent)
                parent = distinguished_names.parent(parent)
    above = by_key.keys() & parents
    for key in above:
        dn, surely = by_key[key]
        if surely:
            raise ReadEverything(f"the branch {dn} has changed")
    unknown = [dn for key, (dn, _) in by_key.items() if key not in above and key not in stored]
    if len(unknown) > MOST_BRANCHES:
        raise ReadEverything(
            f"{counted(len(unknown), 'entry has', 'entries have')} changed below which there may be people"
        )
    found = process.branches_with_people(reader.connection, unknown) if unknown else []
    if found:
        raise ReadEverything(f"the branch {found[0]} has changed")


def _whose_groups_changed(reader: PageProcessor, around: Surroundings, process: ReadingProcess) -> list[str]:
    """Return the DNs of entries that may name other groups by now, or that the filter may find by now.

    Raises:
        ReadEverything: the changed groups have too many members, or list people in a way that does not lead to entries.
    """
    try:
        with run_stopwatch.step("changed groups"):
            found = group_changes.look(around, reader.entry_store.contents(), username=reader.mapping.username)
    except group_changes.TooMany:
        raise ReadEverything("very many people are in the groups that have changed") from None
    named_groups.forget(
        (dn for dn in around.gone if distinguished_names.key(dn) not in found.named), server_id=reader.server.pk
    )
    if found.unknown:
        raise ReadEverything("a group that the filter asks for lists people by their usernames only")
    singles = list(found.changed)
    if found.doubts:
        samples = list(dict.fromkeys(dn for doubt in found.doubts for dn in doubt.samples()))
        now = _named_now(reader, process, samples)
        singles += [dn for doubt in found.doubts if doubt.is_confirmed(now) for dn in doubt.dns]
    base = distinguished_names.key(reader.server.search_base)
    singles += [dn for dn in found.joined if distinguished_names.key_is_within(distinguished_names.key(dn), base)]
    return list(dict.fromkeys(singles))


def _named_now(reader: PageProcessor, process: ReadingProcess, dns: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Return by DN the keys of the groups that these entries name now.

    Raises:
        ReadEverything: there are too many entries.
    """
    if len(dns) > MOST_SINGLES:
        raise ReadEverything(f"the groups of more than {MOST_SINGLES} entries may have changed")
    with process.open_single(reader.request, dns) as reading:
        raw_entries = [each for page in reading.raw_pages() for each in page]
    found = {distinguished_names.key(each.dn): frozenset(_groups_of(each)) for each in raw_entries}
    return {dn: found[distinguished_names.key(dn)] for dn in dns if distinguished_names.key(dn) in found}


def _groups_of(raw: RawEntry) -> Iterable[str]:
    return (distinguished_names.key(dn) for dn in membership_attributes.named_by(texts_of(raw)))
