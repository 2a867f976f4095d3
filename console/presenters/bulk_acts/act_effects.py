"""The effects of an act on many users before it is confirmed: those of the single act, and who is left out and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.elements.effects import Effect, concerning
from console.presenters.user_effects import move_effects, role_effects, state_effects
from directory.actions.bulk.bulk_terms import BulkTerms
from directory.actions.bulk.left_out import sort_out
from directory.models import BulkActUser, BulkKind, LeftOut
from orgs.models import Org
from orgs.models.users import UserQuerySet

# A page names so many of those who are left out for one reason; the count has all of them.
_MOST_NAMED = 5
_WHY: dict[LeftOut, Promise] = {
    LeftOut.OUTSIDE: gettext_lazy("Outside the part in which you may change users."),
    LeftOut.OWN: gettext_lazy("Your own account: another administrator has to do it."),
    LeftOut.ALREADY: gettext_lazy("Already so."),
    LeftOut.UNFIT: gettext_lazy("Deactivated, so signed out already."),
    LeftOut.ORG_OUT_OF_USE: gettext_lazy("In an org that is not in use: move them to another org first."),
    LeftOut.CHANGED: gettext_lazy("Changed since, by somebody else: they stay as they are."),
    LeftOut.TRAIL_TOO_SHORT: gettext_lazy(
        "Done too long ago: the audit trail no longer shows who has changed them since. Change them by hand."
    ),
    LeftOut.HOLDS_MORE: gettext_lazy("Hold more than you do, or would: only somebody who holds it too may do this."),
    LeftOut.LAST_SYSADMIN: gettext_lazy("The last active SYSADMIN: someone has to hold the role."),
}


@dataclass(frozen=True, slots=True)
class BulkEffects:
    """What an act would do, how many users it would change, and whom it leaves out."""

    effects: list[Effect]
    left_out: list[Effect]
    changing: int


def bulk_effects(users: UserQuerySet, terms: BulkTerms, *, at: datetime) -> BulkEffects:
    """Return the effects of an act on these users."""
    parts = sort_out(users, terms)
    left_out = [_left_out(reason, found) for reason, found in parts.left_out]
    effects = _EFFECTS[terms.kind](parts.changing, terms, at)
    return BulkEffects(effects, concerning(left_out), parts.changing.count())


def _left_out(reason: LeftOut, users: UserQuerySet) -> Effect:
    named = list(users.order_by("username_key", "pk").values_list("username", flat=True)[: _MOST_NAMED + 1])
    shown = ", ".join(named[:_MOST_NAMED]) + (" …" if len(named) > _MOST_NAMED else "")
    return Effect(_("Left out"), users.count() if named else 0, _WHY[reason], "minus", under=shown)


def _moving(users: UserQuerySet, terms: BulkTerms, _at: datetime) -> list[Effect]:
    if terms.org is not None:
        return move_effects.moving(users, terms.org)
    rows = BulkActUser.objects.filter(bulk_act=terms.undone, user__in=users.order_by().values("pk"))
    counts = dict(rows.order_by().values_list("org_before").annotate(Count("pk")))
    names = dict(Org.objects.visible_to(terms.person).filter(pk__in=counts).values_list("pk", "name"))
    sentence = _("Back to %(org)s. Devices that have to sign in again do so once.")
    return [
        Effect(_("Move back"), counts[pk], sentence % {"org": name}, "arrow-right-left")
        for pk, name in sorted(names.items(), key=lambda item: (-counts[item[0]], item[1]))
    ]


def _adding(users: UserQuerySet, terms: BulkTerms, _at: datetime) -> list[Effect]:
    return role_effects.changing_roles(users, added=[terms.role] if terms.role else [], removed=[])


def _removing(users: UserQuerySet, terms: BulkTerms, _at: datetime) -> list[Effect]:
    return role_effects.changing_roles(users, added=[], removed=[terms.role] if terms.role else [])


def _reactivating(users: UserQuerySet, terms: BulkTerms, at: datetime) -> list[Effect]:
    if terms.undone is None:
        return state_effects.reactivating(users, at=at)
    waiting = users.filter(active=True, pending=True)
    text = _("Cancelled: who is on legal hold was blocked instead, and is as before again.")
    cancelled = Effect(_("Pending deactivations"), waiting.count(), text, "calendar-x", "back")
    return [*state_effects.reactivating(users.filter(active=False), at=at), *concerning([cancelled])]


def _holding(users: UserQuerySet, terms: BulkTerms, _at: datetime) -> list[Effect]:
    text = _("By %(matter)s: a deactivation waits until the hold ends, and archives neither expire nor go.")
    gone = _("Are deactivated: what is in cold storage stays there until the hold ends.")
    return concerning(
        [
            Effect(_("Put on hold"), users.count(), text % {"matter": terms.matter}, "gavel", "wait"),
            Effect(_("Deactivated users"), users.filter(active=False).count(), gone, "circle-off"),
        ]
    )


_EFFECTS: dict[BulkKind, Callable[[UserQuerySet, BulkTerms, datetime], list[Effect]]] = {
    BulkKind.BLOCK: lambda users, _terms, at: state_effects.blocking(users, at=at),
    BulkKind.UNBLOCK: lambda users, _terms, _at: state_effects.unblocking(users),
    BulkKind.DEACTIVATE: lambda users, _terms, at: state_effects.deactivating(users, at=at),
    BulkKind.REACTIVATE: _reactivating,
    BulkKind.MOVE: _moving,
    BulkKind.ADD_ROLE: _adding,
    BulkKind.REMOVE_ROLE: _removing,
    BulkKind.HOLD: _holding,
}
