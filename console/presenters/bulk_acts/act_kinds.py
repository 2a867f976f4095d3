"""The acts on many users that a viewer may begin, with their words and icons."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from directory.models import BulkKind
from orgs.models import User
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class BulkKindWords:
    """One kind of act: the verb on its button, the question, and its icon. ``title`` names how many (``%(count)d``)."""

    kind: BulkKind
    label: Promise
    verb: Promise
    title: Promise
    icon: str

    @property
    def is_common(self) -> bool:
        """Whether the act has a button of its own; the others are in a menu."""
        return self.kind in {BulkKind.MOVE, BulkKind.ADD_ROLE, BulkKind.BLOCK, BulkKind.DEACTIVATE}

    @property
    def cuts_off(self) -> bool:
        """Whether the act shuts people out."""
        return self.kind in {BulkKind.BLOCK, BulkKind.DEACTIVATE}


# In the order of the buttons.
_KINDS = {
    words.kind: words
    for words in (
        BulkKindWords(
            BulkKind.MOVE,
            _("Move…"),
            _("Move"),
            ngettext_lazy("Move %(count)d user?", "Move %(count)d users?", "count"),
            "arrow-right-left",
        ),
        BulkKindWords(
            BulkKind.ADD_ROLE,
            _("Add a role…"),
            _("Add"),
            ngettext_lazy("Add a role to %(count)d user?", "Add a role to %(count)d users?", "count"),
            "key-round",
        ),
        BulkKindWords(
            BulkKind.REMOVE_ROLE,
            _("Remove a role…"),
            _("Remove"),
            ngettext_lazy("Remove a role from %(count)d user?", "Remove a role from %(count)d users?", "count"),
            "key-square",
        ),
        BulkKindWords(
            BulkKind.HOLD,
            _("Put on hold…"),
            _("Put on hold"),
            ngettext_lazy("Put %(count)d user on hold?", "Put %(count)d users on hold?", "count"),
            "gavel",
        ),
        BulkKindWords(
            BulkKind.UNBLOCK,
            _("Unblock…"),
            _("Unblock"),
            ngettext_lazy("Unblock %(count)d user?", "Unblock %(count)d users?", "count"),
            "lock-open",
        ),
        BulkKindWords(
            BulkKind.REACTIVATE,
            _("Reactivate…"),
            _("Reactivate"),
            ngettext_lazy("Reactivate %(count)d user?", "Reactivate %(count)d users?", "count"),
            "rotate-ccw",
        ),
        BulkKindWords(
            BulkKind.BLOCK,
            _("Block…"),
            _("Block"),
            ngettext_lazy("Block %(count)d user?", "Block %(count)d users?", "count"),
            "ban",
        ),
        BulkKindWords(
            BulkKind.DEACTIVATE,
            _("Deactivate…"),
            _("Deactivate"),
            ngettext_lazy("Deactivate %(count)d user?", "Deactivate %(count)d users?", "count"),
            "user-minus",
        ),
    )
}


def words_of(kind: str) -> BulkKindWords:
    """Return the words of a kind."""
    return _KINDS[BulkKind(kind)]


def offered_kinds(viewer: User) -> list[BulkKindWords]:
    """Return the acts that the viewer may begin; none if they may not change users."""
    return list(_KINDS.values()) if viewer.may(Permission.USER) else []
