"""Finds the devices that a page may change, and how the pages that ask before an act show one."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from console.presenters.devices.device_acts import DEVICE_ACTS
from console.security.access import ConsoleRequest
from console.views.act_questions import SubjectKind
from orgs.models import Device
from orgs.models.devices import DeviceQuerySet
from orgs.permissions import Permission


def managed_device(request: ConsoleRequest, pk: int) -> Device:
    """Return a device that the viewer may see and change; for all others the page is not there."""
    devices: DeviceQuerySet = Device.objects.visible_to(request.user).managed_by(request.user)
    found: Device = get_object_or_404(devices.select_related("user__org", "in_place_of"), pk=pk)
    return found


DEVICE = SubjectKind(
    key="device",
    ids="device_ids",
    in_templates="device",
    area="devices",
    plural=_("Devices"),
    acts=DEVICE_ACTS,
    permission=Permission.COMPUTER,
    find=managed_device,
    name=lambda device: device.name,
    who="devices/_which.html",
    back=_("Back to the device"),
    changed=_("This does not fit the state that the device is in by now."),
)
