"""Finds planned usernames that belong to other users, who do not give them up in the same plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from directory.sync.plan import stored_users
from directory.sync.plan.rules.rename_chains import RenameChains


class TakenUsernames:
    """Compares the usernames of a plan with the present ones; users are ids, usernames are folded.

    ``renamed`` returns the username that the plan gives a user in place of the present one, if no conflict forbids it;
    empty for none.
    """

    def __init__(self, renamed: Callable[[int], str]) -> None:
        self._chains = RenameChains(renamed, stored_users.owner_of)

    def among(self, usernames: Mapping[int, str]) -> set[int]:
        """Return the ids of those users whose planned username belongs to another user, who keeps it."""
        others = stored_users.usernames_of_others({pk: [name] for pk, name in usernames.items()})
        owners = {pk: names[usernames[pk]] for pk, names in others.items() if names}
        return {pk for pk, owner in owners.items() if not self._chains.gives_up(owner)}
