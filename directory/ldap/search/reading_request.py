"""The request for a reading of people: one process sends it, another one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from directory.values.ldap import AttributeMapping, Connection, SyncCursor


@dataclass(frozen=True, slots=True)
class ReadingRequest:
    """The request for a reading of the entries that the connection's search finds.

    It requests these ``attributes``, or all if they are None, and those ``named`` by mapping and scripts.

    With ``now``, the time by our clock, the reading finds the directory's cursor. With ``since`` as well, it reads only
    the changes since that cursor, if the server can return them, else everything. ``groups_named`` are the DNs of the
    groups that stored entries name.

    With a ``mapping`` the process that reads decodes every entry, which pays if most entries are new. With
    ``for_groups`` it also adds each entry's groups, which the same process has read just before.
    """

    connection: Connection
    attributes: Sequence[str] | None = None
    named: Sequence[str] = ()
    since: SyncCursor | None = None
    now: datetime | None = None
    groups_named: Sequence[str] = ()
    mapping: AttributeMapping | None = None
    for_groups: bool = False
