"""Follows usernames that are passed on, from one user to the next, to see whether the first of them comes free. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class RenameChains:
    """Who gives a username up in one plan, each user looked at once.

    ``renamed`` returns the folded username that a user is to have instead of the present one, as far as nobody else has
    it, and an empty text for who keeps the present one. ``owner_of`` returns who has a folded username now, other than
    the user given first; None where nobody has.
    """

    renamed: Callable[[int], str]
    owner_of: Callable[[int, str], int | None]
    decided: dict[int, bool] = field(default_factory=dict)

    def gives_up(self, owner: int) -> bool:
        """Return whether the owner of a username is to have another one: it is free, or passed on in its turn."""
        path: dict[int, None] = {}
        while (found := self.decided.get(owner)) is None:
            if owner in path:
                # A ring: everybody in it passes a name on.
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
