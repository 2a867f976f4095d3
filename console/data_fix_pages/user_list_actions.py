"""The actions of the list of users: their effects, as on the pages of single users, and the answers afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.elements.effects import Effect
from console.presenters.user_effects import state_effects
from directory.actions.users import reactivation_by_hand
from orgs.actions.archives import Restored
from orgs.actions.users import blocking, deactivation, pending_deactivation
from orgs.actions.users.deactivation import Deactivated
from orgs.models import Device, User
from orgs.models.users import UserQuerySet
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class ListAction:
    """An action of the list: title, effects to confirm, the action itself, and the answer after it."""

    title: Any
    counted: Callable[[UserQuerySet], list[Effect]]
    do: Callable[[list[int], Actor, datetime], Any]
    answer: Callable[[Any], str]

    def effects(self, chosen: QuerySet[User]) -> list[str]:
        """Return the effects on the chosen users as lines."""
        users: UserQuerySet = User.objects.filter(pk__in=chosen.order_by().values("pk"))
        return [
            f"{effect.what}: {effect.count}. {effect.text} {effect.under}".strip() for effect in self.counted(users)
        ]


def _reactivate(ids: list[int], who: Actor, at: datetime) -> tuple[tuple[frozenset[int], Restored], int]:
    devices = Device.objects.filter(user__in=ids, user__active=False, deactivated_with_user=True)
    back = devices.count() if reactivation_by_hand.with_devices() else 0
    return reactivation_by_hand.reactivate(user_ids=ids, by=who, at=at), back


def _deactivated(done: Deactivated) -> str:
    return _("Deactivated: %(users)d. Blocked instead, as they are on legal hold: %(held)d.") % {
        "users": len(done.users),
        "held": len(done.on_hold),
    }


def _reactivated(done: tuple[tuple[frozenset[int], Restored], int]) -> str:
    (users, restored), devices = done
    return _(
        "Reactivated: %(users)d. Devices that are active again: %(devices)d. Archives out of cold storage: %(archives)d. "
        "Archives that had expired and are lost: %(lost)d."
    ) % {"users": len(users), "devices": devices, "archives": restored.archives, "lost": restored.lost}


LIST_ACTIONS: dict[str, ListAction] = {
    "block": ListAction(
        gettext_lazy("Block users"),
        lambda users: state_effects.blocking(users, at=timezone.now()),
        lambda ids, who, at: blocking.block(user_ids=ids, by=who, at=at),
        lambda done: _("Blocked: %(count)d.") % {"count": len(done)},
    ),
    "unblock": ListAction(
        gettext_lazy("Unblock users"),
        state_effects.unblocking,
        lambda ids, who, at: blocking.unblock(user_ids=ids, by=who, at=at),
        lambda done: _("Unblocked: %(count)d.") % {"count": len(done)},
    ),
    "deactivate": ListAction(
        gettext_lazy("Deactivate users"),
        lambda users: state_effects.deactivating(users, at=timezone.now()),
        lambda ids, who, at: deactivation.deactivate(user_ids=ids, by=who, at=at),
        _deactivated,
    ),
    "reactivate": ListAction(
        gettext_lazy("Reactivate users"),
        lambda users: state_effects.reactivating(users, at=timezone.now()),
        _reactivate,
        _reactivated,
    ),
    "clear_pending": ListAction(
        gettext_lazy("Clear pending deactivations"),
        state_effects.cancelling_deactivation,
        lambda ids, who, at: pending_deactivation.clear_pending(user_ids=ids, by=who, at=at),
        lambda done: _("Pending deactivations cleared: %(count)d.") % {"count": len(done)},
    ),
}
