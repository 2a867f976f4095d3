"""The request for a reading of people: one value for the process that sends it and the one that reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from directory.values.ldap import AttributeMapping, Connection, SyncCursor


@dataclass(frozen=True, slots=True)
class ReadingRequest:
    """A reading of what the connection's search finds.

    It asks for these ``attributes``, or for all, and for those ``named`` by mapping and scripts besides.

    With ``now``, the time by our clock, the server is asked where it is in its history, and with ``since`` besides it is a
    reading of what has changed since then, where the server can tell that, else of everything. ``groups_named`` are the DNs
    of the groups that stored entries name.

    With a ``mapping`` every entry is looked into where it is read, which is worth while where most of them are new: it is
    noted whether an entry has what is named, and with ``for_groups`` the groups that it is in are added, as the same
    process has read them just before.
    """

    connection: Connection
    attributes: Sequence[str] | None = None
    named: Sequence[str] = ()
    since: SyncCursor | None = None
    now: datetime | None = None
    groups_named: Sequence[str] = ()
    mapping: AttributeMapping | None = None
    for_groups: bool = False
