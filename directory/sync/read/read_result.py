"""What the readings of a run's servers have found, beside the stored entries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from directory.models import LdapServer
from directory.sync.entries.entry_store import EntryStore
from directory.sync.entries.group_store import GroupStore
from directory.sync.identify.user_candidates import UsersInScope


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What the plan and its review get from the readings of all servers.

    - ``servers``, ``groups``: by server id, the settings that a reading used, and its groups.
    - ``users_in_scope``: the users in scope when the reading began; None if no server got so far.
    - ``competing_users``: the other users who claim a user's entry, by (server id, user id).
    - ``notes``: sentences about unusual things in a reading, by the id of its row.
    """

    servers: Mapping[int, LdapServer]
    groups: Mapping[int, GroupStore]
    users_in_scope: UsersInScope | None
    competing_users: Mapping[tuple[int, int], Collection[int]]
    notes: Mapping[int, Sequence[str]]


@dataclass(slots=True)
class ReadSoFar:
    """What the readings of a run have found so far; the fields are those of ``ReadResult``.

    It changes with each page, because what a server sent before it broke off counts as well. ``entry_stores``: by server
    id, where its entries are stored.
    """

    servers: dict[int, LdapServer] = field(default_factory=dict)
    entry_stores: dict[int, EntryStore] = field(default_factory=dict)
    groups: dict[int, GroupStore] = field(default_factory=dict)
    users_in_scope: UsersInScope | None = None
    competing_users: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)

    def forget(self, *, server_id: int, row_id: int) -> None:
        """Forget what an earlier attempt to read a server has found: all its entries come again."""
        self.competing_users = {key: users for key, users in self.competing_users.items() if key[0] != server_id}
        self.notes.pop(row_id, None)

    def result(self) -> ReadResult:
        """Return what was found, once all servers have been read."""
        return ReadResult(self.servers, self.groups, self.users_in_scope, self.competing_users, self.notes)
