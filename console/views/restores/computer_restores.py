"""The pages that ask a computer to restore files into a new folder, and that cancel such a restore."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.http.page_requests import render_page
from console.presenters.restores.restore_page import cancelling, restoring_there, too_much_words
from console.security.access import ConsoleRequest, confirmed, require
from console.views.acts import carry_out
from console.views.restores.restore_access import CannotRestore, Choice, Restoring, choice, restoring, way_back
from console.views.restores.restore_pages import words_of
from orgs.actions.restores import requested_restores
from orgs.actions.restores.requested_restores import ChosenFiles
from orgs.backups import gate
from orgs.backups.restores import reading_slots, snapshots
from orgs.backups.restores.readable_archives import NotReadable, archive_of
from orgs.backups.restores.reading_slots import NoSlot
from orgs.backups.restores.restic_output import ReadingFailed, ReadingTookTooLong
from orgs.backups.restores.snapshots import MoreThanAllowed
from orgs.models import RestoreJob
from orgs.rules.restore_rights import SOME_RESTORES, RestoreWay

# The newest snapshot, where nobody but the user can read which there are.
LATEST = "latest"


@require_POST
@require(*SOME_RESTORES)
@confirmed
def ask_computer(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Show what the computer would restore and ask; then have it do so the next time that it comes."""
    shown = restoring(request, pk)
    if shown.right(RestoreWay.COMPUTER) is None:
        raise PermissionDenied
    try:
        files = _chosen(shown)
    except (CannotRestore, ReadingFailed, NoSlot) as reason:
        messages.error(request, words_of(reason))
        return HttpResponseRedirect(way_back(request, pk))
    if "sure" in request.POST:
        action = partial(requested_restores.request, device_id=shown.device.pk, files=files)
        done = _("%(device)s is asked to restore the files into a new folder, at its next turn.")
        back = reverse("restores:detail", args=[pk])
        return carry_out(request, action, done=done % {"device": shown.device.name}, back=back)
    context = {
        "back": way_back(request, pk),
        "folder": request.POST.get("folder", ""),
        "device": shown.device,
        "is_own": shown.is_own,
        "chosen": Choice(files.snapshot, files.paths),
        "effects": restoring_there(shown.device, files, is_own=shown.is_own),
    }
    return render_page(request, "restores/to_computer.html", context)


def _chosen(shown: Restoring) -> ChosenFiles:
    """Return what was chosen, counted where Rollcall can read it.

    Raises:
        CannotRestore: when the computer may not restore, or when it is more than the viewer may restore at a time.
    """
    if shown.why_not:
        raise CannotRestore(shown.why_not)
    if (refusal := gate.refusal(gate.of_device(shown.device.pk))) is not None:
        words = _("The computer may not restore now. It shows: “%(sentence)s”")
        raise CannotRestore(words % {"sentence": refusal.sentence})
    allowed = shown.right(RestoreWay.COMPUTER)
    most = allowed.most_bytes if allowed else 0
    try:
        archive = archive_of(shown.device)
    except NotReadable as reason:
        if not reason.by_the_computer:
            raise CannotRestore(reason.sentence) from reason
        if most is not None:
            words = _("Your roles restore a limited size at a time, and nobody but the user can see the sizes here.")
            raise CannotRestore(words) from reason
        return ChosenFiles(LATEST)
    chosen = choice(shown.request)
    try:
        with reading_slots.page(shown.request.user.pk):
            measured = snapshots.measure(archive, chosen.snapshot, chosen.paths, most_bytes=most)
    except (MoreThanAllowed, ReadingTookTooLong) as error:
        if most is None:
            return ChosenFiles(chosen.snapshot, chosen.paths)
        raise CannotRestore(too_much_words(most, snapshots.MOST_FILES, RestoreWay.COMPUTER)) from error
    if measured.missing:
        raise CannotRestore(_("This snapshot has no %(path)s: choose again.") % {"path": measured.missing[0]})
    paths = () if chosen.paths == ("/",) else chosen.paths
    return ChosenFiles(chosen.snapshot, paths, measured.file_count, measured.size_bytes)


@require_http_methods(["GET", "HEAD", "POST"])
@require(*SOME_RESTORES)
def cancel(request: ConsoleRequest, pk: int, job_pk: int) -> HttpResponse:
    """Show what was requested and ask; then cancel it, unless the computer has done it by then."""
    shown = restoring(request, pk)
    if shown.right(RestoreWay.COMPUTER) is None:
        raise PermissionDenied
    job = get_object_or_404(RestoreJob, pk=job_pk, device=shown.device)
    back = reverse("restores:detail", args=[pk])
    if request.method == "POST":
        action = partial(requested_restores.cancel, job_ids=[job.pk])
        return carry_out(request, action, done=_cancelled, back=back)
    context = {"device": shown.device, "job": job, "back": back, "effects": cancelling(job)}
    return render_page(request, "restores/cancel.html", context)


def _cancelled(count: int) -> str:
    return _("The restore is cancelled.") if count else _("It had ended already: nothing was cancelled.")
