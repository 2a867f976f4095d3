"""The pages that block, unblock, deactivate and reactivate a user, cancel a pending deactivation, and mark as managed locally."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.presenters.archives.restored_words import restored_in_words
from console.presenters.user_effects import local_management_effects, state_effects
from console.presenters.users.user_acts import UserAct
from console.views.state_acts import StateAct
from console.views.users.user_access import USER, only
from directory.actions.users import reactivation_by_hand
from orgs.actions.users import blocking, deactivation, local_passwords, pending_deactivation
from orgs.actions.users.deactivation import Deactivated
from orgs.models import User


def _deactivated(user: User, result: Deactivated) -> str:
    if user.pk in result.on_hold:
        words = _("%(user)s is on legal hold, so the account is blocked, and deactivated when the hold ends.")
        return words % {"user": user.username}
    return _("%(user)s is deactivated.") % {"user": user.username}


block = StateAct(
    USER,
    UserAct.BLOCK,
    gettext_lazy("Block %(user)s?"),
    gettext_lazy("Block"),
    lambda user, at: state_effects.blocking(only(user), at=at),
    blocking.block,
    gettext_lazy("%(user)s is blocked."),
    gettext_lazy("To undo it, unblock the user. Nothing is lost meanwhile."),
).page()
unblock = StateAct(
    USER,
    UserAct.UNBLOCK,
    gettext_lazy("Unblock %(user)s?"),
    gettext_lazy("Unblock"),
    lambda user, _at: state_effects.unblocking(only(user)),
    blocking.unblock,
    gettext_lazy("%(user)s is unblocked."),
).page()
deactivate = StateAct(
    USER,
    UserAct.DEACTIVATE,
    gettext_lazy("Deactivate %(user)s?"),
    gettext_lazy("Deactivate"),
    lambda user, at: state_effects.deactivating(only(user), at=at),
    deactivation.deactivate,
    _deactivated,
    gettext_lazy("To undo it, reactivate the user. Archives come back until they expire."),
).page()
reactivate = StateAct(
    USER,
    UserAct.REACTIVATE,
    gettext_lazy("Reactivate %(user)s?"),
    gettext_lazy("Reactivate"),
    lambda user, at: state_effects.reactivating(only(user), at=at),
    reactivation_by_hand.reactivate,
    lambda user, result: restored_in_words(_("%(user)s is active again.") % {"user": user.username}, result[1]),
).page()
cancel_deactivation = StateAct(
    USER,
    UserAct.CANCEL_DEACTIVATION,
    gettext_lazy("Cancel the pending deactivation of %(user)s?"),
    gettext_lazy("Cancel the deactivation"),
    lambda user, _at: state_effects.cancelling_deactivation(only(user)),
    pending_deactivation.clear_pending,
    gettext_lazy("No deactivation of %(user)s is pending any more."),
).page()
manage_locally = StateAct(
    USER,
    UserAct.MANAGE_LOCALLY,
    gettext_lazy("Manage %(user)s locally?"),
    gettext_lazy("Manage locally"),
    lambda user, _at: local_management_effects.managing_locally(only(user)),
    partial(local_passwords.set_managed_locally, managed_locally=True),
    gettext_lazy("%(user)s is managed locally."),
    gettext_lazy("To undo it, let the directory decide again. A forgotten password does not come back."),
).page()
follow_directory = StateAct(
    USER,
    UserAct.FOLLOW_DIRECTORY,
    gettext_lazy("Let the directory decide about %(user)s?"),
    gettext_lazy("Let the directory decide"),
    lambda user, _at: local_management_effects.following_directory(only(user)),
    partial(local_passwords.set_managed_locally, managed_locally=False),
    gettext_lazy("The directory decides about %(user)s again."),
    gettext_lazy("To undo it, manage the user locally again."),
).page()
