"""The actions of the list of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.data_fix_pages import user_state_effects
from orgs.actions.archives import Restored
from orgs.actions.users import blocking, deactivation, pending_deactivation
from orgs.models import Device, User
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class ListAction:
    """An action of the list: title, effects to confirm, the action itself, and the answer after it."""

    title: Any
    effects: Callable[[QuerySet[User]], list[str]]
    do: Callable[[list[int], Actor, datetime], Any]
    answer: Callable[[Any], str]


def _reactivate(ids: list[int], who: Actor, at: datetime) -> tuple[tuple[frozenset[int], Restored], int]:
    devices = Device.objects.filter(user__in=ids, user__active=False, deactivated_with_user=True)
    back = devices.count() if user_state_effects.with_devices() else 0
    done = deactivation.reactivate(user_ids=ids, by=who, at=at, with_devices=user_state_effects.with_devices())
    return done, back


LIST_ACTIONS: dict[str, ListAction] = {
    "block": ListAction(
        gettext_lazy("Block users"),
        lambda _chosen: user_state_effects.blocking(),
        lambda ids, who, at: blocking.block(user_ids=ids, by=who, at=at),
        lambda done: _("Blocked: %(count)d.") % {"count": len(done)},
    ),
    "unblock": ListAction(
        gettext_lazy("Unblock users"),
        user_state_effects.unblocking,
        lambda ids, who, at: blocking.unblock(user_ids=ids, by=who, at=at),
        lambda done: _("Unblocked: %(count)d.") % {"count": len(done)},
    ),
    "deactivate": ListAction(
        gettext_lazy("Deactivate users"),
        user_state_effects.deactivating,
        lambda ids, who, at: deactivation.deactivate(user_ids=ids, by=who, at=at),
        user_state_effects.deactivated,
    ),
    "reactivate": ListAction(
        gettext_lazy("Reactivate users"),
        user_state_effects.reactivating,
        _reactivate,
        lambda done: user_state_effects.reactivated(done[0], devices=done[1]),
    ),
    "clear_pending": ListAction(
        gettext_lazy("Clear pending deactivations"),
        user_state_effects.clearing,
        lambda ids, who, at: pending_deactivation.clear_pending(user_ids=ids, by=who, at=at),
        lambda done: _("Pending deactivations cleared: %(count)d.") % {"count": len(done)},
    ),
}
