"""Checks where archives are stored: the storage roots, and the moves between them."""

from __future__ import annotations

import shutil
from datetime import datetime

from django.db.models import Count, Min, Q
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.status.lines import Line, LineState
from orgs.backups.folders import StorageRoot
from orgs.backups.storage_roots import storage_roots
from orgs.models import ArchiveMove, Repository


def look() -> list[Line]:
    """Return the status lines of stored archives."""
    roots, used = storage_roots(), Repository.objects.exists()
    return [_root(_("Live archives"), roots.live, used=used), _root(_("Cold storage"), roots.cold, used=used), _moves()]


def _root(title: str, root: StorageRoot, *, used: bool) -> Line:
    try:
        free = shutil.disk_usage(root.path).free
    except FileNotFoundError:
        if not used:
            return Line(title, LineState.OK, _("No device has backed up yet."))
        fact = _("The folder %(folder)s is not there.") % {"folder": root.path}
        return Line(title, LineState.PROBLEM, fact, _("See that its disk is mounted; until then no archive is moved."))
    except OSError as error:
        fact = f"{root.path}: {error.strerror or error}"
        return Line(title, LineState.PROBLEM, fact, _("Give the folder to the user that runs Rollcall."))
    fact = _("%(folder)s, %(size)s free.") % {"folder": root.path, "size": filesizeformat(free)}
    return Line(title, LineState.OK, fact)


def _moves() -> Line:
    title = _("Moves of archives")
    stopped: Q = ~Q(error="")
    found = ArchiveMove.objects.aggregate(
        waiting=Count("pk", filter=~stopped), stopped=Count("pk", filter=stopped), since=Min("started_at")
    )
    if found["stopped"]:
        since: datetime = found["since"]
        oldest = ArchiveMove.objects.filter(stopped).earliest("started_at", "pk")
        fact = ngettext("%(count)d move is stopped:", "%(count)d moves are stopped:", found["stopped"])
        fact = f"{fact % {'count': found['stopped']}} {oldest.error}"
        advice = _("Nothing is lost. Each move is tried again every ten minutes, and goes on where it was.")
        return Line(title, LineState.WARNING, fact, advice, at=since)
    if not found["waiting"]:
        return Line(title, LineState.OK, _("No archive waits to be moved."))
    fact = ngettext("%(count)d archive is on its way.", "%(count)d archives are on their way.", found["waiting"])
    return Line(title, LineState.OK, fact % {"count": found["waiting"]}, at=found["since"])
