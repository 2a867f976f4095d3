"""The pages that deactivate, reactivate, block, unblock, deauthorize and authorize a device."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.presenters.archives.restored_words import restored_in_words
from console.presenters.devices import device_effects
from console.presenters.devices.device_acts import DeviceAct
from console.views.devices.device_access import DEVICE
from console.views.state_acts import StateAct
from orgs.actions import devices
from orgs.actions.devices_by_hand import states

deactivate = StateAct(
    DEVICE,
    DeviceAct.DEACTIVATE,
    gettext_lazy("Deactivate %(device)s?"),
    gettext_lazy("Deactivate"),
    lambda device, at: device_effects.deactivating(device, at=at),
    devices.deactivate,
    gettext_lazy("%(device)s is deactivated."),
    gettext_lazy("To undo it, reactivate the device. Archives come back until they expire."),
).page()
reactivate = StateAct(
    DEVICE,
    DeviceAct.REACTIVATE,
    gettext_lazy("Reactivate %(device)s?"),
    gettext_lazy("Reactivate"),
    lambda device, at: device_effects.reactivating(device, at=at),
    states.reactivate,
    lambda device, restored: restored_in_words(_("%(device)s is active again.") % {"device": device.name}, restored),
).page()
block = StateAct(
    DEVICE,
    DeviceAct.BLOCK,
    gettext_lazy("Block %(device)s?"),
    gettext_lazy("Block"),
    lambda device, _at: device_effects.blocking(device),
    states.block,
    gettext_lazy("%(device)s is blocked."),
    gettext_lazy("To undo it, unblock the device. Nothing is lost meanwhile."),
).page()
unblock = StateAct(
    DEVICE,
    DeviceAct.UNBLOCK,
    gettext_lazy("Unblock %(device)s?"),
    gettext_lazy("Unblock"),
    lambda device, _at: device_effects.unblocking(device),
    states.unblock,
    gettext_lazy("%(device)s is unblocked."),
).page()
deauthorize = StateAct(
    DEVICE,
    DeviceAct.DEAUTHORIZE,
    gettext_lazy("Deauthorize %(device)s?"),
    gettext_lazy("Deauthorize"),
    lambda device, _at: device_effects.deauthorizing(device),
    states.deauthorize,
    gettext_lazy("%(device)s has to sign in again."),
    gettext_lazy("To undo it, authorize the device, or let its user sign in."),
).page()
authorize = StateAct(
    DEVICE,
    DeviceAct.AUTHORIZE,
    gettext_lazy("Authorize %(device)s?"),
    gettext_lazy("Authorize"),
    lambda device, _at: device_effects.authorizing(device),
    states.authorize,
    gettext_lazy("%(device)s is authorized."),
    gettext_lazy("To undo it, deauthorize the device."),
).page()
