"""Decides which acts a viewer may do to a user: the one list for the user's page, its menu and the pages of the acts."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.presenters.offered_acts import ActCatalogue, ActKind
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
_KINDS: dict[StrEnum, ActKind[UserFacts]] = {
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
# ``with_button``: acts with a button of their own; the others are in the menu.
USER_ACTS = ActCatalogue(
    area="users",
    facts=UserFacts,
    kinds=_KINDS,
    with_button=(UserAct.PREVIEW_SYNC, UserAct.MOVE, UserAct.REACTIVATE, UserAct.UNBLOCK),
)
