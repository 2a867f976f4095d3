"""The page that replaces a device: choose the user's other computer, see the effects, put it in place of the old one."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console.forms.devices.device_acts import ReplacementForm
from console.http.page_requests import render_page
from console.presenters.archives.restored_words import restored_in_words
from console.presenters.devices.device_acts import DeviceAct, replacements
from console.presenters.devices.device_effects import replacing
from console.security.access import ConsoleRequest, require
from console.views.act_questions import Question
from console.views.devices.device_access import DEVICE, managed_device
from orgs.actions.devices_by_hand import replacement
from orgs.models import Device
from orgs.permissions import Permission


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.COMPUTER)
def replace(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Let the viewer choose a device; then show the effects and ask; then put its computer in place of this one's."""
    device = managed_device(request, pk)
    if refusal := DEVICE.why_not(request, device, DeviceAct.REPLACE):
        return DEVICE.refuse(request, device, DeviceAct.REPLACE, refusal)
    given = request.POST if request.method == "POST" else request.GET
    form = ReplacementForm(given if "computer" in given else None, computers=replacements(device))
    if not form.is_valid():
        context = {"device": device, "form": form, "kind": DEVICE.acts.kinds[DeviceAct.REPLACE]}
        return render_page(request, "devices/replace.html", context)
    computer = form.cleaned_data["computer"]
    return DEVICE.ask(request, device, DeviceAct.REPLACE, lambda: _question(device, computer))


def _question(device: Device, computer: Device) -> Question:
    names = {"device": device.name, "computer": computer.name}
    return Question(
        title=_("Put %(computer)s in place of %(device)s?") % names,
        button=_("Replace"),
        effects=replacing(device, computer, at=timezone.now()),
        action=lambda by, at: replacement.replace(device_id=device.pk, computer_id=computer.pk, by=by, at=at),
        done=lambda restored: restored_in_words(
            _("%(device)s has taken the place; its user signs in on it once.") % {"device": computer.name}, restored
        ),
        undo=_(
            "To undo it, reactivate the device that the new computer was, let the old computer sign in, and put it in this "
            "place again."
        ),
        given=[("computer", computer.pk)],
    )
