"""The list of devices whose files a viewer may restore, the snapshots of one, and the folders in a snapshot."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console.http.page_requests import render_page
from console.listing.filters.restores import RestoreFilter
from console.listing.listing import show_list
from console.listing.tables.restores import RestoreTable
from console.presenters.restores import file_lists
from console.presenters.restores.restore_page import jobs_of, limit_words
from console.security.access import ConsoleRequest, require
from console.views.restores.restore_access import CannotRestore, Restoring, restoring
from orgs.backups.restores import reading_slots, snapshots
from orgs.backups.restores.readable_archives import NotReadable
from orgs.backups.restores.reading_slots import NoSlot
from orgs.backups.restores.restic_output import ReadingFailed, ReadingTookTooLong
from orgs.backups.restores.snapshot_paths import SNAPSHOT, BadPath, checked_path
from orgs.rules.restore_rights import SOME_RESTORES, RestoreWay, restorable_by

# How much of a folder, and of what a search found, one page has; the longest search; the furthest part of a folder.
PAGE, MOST_FOUND, LONGEST_SEARCH, FURTHEST = 100, 200, 200, 10**6


@require_safe
@require(*SOME_RESTORES)
def restore_list(request: ConsoleRequest) -> HttpResponse:
    """Show the devices whose files the viewer may restore: one's own, and those that roles allow."""
    devices = restorable_by(request.user).select_related("user__org").prefetch_related("archives__repository")
    listing = show_list(request, devices, table=RestoreTable, filters=RestoreFilter)
    context = {"listing": listing}
    return render_page(request, "restores/list.html", context, fragments=("restore-list",))


@require_safe
@require(*SOME_RESTORES)
def snapshot_list(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show the snapshots of a device, or why its files can't be restored here, and the restores that it was asked for."""
    shown = restoring(request, pk)
    context = _context(shown) | {"snapshots": [], "why_not": ""}
    try:
        archive = shown.archive()
        with reading_slots.page(request.user.pk):
            context["snapshots"] = snapshots.snapshots(archive)
    except (CannotRestore, ReadingFailed, NoSlot) as reason:
        context["why_not"] = words_of(reason)
        context["whole_to_computer"] = bool(context["to_computer"]) and only_the_computer_can(reason)
    context["jobs"] = jobs_of(shown.device, at=timezone.now())
    return render_page(request, "restores/detail.html", context)


@require_safe
@require(*SOME_RESTORES)
def file_list(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Show a folder in a snapshot, a page at a time, or what is found below it by a part of the name."""
    shown = restoring(request, pk)
    snapshot, path = request.GET.get("snapshot", ""), request.GET.get("path", "/")
    words = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    begin = request.GET.get("begin", "0")
    try:
        checked_path(path)
    except BadPath as error:
        raise Http404 from error
    if not begin.isdecimal() or len(begin) > 7 or int(begin) > FURTHEST:
        raise Http404
    folder = file_lists.ShownFolder(snapshot=snapshot, path=path, words=words, begin=int(begin))
    context = _context(shown) | {"folder": folder, "why_not": ""}
    try:
        archive = shown.archive()
        if not SNAPSHOT.fullmatch(snapshot):
            raise CannotRestore(_("Choose a snapshot first."))
        with reading_slots.page(request.user.pk):
            if words:
                found = snapshots.search(archive, snapshot, path, words, most=MOST_FOUND)
            else:
                found = snapshots.folder(archive, snapshot, path, begin=folder.begin, size=PAGE)
        context["list"] = file_lists.listed(folder, found, size=PAGE)
    except (CannotRestore, ReadingFailed, NoSlot) as reason:
        context["why_not"] = words_of(reason)
    return render_page(request, "restores/files.html", context)


def _context(shown: Restoring) -> dict[str, Any]:
    return {
        "device": shown.device,
        "is_own": shown.is_own,
        "downloads": limit_words(shown.right(RestoreWay.DOWNLOAD), RestoreWay.DOWNLOAD),
        "to_computer": limit_words(shown.right(RestoreWay.COMPUTER), RestoreWay.COMPUTER),
    }


def only_the_computer_can(reason: Exception) -> bool:
    """Return whether the computer may restore although the console can't read the archive: the user has the password."""
    cause = reason.__cause__
    return isinstance(cause, NotReadable) and cause.by_the_computer


def words_of(reason: CannotRestore | ReadingFailed | NoSlot) -> str:
    """Return why an archive can't be read, and what to do."""
    if isinstance(reason, NoSlot):
        return _(
            "As many archives are read as may be at once, or you read one already: so the pages stay quick. Try again in a minute."
        )
    if isinstance(reason, ReadingTookTooLong):
        return _("It took too long, and was ended. Open a folder, and search or choose in it.")
    if isinstance(reason, ReadingFailed):
        words = _("The archive could not be read (%(words)s). If Rollcall works on it now, try again in some minutes.")
        return words % {"words": reason}
    return str(reason)
