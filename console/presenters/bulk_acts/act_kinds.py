"""The acts on many users that a viewer may begin, with their words and icons."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

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
        BulkKindWords(BulkKind.MOVE, _("Move…"), _("Move"), _("Move %(count)d users?"), "arrow-right-left"),
        BulkKindWords(BulkKind.ADD_ROLE, _("Add a role…"), _("Add"), _("Add a role to %(count)d users?"), "key-round"),
        BulkKindWords(
            BulkKind.REMOVE_ROLE,
            _("Remove a role…"),
            _("Remove"),
            _("Remove a role from %(count)d users?"),
            "key-square",
        ),
        BulkKindWords(BulkKind.HOLD, _("Put on hold…"), _("Put on hold"), _("Put %(count)d users on hold?"), "gavel"),
        BulkKindWords(BulkKind.UNBLOCK, _("Unblock…"), _("Unblock"), _("Unblock %(count)d users?"), "lock-open"),
        BulkKindWords(
            BulkKind.REACTIVATE, _("Reactivate…"), _("Reactivate"), _("Reactivate %(count)d users?"), "rotate-ccw"
        ),
        BulkKindWords(BulkKind.BLOCK, _("Block…"), _("Block"), _("Block %(count)d users?"), "ban"),
        BulkKindWords(
            BulkKind.DEACTIVATE, _("Deactivate…"), _("Deactivate"), _("Deactivate %(count)d users?"), "user-minus"
        ),
    )
}


def words_of(kind: str) -> BulkKindWords:
    """Return the words of a kind."""
    return _KINDS[BulkKind(kind)]


def offered_kinds(viewer: User) -> list[BulkKindWords]:
    """Return the acts that the viewer may begin; none if they may not change users."""
    return list(_KINDS.values()) if viewer.may(Permission.USER) else []
