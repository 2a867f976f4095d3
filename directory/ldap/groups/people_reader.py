"""Reads the entries of a few people, each with its groups."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from directory.ldap.groups.group_reader import read_graph
from directory.ldap.reading.whole_reading import open_reading
from directory.ldap.search.raw_entry import without_groups
from directory.ldap.search.reading_request import ReadingRequest
from directory.values.group_graph import GroupGraph, names_of
from directory.values.ldap import Connection, Entry, GroupSearch


class PeopleSource(Protocol):
    """Reads people from one server."""

    def read(self, request: ReadingRequest) -> list[Entry]:
        """Return all entries that the request's search finds."""


class PeopleReader:
    """Reads people from one server, with the groups found by ``groups``; None for no groups.

    All groups are read once, when the first person is found: a person may have left a group that the last sync stored.
    """

    def __init__(self, connection: Connection, groups: GroupSearch | None) -> None:
        self._connection, self._groups = connection, groups
        self._graph: GroupGraph | None = None

    def read(self, request: ReadingRequest) -> list[Entry]:
        """Return all entries that the request's search finds.

        Raises:
            DirectoryUnavailable: not all entries, or not all groups, could be read.
        """
        with open_reading(request) as reading:
            entries = [entry for page in reading.pages() for entry in page]
        if not entries or self._groups is None:
            return entries
        self._graph = self._graph or read_graph(self._connection, self._groups)
        return [_with_groups(entry, self._graph) for entry in entries]


def _with_groups(entry: Entry, graph: GroupGraph) -> Entry:
    texts = without_groups(entry.attributes)
    return replace(entry, attributes={**texts, "groups": tuple(graph.groups(entry.dn, names_of(texts)))})
