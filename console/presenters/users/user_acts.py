"""Decides which acts a viewer may do to a user: the one list for the user's page, its menu and the pages of the acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from directory.org_scope import servers_by_org
from orgs.actions import escalation_guard
from orgs.actions.errors import Refused
from orgs.models import DirectoryService, User
from orgs.rules.actors import person
from orgs.rules.inheritance import effective_settings


class UserAct(StrEnum):
    """An act on a user; the value is the name of its page in ``users``."""

    PREVIEW_SYNC = "preview-sync"
    MOVE = "move"
    REACTIVATE = "reactivate"
    UNBLOCK = "unblock"
    CHANGE_ROLES = "change-roles"
    MANAGE_LOCALLY = "manage-locally"
    FOLLOW_DIRECTORY = "follow-directory"
    EDIT = "edit"
    CANCEL_DEACTIVATION = "cancel-deactivation"
    BLOCK = "block"
    DEACTIVATE = "deactivate"


class UserFacts:
    """The facts about a user and a viewer that decide which acts fit; each is read when it is needed."""

    def __init__(self, user: User, viewer: User) -> None:
        self.user, self.viewer = user, viewer

    @cached_property
    def is_managed(self) -> bool:
        """Whether the user belongs to the viewer's part, and the viewer may change users."""
        return bool(User.objects.managed_by(self.viewer).filter(pk=self.user.pk).exists())

    @cached_property
    def follows_directory(self) -> bool:
        """Whether LDAP decides about the users of the user's org."""
        return effective_settings()[self.user.org_id].directory_service == DirectoryService.LDAP

    @cached_property
    def is_synchronized(self) -> bool:
        """Whether syncs decide about this user."""
        return bool(servers_by_org().get(self.user.org_id)) and not self.user.managed_locally

    @cached_property
    def holds_more(self) -> str:
        """Why the viewer may not open a way in to this account; empty if they may."""
        try:
            escalation_guard.refuse_above(user_ids=[self.user.pk], doing=gettext("do this"), by=person(self.viewer))
        except Refused as reason:
            return f"{reason}."
        return ""

    @cached_property
    def is_self(self) -> bool:
        """Whether the account is the viewer's own."""
        return self.user.pk == self.viewer.pk


@dataclass(frozen=True, slots=True)
class ActKind:
    """One kind of act: its words, when it makes sense, and what may stand against it.

    ``fits`` is about the user's state alone. ``refusal`` is why this viewer can't do it although it fits.
    """

    label: Promise
    icon: str
    fits: Callable[[UserFacts], bool]
    refusal: Callable[[UserFacts], str] = lambda _facts: ""
    cuts_off: bool = False


@dataclass(frozen=True, slots=True)
class OfferedAct:
    """An act that makes sense for a user; ``refusal`` is why the viewer can't do it, empty if they can."""

    act: UserAct
    kind: ActKind
    address: str
    refusal: str


def _always(_facts: UserFacts) -> bool:
    return True


def _not_to_oneself(facts: UserFacts) -> str:
    if not facts.is_self:
        return ""
    return gettext("This is your own account: another administrator has to do it.")


def _out_of_use(facts: UserFacts) -> str:
    if facts.user.org.active:
        return facts.holds_more
    return gettext("%(org)s is not in use: move the user to another org first.") % {"org": facts.user.org.name}


# In the order of the menu.
_KINDS: dict[UserAct, ActKind] = {
    UserAct.PREVIEW_SYNC: ActKind(
        _("Preview sync"), "flask-conical", lambda facts: bool(servers_by_org().get(facts.user.org_id))
    ),
    UserAct.MOVE: ActKind(_("Move…"), "arrow-right-left", _always),
    UserAct.REACTIVATE: ActKind(_("Reactivate…"), "rotate-ccw", lambda facts: not facts.user.active, _out_of_use),
    UserAct.UNBLOCK: ActKind(
        _("Unblock…"), "lock-open", lambda facts: facts.user.blocked, lambda facts: facts.holds_more
    ),
    UserAct.CHANGE_ROLES: ActKind(_("Roles…"), "key-round", _always),
    UserAct.MANAGE_LOCALLY: ActKind(
        _("Manage locally…"),
        "pin",
        lambda facts: not facts.user.managed_locally and facts.follows_directory,
        lambda facts: facts.holds_more,
    ),
    UserAct.FOLLOW_DIRECTORY: ActKind(
        _("Let the directory decide…"),
        "pin-off",
        lambda facts: facts.user.managed_locally,
        lambda facts: facts.holds_more,
    ),
    UserAct.EDIT: ActKind(_("Edit"), "pencil", _always),
    UserAct.CANCEL_DEACTIVATION: ActKind(
        _("Cancel the pending deactivation…"), "calendar-x", lambda facts: facts.user.pending
    ),
    UserAct.BLOCK: ActKind(
        _("Block…"), "ban", lambda facts: facts.user.active and not facts.user.blocked, _not_to_oneself, cuts_off=True
    ),
    UserAct.DEACTIVATE: ActKind(
        _("Deactivate…"),
        "user-minus",
        lambda facts: facts.user.active and not facts.user.pending,
        _not_to_oneself,
        cuts_off=True,
    ),
}
# Acts with a button of their own; the others are in the menu.
_BUTTONS = (UserAct.PREVIEW_SYNC, UserAct.MOVE, UserAct.REACTIVATE, UserAct.UNBLOCK)


@dataclass(frozen=True, slots=True)
class UserActs:
    """The acts that a viewer sees on a user's page: some as buttons, the others in a menu."""

    offered: tuple[OfferedAct, ...]

    @property
    def buttons(self) -> list[OfferedAct]:
        """The main acts that the viewer can do."""
        return [each for each in self.offered if each.act in _BUTTONS and not each.refusal]

    @property
    def menu(self) -> list[OfferedAct]:
        """The other acts, without those that cut the user off."""
        shown = self.buttons
        return [each for each in self.offered if each not in shown and not each.kind.cuts_off]

    @property
    def cutting_off(self) -> list[OfferedAct]:
        """The acts that cut the user off."""
        return [each for each in self.offered if each.kind.cuts_off]


def user_acts(user: User, viewer: User) -> UserActs:
    """Return the acts that make sense for the user; none if the viewer may not change users, or not this one."""
    facts = UserFacts(user, viewer)
    if not facts.is_managed:
        return UserActs(())
    return UserActs(tuple(_offered(act, kind, facts) for act, kind in _KINDS.items() if kind.fits(facts)))


def offered(act: UserAct, user: User, viewer: User) -> OfferedAct | None:
    """Return one act; None if it does not fit the user's state, or the viewer may not change this user."""
    facts = UserFacts(user, viewer)
    kind = _KINDS[act]
    return _offered(act, kind, facts) if facts.is_managed and kind.fits(facts) else None


def kind_of(act: UserAct) -> ActKind:
    """Return the words and rules of an act."""
    return _KINDS[act]


def _offered(act: UserAct, kind: ActKind, facts: UserFacts) -> OfferedAct:
    return OfferedAct(act, kind, reverse(f"users:{act}", args=[facts.user.pk]), kind.refusal(facts))
