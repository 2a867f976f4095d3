"""The common part of pages that ask before an act on a device: find the device, ask with the effects, carry out."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from console.http.page_requests import render_page
from console.presenters.devices.device_acts import DeviceAct, kind_of, offered
from console.security.access import ConsoleRequest
from console.views.acts import carry_out
from console.views.users.act_questions import Question
from orgs.models import Device
from orgs.models.devices import DeviceQuerySet

ASK = "devices/ask.html"


def managed_device(request: ConsoleRequest, pk: int) -> Device:
    """Return a device that the viewer may see and change; for all others the page is not there."""
    devices: DeviceQuerySet = Device.objects.visible_to(request.user).managed_by(request.user)
    found: Device = get_object_or_404(devices.select_related("user__org", "in_place_of"), pk=pk)
    return found


def ask(request: ConsoleRequest, device: Device, act: DeviceAct, question: Callable[[], Question]) -> HttpResponse:
    """Show the effects of the act and ask; carry it out when that is confirmed (POST).

    An act that does not fit the device's state, or that the viewer may not do, is not carried out, and the page says why.
    """
    if refusal := why_not(request, device, act):
        return refused(request, device, act, refusal)
    confirmation = question()
    if request.method == "POST":
        back = reverse("devices:detail", args=[device.pk])
        return carry_out(request, confirmation.action, done=confirmation.done, back=back)
    context = {"device": device, "question": confirmation, "kind": kind_of(act), "refusal": "", **confirmation.context}
    return render_page(request, confirmation.template, context)


def why_not(request: ConsoleRequest, device: Device, act: DeviceAct) -> str:
    """Return why the viewer can't do the act now; empty if they can."""
    offer = offered(act, device, request.user)
    return offer.refusal if offer else _("This does not fit the state that the device is in by now.")


def refused(request: ConsoleRequest, device: Device, act: DeviceAct, refusal: str) -> HttpResponse:
    """Say why the act can't be done."""
    if request.method == "POST":
        messages.error(request, refusal)
        return HttpResponseRedirect(reverse("devices:detail", args=[device.pk]))
    context = {"device": device, "question": None, "kind": kind_of(act), "refusal": refusal}
    return render_page(request, ASK, context)
