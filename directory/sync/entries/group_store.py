"""Stores the groups of a server as they were last read, and finds the entries whose groups a reading has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain

from directory import digests
from directory.ldap.errors import DirectoryUnavailable, plain
from directory.ldap.process.parent import IsolatedGroupReading
from directory.models import StoredEntry, StoredGroup
from directory.sync import rule_fingerprints
from directory.values import distinguished_names
from directory.values.group_graph import Group, GroupGraph, names_of
from directory.values.ldap import Entry
from orgs.bulk_writes import insert_rows

COLUMNS = ("server", "key", "dn", "digest", "content")
# Each digest begins with this, so that rows of another version of Rollcall are made anew; a hash of what the server
# sent follows.
DIGEST_PREFIX = digests.of_text(rule_fingerprints.ENTRIES)[:16]
PAGE = 1000
# The most groups that one sentence names.
NAMED = 5


class GroupStore:
    """The groups of one server: ``take`` takes a reading, ``keep`` then writes it, in one transaction.

    ``count`` is how many groups there are, ``changed`` how many have changed or are gone.
    """

    def __init__(self, server_id: int, *, depth: int) -> None:
        self._server_id = server_id
        self._depth = depth
        self._keys = distinguished_names.Keys()
        self._graph: GroupGraph | None = None
        self._new: dict[str, tuple[str, Group]] = {}
        self._gone: Collection[str] = ()
        self._before: dict[str, Group] = {}
        # Digests of all rows by key, with those that another version of Rollcall has made.
        self._rows: dict[str, str] = {}
        self._left_out: list[str] = []
        self._elsewhere: list[str] = []
        self._too_deep: set[str] = set()
        self.count = self.changed = 0

    @property
    def graph(self) -> GroupGraph:
        """The graph of all groups; built at its first use, because most runs change nobody's groups.

        Where nearly every entry has to be decoded, the process that reads the directory does that, with its own graph.
        """
        if self._graph is None:
            self._graph = GroupGraph(self._stored(), depth=self._depth, keys=self._keys)
        return self._graph

    def is_of_this_version(self) -> bool:
        """Return whether this version of Rollcall has stored all groups; the next reading makes others anew."""
        return not StoredGroup.objects.filter(server=self._server_id).exclude(digest__startswith=DIGEST_PREFIX).exists()

    def known(self) -> dict[str, str]:
        """Return a digest of what the server sent for each group, by key; without rows of other versions."""
        rows = StoredGroup.objects.filter(server=self._server_id).values_list("key", "digest")
        self._rows = dict(rows.iterator(chunk_size=5000))
        return {
            key: digest[len(DIGEST_PREFIX) :] for key, digest in self._rows.items() if digest.startswith(DIGEST_PREFIX)
        }

    def take(self, reading: IsolatedGroupReading, stay: Callable[[], None]) -> None:
        """Take the groups that have changed; ``stay`` is called after each page.

        Raises:
            DirectoryUnavailable: not all groups could be read, or a tree with groups can't be read any more.
        """
        for page in reading.changed():
            self._new |= {key: (digest, group) for key, digest, group in page}
            stay()
        # The reader did not know the rows of another version: one that it does not send again is gone.
        outdated = [
            key for key, digest in self._rows.items() if not digest.startswith(DIGEST_PREFIX) and key not in self._new
        ]
        self._gone, self.count = [*reading.gone, *outdated], reading.count
        self.changed = len(self._new) + len(self._gone)
        self._left_out, self._elsewhere = reading.left_out, reading.referrals
        self._before = {key: _group(dn, content) for key, dn, content in self._stored_as(self._replaced())}
        for tree in reading.left_out:
            top, groups = self._keys[tree], self._before.values()
            if lost := next((g.dn for g in groups if distinguished_names.key_is_within(self._keys[g.dn], top)), None):
                raise DirectoryUnavailable(f"the groups below {tree}, such as {lost}, can't be read any more")

    def touched(self, digest_prefix: str) -> list[int]:
        """Return the ids of stored entries with this digest prefix whose groups the reading changes."""
        entries = StoredEntry.objects.filter(server=self._server_id, digest__startswith=digest_prefix)
        if not self.changed or not entries.exists():
            return []
        after = {key: group for key, (_, group) in self._new.items()}
        self._graph = self._graph_of_what_came()
        touched = self._graph.touched(self._by_dn(self._before), self._by_dn(after))
        keys, members = self._keys, touched.members
        found = []
        if members:
            found += [pk for pk, dn in entries.values_list("pk", "dn").iterator(chunk_size=5000) if keys[dn] in members]
        if touched.usernames or touched.sids:
            for pk, attributes in entries.values_list("pk", "attributes").iterator(chunk_size=PAGE):
                names = names_of(attributes)
                if names.primary_group in touched.sids or not touched.usernames.isdisjoint(names.usernames):
                    found.append(pk)
        return sorted(set(found))

    def keep(self) -> None:
        """Store the groups as they were read; call it in the transaction that marks the entries from ``touched``."""
        if not self.changed:
            return
        for keys in _parts(self._replaced()):
            StoredGroup.objects.filter(server=self._server_id, key__among=keys).delete()
        new = self._new.items()
        insert_rows(
            StoredGroup,
            COLUMNS,
            [(self._server_id, key, group.dn, DIGEST_PREFIX + digest, _content(group)) for key, (digest, group) in new],
        )
        self._new, self._gone, self._before, self._rows = {}, (), {}, {}

    def ways(self, entry: Entry) -> list[tuple[str, ...]]:
        """Return how a stored entry is in groups that do not list it: the DNs from each group down to one that does."""
        return self.graph.ways(entry.dn, names_of(entry.attributes))

    def note_too_deep(self, groups: Iterable[str]) -> None:
        """Note the DNs of groups beyond the last level that the process that reads has followed."""
        self._too_deep.update(groups)

    def sentences(self) -> list[str]:
        """Return sentences about groups that were left out; call it once the people have been read."""
        found = [
            f"Groups below {tree} were not read, as the bind DN may not see it: give it read access there, or set “base of groups”."
            for tree in self._left_out
        ]
        found += [
            f"Groups at {url} were not read, as referrals are not followed: where people's groups are there, turn “follow referrals” on."
            for url in self._elsewhere[:NAMED]
        ]
        own = self._graph.too_deep if self._graph is not None else []
        too_deep = sorted(self._too_deep.union(own)) if self._depth else []
        if too_deep:
            rest = f" and {len(too_deep) - NAMED} more" if len(too_deep) > NAMED else ""
            levels = "1 level that is" if self._depth == 1 else f"{self._depth} levels that are"
            found.append(
                f"Groups lie deeper in one another than the {levels} followed: those of "
                f"{'; '.join(map(plain, too_deep[:NAMED]))}{rest} were left out. Raise “how many levels of groups in groups” "
                "to have them too."
            )
        return found

    def _replaced(self) -> list[str]:
        """Return the keys of stored groups that are gone or have changed."""
        return [*self._gone, *filter(self._rows.__contains__, self._new)]

    def _graph_of_what_came(self) -> GroupGraph:
        rest = self._stored(without={*self._new, *self._gone}) if len(self._new) < self.count else ()
        return GroupGraph(chain(rest, (group for _, group in self._new.values())), depth=self._depth, keys=self._keys)

    def _by_dn(self, groups: Mapping[str, Group]) -> dict[str, Group]:
        """Return groups by the key of their DN, which is equal for all its spellings."""
        return {self._keys[group.dn]: group for group in groups.values()}

    def _stored(self, *, without: Collection[str] = ()) -> Iterator[Group]:
        rows = StoredGroup.objects.filter(server=self._server_id).order_by("pk").values_list("key", "dn", "content")
        return (_group(dn, content) for key, dn, content in rows.iterator(chunk_size=PAGE) if key not in without)

    def _stored_as(self, keys: Collection[str]) -> Iterator[tuple[str, str, str]]:
        rows = StoredGroup.objects.filter(server=self._server_id)
        for part in _parts(keys):
            yield from rows.filter(key__among=part).values_list("key", "dn", "content")


def _parts(keys: Iterable[str]) -> Iterator[list[str]]:
    listed = list(keys)
    return (listed[start : start + PAGE] for start in range(0, len(listed), PAGE))


def _content(group: Group) -> str:
    return json.dumps([group.members, group.usernames, group.sid])


def _group(dn: str, content: str) -> Group:
    members, usernames, sid = json.loads(content)
    return Group(dn, tuple(members), tuple(usernames), sid)
