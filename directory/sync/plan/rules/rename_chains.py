"""Follows usernames that users pass on in one plan, to find out whether a username becomes free. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class RenameChains:
    """Finds the users who give their username up in one plan; each user is looked at once.

    ``renamed`` returns the folded username that a user gets in place of the present one, if no conflict forbids it;
    empty if the user keeps the present one. ``owner_of`` takes a user and a folded username, and returns the other user
    who has it now, or None.
    """

    renamed: Callable[[int], str]
    owner_of: Callable[[int, str], int | None]
    decided: dict[int, bool] = field(default_factory=dict)

    def gives_up(self, owner: int) -> bool:
        """Return whether this user gets another username, which is free or is given up by its owner in the same way."""
        path: dict[int, None] = {}
        while (found := self.decided.get(owner)) is None:
            if owner in path:
                # A ring: each user in it passes a username on to the next.
                found = True
                break
            path[owner] = None
            key = self.renamed(owner)
            following = self.owner_of(owner, key) if key else None
            if following is None:
                found = bool(key)
                break
            owner = following
        self.decided.update(dict.fromkeys(path, found))
        return found
