"""The page that asks before files are downloaded, and the download: a zip that is made while it is sent."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.http.page_requests import render_page
from console.presenters.restores.restore_page import downloading, too_much_words
from console.security.access import ConsoleRequest, author, confirmed, may_sign_in, require
from console.views.restores.restore_access import CannotRestore, Choice, Restoring, choice, restoring, way_back
from console.views.restores.restore_pages import words_of
from orgs.actions.errors import Refused
from orgs.actions.restores import downloads
from orgs.actions.restores.requested_restores import ChosenFiles
from orgs.backups.restores import reading_slots, snapshots, zip_stream
from orgs.backups.restores.readable_archives import ReadableArchive
from orgs.backups.restores.reading_slots import NoSlot, ReadingKind
from orgs.backups.restores.restic_output import ReadingFailed
from orgs.backups.restores.snapshots import Measured, MoreThanAllowed
from orgs.backups.restores.zip_stream import ChosenPaths
from orgs.models import Device, User
from orgs.rules.restore_rights import SOME_RESTORES, RestoreWay, right

# How many files one zip may have: their names are kept in memory.
MOST_FILES = 50_000
# Seconds between two questions whether a person may still download.
LOOKED_EVERY = 10.0
_NO_NAME_OF_A_FILE = re.compile(r"[^A-Za-z0-9._-]+")


@require_POST
@require(*SOME_RESTORES)
@confirmed
def download(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Show how much was chosen and ask; then send it as a zip."""
    shown = restoring(request, pk)
    if shown.right(RestoreWay.DOWNLOAD) is None:
        raise PermissionDenied
    try:
        chosen = choice(request)
        archive = shown.archive()
        with reading_slots.page(request.user.pk):
            measured = _measured(shown, archive, chosen)
        if "sure" in request.POST:
            return _send(shown, archive, chosen, measured)
    except (CannotRestore, ReadingFailed, NoSlot) as reason:
        messages.error(request, words_of(reason))
        return HttpResponseRedirect(way_back(request, pk))
    context = {
        "back": way_back(request, pk),
        "folder": request.POST.get("folder", ""),
        "device": shown.device,
        "is_own": shown.is_own,
        "chosen": chosen,
        "effects": downloading(shown.device, chosen.paths, measured, is_own=shown.is_own),
    }
    return render_page(request, "restores/download.html", context)


def _measured(shown: Restoring, archive: ReadableArchive, chosen: Choice) -> Measured:
    """Count what was chosen.

    Raises:
        CannotRestore: when it is more than the viewer may download at a time, or nothing.
    """
    allowed = shown.right(RestoreWay.DOWNLOAD)
    most = allowed.most_bytes if allowed else 0
    try:
        measured = snapshots.measure(archive, chosen.snapshot, chosen.paths, most_bytes=most, most_files=MOST_FILES)
    except MoreThanAllowed as error:
        raise CannotRestore(too_much_words(most, MOST_FILES, RestoreWay.DOWNLOAD)) from error
    if measured.missing:
        raise CannotRestore(_("This snapshot has no %(path)s: choose again.") % {"path": measured.missing[0]})
    if not measured.file_count:
        raise CannotRestore(_("There is no file in what you chose."))
    return measured


def _send(shown: Restoring, archive: ReadableArchive, chosen: Choice, measured: Measured) -> HttpResponseBase:
    """Begin the zip, note it in the audit trail, and return it.

    Raises:
        CannotRestore: when it is refused.
        ReadingFailed: when restic fails before the first piece.
        NoSlot: when as many downloads are under way as may be at once.
    """
    paths = ChosenPaths(chosen.snapshot, chosen.paths, measured.folders)
    may_go_on = partial(_may, viewer_id=shown.request.user.pk, device_id=shown.device.pk)
    zipped = ZipDownload(archive, paths, reading_slots.take(ReadingKind.DOWNLOAD, shown.request.user.pk), may_go_on)
    files = ChosenFiles(chosen.snapshot, chosen.paths, measured.file_count, measured.size_bytes)
    try:
        zipped.begin()
        downloads.begin(device_id=shown.device.pk, files=files, by=author(shown.request), at=timezone.now())
    except Refused as reason:
        zipped.close()
        raise CannotRestore(f"{capfirst(str(reason))}.") from reason
    except BaseException:
        zipped.close()
        raise
    device = _NO_NAME_OF_A_FILE.sub("-", shown.device.name).strip("-.")[:60] or "device"
    name = f"{device} {chosen.snapshot[:8]}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(zipped, content_type="application/zip", headers=headers)


def _may(*, viewer_id: int, device_id: int) -> bool:
    """Return whether a person may still download the files of a device."""
    viewer = User.objects.select_related("org").filter(pk=viewer_id).first()
    device = Device.objects.select_related("user__org").filter(pk=device_id).first()
    if viewer is None or device is None or not may_sign_in(viewer):
        return False
    return right(viewer, device, RestoreWay.DOWNLOAD) is not None


class ZipDownload:
    """The pieces of one zip; it has one of the slots for downloads, and a restic, until it ends in whatever way.

    ``may_go_on`` is asked now and then: a download ends with the right to it.
    """

    def __init__(self, archive: ReadableArchive, chosen: ChosenPaths, slot: int, may_go_on: Callable[[], bool]) -> None:
        self._may_go_on, self._looked_at = may_go_on, time.monotonic()
        self._pieces = zip_stream.pieces(archive, chosen)
        self._first: list[bytes] = []
        self._slot: int | None = slot

    def begin(self) -> None:
        """Make the first piece, while the page can still say what fails.

        Raises:
            ReadingFailed: when restic fails.
        """
        with suppress(StopIteration):
            self._first.append(next(self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            return self._first.pop()
        if time.monotonic() - self._looked_at > LOOKED_EVERY:
            self._looked_at = time.monotonic()
            if not self._may_go_on():
                self.close()
                raise ReadingFailed(_("The right to download these files has ended."))
        return next(self._pieces)

    def close(self) -> None:
        """End restic and give the slot back; Django calls this at every end of a response."""
        slot, self._slot = self._slot, None
        if slot is not None:
            try:
                self._pieces.close()
            finally:
                os.close(slot)

    def __del__(self) -> None:
        self.close()
