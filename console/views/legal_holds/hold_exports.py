"""The exports of a matter: the list, the page that asks before one is made, downloads, and the removal."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.http.page_requests import render_page
from console.listing.exports import stored_file
from console.presenters.legal_holds import hold_exports as presenter
from console.security.access import ConsoleRequest, author, confirmed, require
from console.views.acts import carry_out
from console.views.legal_holds.matter_access import visible_matter
from console.views.legal_holds.matter_pages import matter_tab
from directory.input_errors import Refused
from orgs.actions.matters import hold_exports
from orgs.models import Custodian, Device, ExportState, HoldExport, Matter
from orgs.models.devices import DeviceQuerySet
from orgs.permissions import Permission

# How many devices the page offers; a search finds the others.
OFFERED = 50


@require_safe
@require(Permission.RESTORE)
def export_list(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the exports of a matter, and the devices of its custodians that can be exported."""
    return _list(request, visible_matter(request, pk))


def _list(request: ConsoleRequest, matter: Matter) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    found = _devices(request, matter)
    for word in search.split()[:5]:
        found = found.filter(Q(name__icontains=word) | Q(user__username__icontains=word) | Q(guid__startswith=word))
    exports = HoldExport.objects.visible_to(request.user).filter(matter=matter).select_related("user")
    context: dict[str, Any] = {
        "search": search,
        "devices": found.order_by("user__username", "name", "pk")[:OFFERED],
        "device_count": found.count(),
        "exports": [presenter.shown(export) for export in exports[:200]],
    }
    return matter_tab(request, matter, "exports", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.RESTORE)
@confirmed
def export_add(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Ask what is to be packed, and have a worker do it."""
    matter = visible_matter(request, pk)
    given = request.POST if request.method == "POST" else request.GET
    number = given.get("device", "")
    if not number:
        # Nothing was chosen: the page with the devices.
        return _list(request, matter)
    wanted = int(number) if number.isdecimal() and len(number) < 19 else 0
    device = get_object_or_404(_devices(request, matter), pk=wanted)
    if request.method == "POST":
        every = request.POST.get("snapshots") == "all"
        return carry_out(
            request,
            partial(hold_exports.request, matter=matter, device_id=device.pk, every_snapshot=every),
            done=_("The export of %(device)s waits for its worker. This page shows when it is ready.")
            % {"device": device.name},
            back=reverse("legal_holds:exports", args=[matter.pk]),
        )
    context = {"matter": matter, "device": device, "effects": presenter.effects(device)}
    return render_page(request, "legal_holds/export_add.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.RESTORE)
@confirmed
def export_remove(request: ConsoleRequest, pk: int, export_pk: int) -> HttpResponse:
    """Ask before the files of an export are removed, and remove them."""
    matter, export = _export(request, pk, export_pk)
    if request.method == "POST":
        return carry_out(
            request,
            partial(hold_exports.remove, export_id=export.pk),
            done=_("The files of the export are removed."),
            back=reverse("legal_holds:exports", args=[matter.pk]),
        )
    return render_page(request, "legal_holds/export_remove.html", {"matter": matter, "shown": presenter.shown(export)})


@require_POST
@require(Permission.RESTORE)
@confirmed
def export_download(request: ConsoleRequest, pk: int, export_pk: int) -> HttpResponseBase:
    """Send one part of an export, and note it in the audit trail."""
    _matter, export = _export(request, pk, export_pk)
    name = request.POST.get("part", "")
    if export.state != ExportState.DONE or name not in {part["name"] for part in export.files}:
        raise Http404
    path = hold_exports.folder(export.pk) / name
    if not path.is_file():
        raise Http404
    answer = stored_file(f"hold-{export.matter_id}-{export.guid}-{name}", path)
    try:
        hold_exports.note_download(export=export, part=name, by=author(request), at=timezone.now())
    except Refused as reason:
        answer.close()
        messages.error(request, f"{capfirst(str(reason))}.")
        return HttpResponseRedirect(reverse("legal_holds:exports", args=[pk]))
    except BaseException:
        answer.close()
        raise
    return answer


def _devices(request: ConsoleRequest, matter: Matter) -> DeviceQuerySet:
    """Return the devices of the matter's custodians with a stored archive, of users whose files the viewer may restore."""
    custodians = Custodian.objects.unreleased().filter(matter=matter).values("user")
    found: DeviceQuerySet = Device.objects.filter(user__in=custodians, archives__repository__isnull=False).distinct()
    if not matter.open:
        return found.none()
    if not request.user.may_everywhere(Permission.RESTORE):
        found = found.filter(user__org__path__startswith=request.user.org.path)
    return found.select_related("user__org")


def _export(request: ConsoleRequest, pk: int, export_pk: int) -> tuple[Matter, HoldExport]:
    matter = visible_matter(request, pk)
    exports = HoldExport.objects.visible_to(request.user).filter(matter=matter).select_related("user", "matter")
    return matter, get_object_or_404(exports, pk=export_pk)
