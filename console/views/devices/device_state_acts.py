"""The pages that deactivate, reactivate, block, unblock, deauthorize and authorize a device."""

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
from console.presenters.devices import device_effects
from console.presenters.devices.device_acts import DeviceAct
from console.security.access import ConsoleRequest, require
from console.views.devices.act_questions import ASK, ask, managed_device
from console.views.users.act_questions import Question
from orgs.actions import devices
from orgs.actions.archives import Restored
from orgs.actions.devices_by_hand import states
from orgs.models import Device
from orgs.permissions import Permission


@dataclass(frozen=True, slots=True)
class DeviceStateAct:
    """One act that changes the state of a device: words, effects, action, and the sentence afterwards.

    ``title`` and ``undo`` may name the device (``%(device)s``). ``action`` takes ``device_ids``, ``by`` and ``at``.
    """

    act: DeviceAct
    title: Promise
    button: Promise
    effects: Callable[[Device, datetime], list[Effect]]
    action: Callable[..., Any]
    done: Callable[[Device, Any], str]
    undo: str | Promise = ""


def _page(state_act: DeviceStateAct) -> Callable[..., HttpResponseBase]:
    """Return the page of an act: it shows the effects and asks, then carries the act out."""

    @require_http_methods(["GET", "HEAD", "POST"])
    @require(Permission.COMPUTER)
    def page(request: ConsoleRequest, pk: int) -> HttpResponse:
        device = managed_device(request, pk)
        return ask(request, device, state_act.act, partial(_question, state_act, device))

    return page


def _question(state_act: DeviceStateAct, device: Device) -> Question:
    return Question(
        title=state_act.title % {"device": device.name},
        button=state_act.button,
        effects=state_act.effects(device, timezone.now()),
        action=partial(state_act.action, device_ids=[device.pk]),
        done=partial(state_act.done, device),
        undo=state_act.undo,
        template=ASK,
    )


def _sentence(words: Promise) -> Callable[[Device, Any], str]:
    return lambda device, _result: str(words % {"device": device.name})


def restored_in_words(device: Device, restored: Restored, words: str) -> str:
    """Return the sentence about the act, and what became of the archives."""
    archives = _("Archives out of cold storage: %(archives)d. Archives that have expired and are lost: %(lost)d.")
    numbers = {"archives": restored.archives, "lost": restored.lost}
    return " ".join([words % {"device": device.name}, archives % numbers])


deactivate = _page(
    DeviceStateAct(
        DeviceAct.DEACTIVATE,
        gettext_lazy("Deactivate %(device)s?"),
        gettext_lazy("Deactivate"),
        lambda device, at: device_effects.deactivating(device, at=at),
        devices.deactivate,
        _sentence(gettext_lazy("%(device)s is deactivated.")),
        gettext_lazy("To undo it, reactivate the device. Archives come back until they expire."),
    )
)
reactivate = _page(
    DeviceStateAct(
        DeviceAct.REACTIVATE,
        gettext_lazy("Reactivate %(device)s?"),
        gettext_lazy("Reactivate"),
        lambda device, at: device_effects.reactivating(device, at=at),
        states.reactivate,
        lambda device, restored: restored_in_words(device, restored, _("%(device)s is active again.")),
    )
)
block = _page(
    DeviceStateAct(
        DeviceAct.BLOCK,
        gettext_lazy("Block %(device)s?"),
        gettext_lazy("Block"),
        lambda device, _at: device_effects.blocking(device),
        states.block,
        _sentence(gettext_lazy("%(device)s is blocked.")),
        gettext_lazy("To undo it, unblock the device. Nothing is lost meanwhile."),
    )
)
unblock = _page(
    DeviceStateAct(
        DeviceAct.UNBLOCK,
        gettext_lazy("Unblock %(device)s?"),
        gettext_lazy("Unblock"),
        lambda device, _at: device_effects.unblocking(device),
        states.unblock,
        _sentence(gettext_lazy("%(device)s is unblocked.")),
    )
)
deauthorize = _page(
    DeviceStateAct(
        DeviceAct.DEAUTHORIZE,
        gettext_lazy("Deauthorize %(device)s?"),
        gettext_lazy("Deauthorize"),
        lambda device, _at: device_effects.deauthorizing(device),
        states.deauthorize,
        _sentence(gettext_lazy("%(device)s has to sign in again.")),
        gettext_lazy("To undo it, authorize the device, or let its user sign in."),
    )
)
authorize = _page(
    DeviceStateAct(
        DeviceAct.AUTHORIZE,
        gettext_lazy("Authorize %(device)s?"),
        gettext_lazy("Authorize"),
        lambda device, _at: device_effects.authorizing(device),
        states.authorize,
        _sentence(gettext_lazy("%(device)s is authorized.")),
        gettext_lazy("To undo it, deauthorize the device."),
    )
)
