"""Finds the devices whose files a viewer may restore, opens their archives, and reads what a form has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote, urlencode

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from console.security.access import ConsoleRequest, author
from orgs.actions.errors import Refused
from orgs.actions.restores.requested_restores import refuse_files_of_those_who_hold_more
from orgs.backups.restores.readable_archives import NotReadable, ReadableArchive, archive_of
from orgs.backups.restores.snapshot_paths import MOST_CHOSEN, SNAPSHOT, BadPath, chosen_paths, is_path
from orgs.models import Device
from orgs.rules.restore_rights import RestoreRight, RestoreWay, restorable_by, right


class CannotRestore(Exception):
    """Why nothing can be restored now, as a sentence for the page."""


@dataclass(frozen=True)
class Restoring:
    """A device whose files the viewer may restore, and what the viewer may."""

    device: Device
    request: ConsoleRequest

    def right(self, way: RestoreWay) -> RestoreRight | None:
        """Return what the viewer may restore in this way; None if nothing."""
        return right(self.request.user, self.device, way)

    @property
    def is_own(self) -> bool:
        """Whether it is the viewer's own device."""
        return self.device.user_id == self.request.user.pk

    @cached_property
    def why_not(self) -> str:
        """Why the viewer may see none of the files: their user holds more. Empty if they may."""
        try:
            refuse_files_of_those_who_hold_more(self.device, by=author(self.request))
        except Refused as reason:
            return f"{capfirst(str(reason))}."
        return ""

    def archive(self) -> ReadableArchive:
        """Return the archive to read from.

        Raises:
            CannotRestore: when it can't be read, or the viewer may not.
        """
        if self.why_not:
            raise CannotRestore(self.why_not)
        try:
            return archive_of(self.device)
        except NotReadable as reason:
            raise CannotRestore(reason.sentence) from reason


def restoring(request: ConsoleRequest, pk: int) -> Restoring:
    """Return a device whose files the viewer may restore; for all others the page is not there."""
    devices = restorable_by(request.user).select_related("user__org")
    return Restoring(get_object_or_404(devices, pk=pk), request)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a form has chosen: a snapshot, and paths in it."""

    snapshot: str
    paths: tuple[str, ...]

    @property
    def sent_paths(self) -> list[str]:
        """The paths as forms send them."""
        return [quote(path, safe="") for path in self.paths]


def choice(request: ConsoleRequest) -> Choice:
    """Return what the form has chosen. Its paths are percent-encoded: a browser would send other ends of lines.

    Raises:
        CannotRestore: when nothing was chosen, too much, or what can be no path.
    """
    snapshot = request.POST.get("snapshot", "")
    given = request.POST.getlist("chosen")
    if not SNAPSHOT.fullmatch(snapshot):
        raise CannotRestore(_("Choose a snapshot first."))
    if not given:
        raise CannotRestore(_("Choose files or folders first: tick the boxes beside them."))
    try:
        paths = chosen_paths(unquote(path, errors="strict") for path in given)
    except (BadPath, UnicodeDecodeError) as error:
        words = _(
            "Choose at most %(most)d files and folders of one snapshot, by the boxes beside them. Where their paths are very long, "
            "choose the folder that they are in."
        )
        raise CannotRestore(words % {"most": MOST_CHOSEN}) from error
    return Choice(snapshot, paths)


def way_back(request: ConsoleRequest, pk: int) -> str:
    """Return the address of the folder that a form was sent from, else of the device's snapshots."""
    snapshot, folder = request.POST.get("snapshot", ""), unquote(request.POST.get("folder", ""))
    if not SNAPSHOT.fullmatch(snapshot) or not is_path(folder):
        return reverse("restores:detail", args=[pk])
    return f"{reverse('restores:files', args=[pk])}?{urlencode({'snapshot': snapshot, 'path': folder})}"
