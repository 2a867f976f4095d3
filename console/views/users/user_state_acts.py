"""The pages that block, unblock, deactivate and reactivate a user, cancel a pending deactivation, and mark as managed locally."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from console.elements.effects import Effect
from console.presenters.user_effects import local_management_effects, state_effects
from console.presenters.users.user_acts import UserAct
from console.security.access import ConsoleRequest, require
from console.views.users.act_questions import Question, ask, managed_user, only
from directory.actions.users import reactivation_by_hand
from orgs.actions.archives import Restored
from orgs.actions.users import blocking, deactivation, local_passwords, pending_deactivation
from orgs.actions.users.deactivation import Deactivated
from orgs.models import User
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class StateAct:
    """One act that changes the state of users: words, effects, action, and the sentence afterwards.

    ``title`` and ``undo`` may name the user (``%(user)s``). ``effects`` takes users and the present time, ``action`` takes
    ``user_ids``, ``by`` and ``at``, and ``done`` the user and the result.
    """

    act: UserAct
    title: Promise
    button: Promise
    effects: Callable[[UserQuerySet, datetime], list[Effect]]
    action: Callable[..., Any]
    done: Callable[[User, Any], str]
    undo: str | Promise = ""


def _page(state_act: StateAct) -> Callable[..., HttpResponseBase]:
    """Return the page of an act: it shows the effects and asks, then carries the act out."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @require(Permission.USER)
    def page(request: ConsoleRequest, pk: int) -> HttpResponse:
        user = managed_user(request, pk)
        return ask(request, user, state_act.act, partial(_question, state_act, user))

    return page


def _question(state_act: StateAct, user: User) -> Question:
    names = {"user": user.username}
    return Question(
        title=state_act.title % names,
        button=state_act.button,
        effects=state_act.effects(only(user), timezone.now()),
        action=partial(state_act.action, user_ids=[user.pk]),
        done=partial(state_act.done, user),
        undo=state_act.undo,
    )


def _sentence(words: Promise) -> Callable[[User, Any], str]:
    return lambda user, _result: str(words % {"user": user.username})


def _deactivated(user: User, result: Deactivated) -> str:
    if user.pk in result.on_hold:
        words = _("%(user)s is on legal hold, so the account is blocked, and deactivated when the hold ends.")
        return words % {"user": user.username}
    return _("%(user)s is deactivated.") % {"user": user.username}


def _reactivated(user: User, result: tuple[frozenset[int], Restored]) -> str:
    _users, restored = result
    words = _(
        "%(user)s is active again. Archives out of cold storage: %(archives)d. Archives that have expired and are lost: "
        "%(lost)d."
    )
    return words % {"user": user.username, "archives": restored.archives, "lost": restored.lost}


block = _page(
    StateAct(
        UserAct.BLOCK,
        gettext_lazy("Block %(user)s?"),
        gettext_lazy("Block"),
        lambda users, at: state_effects.blocking(users, at=at),
        blocking.block,
        _sentence(gettext_lazy("%(user)s is blocked.")),
        gettext_lazy("To undo it, unblock the user. Nothing is lost meanwhile."),
    )
)
unblock = _page(
    StateAct(
        UserAct.UNBLOCK,
        gettext_lazy("Unblock %(user)s?"),
        gettext_lazy("Unblock"),
        lambda users, _at: state_effects.unblocking(users),
        blocking.unblock,
        _sentence(gettext_lazy("%(user)s is unblocked.")),
    )
)
deactivate = _page(
    StateAct(
        UserAct.DEACTIVATE,
        gettext_lazy("Deactivate %(user)s?"),
        gettext_lazy("Deactivate"),
        lambda users, at: state_effects.deactivating(users, at=at),
        deactivation.deactivate,
        _deactivated,
        gettext_lazy("To undo it, reactivate the user. Archives come back until they expire."),
    )
)
reactivate = _page(
    StateAct(
        UserAct.REACTIVATE,
        gettext_lazy("Reactivate %(user)s?"),
        gettext_lazy("Reactivate"),
        lambda users, at: state_effects.reactivating(users, at=at),
        reactivation_by_hand.reactivate,
        _reactivated,
    )
)
cancel_deactivation = _page(
    StateAct(
        UserAct.CANCEL_DEACTIVATION,
        gettext_lazy("Cancel the pending deactivation of %(user)s?"),
        gettext_lazy("Cancel the deactivation"),
        lambda users, _at: state_effects.cancelling_deactivation(users),
        pending_deactivation.clear_pending,
        _sentence(gettext_lazy("No deactivation of %(user)s is pending any more.")),
    )
)
manage_locally = _page(
    StateAct(
        UserAct.MANAGE_LOCALLY,
        gettext_lazy("Manage %(user)s locally?"),
        gettext_lazy("Manage locally"),
        lambda users, _at: local_management_effects.managing_locally(users),
        partial(local_passwords.set_managed_locally, managed_locally=True),
        _sentence(gettext_lazy("%(user)s is managed locally.")),
        gettext_lazy("To undo it, let the directory decide again. A forgotten password does not come back."),
    )
)
follow_directory = _page(
    StateAct(
        UserAct.FOLLOW_DIRECTORY,
        gettext_lazy("Let the directory decide about %(user)s?"),
        gettext_lazy("Let the directory decide"),
        lambda users, _at: local_management_effects.following_directory(users),
        partial(local_passwords.set_managed_locally, managed_locally=False),
        _sentence(gettext_lazy("The directory decides about %(user)s again.")),
        gettext_lazy("To undo it, manage the user locally again."),
    )
)
