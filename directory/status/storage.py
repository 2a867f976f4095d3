"""Checks where archives are stored: the storage roots, and the moves between them."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.status.lines import Line, LineState
from orgs.backups.folders import StorageRoot
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, ArchiveMaintenance, ArchiveMove, MaintenanceResult, Repository
from orgs.models.backups.archive_maintenance import maintained

# Free bytes of a storage root below which there is a warning (or below a tenth of a small disk), and a problem.
FEW_BYTES = 50 * 1024**3
LEAST_BYTES = 1024**3
# A move that has waited for so long is not merely large.
LONG_MOVE = timedelta(days=1)
# A check is made each week; an archive without one for so long is overdue.
LONG_UNCHECKED = timedelta(days=14)


def look(*, at: datetime) -> list[Line]:
    """Return the status lines of stored archives."""
    roots, used = storage_roots(), Repository.objects.exists()
    return [
        _root(_("Live archives"), roots.live, used=used),
        _root(_("Cold storage"), roots.cold, used=used),
        _moves(at=at),
        *_maintenance(at=at, used=used),
    ]


def _root(title: str, root: StorageRoot, *, used: bool) -> Line:
    try:
        if not root.is_there():
            return _away(title, root) if used else Line(title, LineState.OK, _("No device has backed up yet."))
        disk = shutil.disk_usage(root.path)
    except OSError as error:
        fact = f"{root.path}: {error.strerror or error}"
        return Line(title, LineState.PROBLEM, fact, _("Give the folder to the user that runs Rollcall."))
    fact = _("%(folder)s, %(size)s free.") % {"folder": root.path, "size": filesizeformat(disk.free)}
    if disk.free >= min(FEW_BYTES, disk.total // 10):
        return Line(title, LineState.OK, fact)
    advice = _("Make room on this disk, or lower the days in cold storage: on a full disk, backups and moves stop.")
    return Line(title, LineState.WARNING if disk.free >= LEAST_BYTES else LineState.PROBLEM, fact, advice)


def _away(title: str, root: StorageRoot) -> Line:
    if root.path.is_dir():
        fact = _("The folder %(folder)s has no mark of Rollcall: it may be the place of a disk that is not mounted.")
        advice = _("Mount its disk. If this is a new storage folder, run manage.py preparestorage.")
    else:
        fact = _("The folder %(folder)s is not there.")
        advice = _("See that its disk is mounted; until then no archive is moved.")
    return Line(title, LineState.PROBLEM, fact % {"folder": root.path}, advice)


def _moves(*, at: datetime) -> Line:
    title = _("Moves of archives")
    stopped: Q = ~Q(error="")
    waiting, moves = ArchiveMove.objects.filter(error=""), ArchiveMove.objects.filter(stopped)
    if count := moves.count():
        oldest = moves.earliest("started_at", "pk")
        fact = ngettext("%(count)d move is stopped:", "%(count)d moves are stopped:", count)
        fact = f"{fact % {'count': count}} {oldest.error}"
        advice = _("Nothing is lost. Each move is tried again every ten minutes, and goes on where it was.")
        return Line(title, LineState.WARNING, fact, advice, at=oldest.started_at)
    found = waiting.aggregate(count=Count("pk"), since=Min("started_at"))
    if not found["count"]:
        return Line(title, LineState.OK, _("No archive waits to be moved."))
    fact = ngettext("%(count)d archive is on its way.", "%(count)d archives are on their way.", found["count"])
    fact %= {"count": found["count"]}
    if found["since"] > at - LONG_MOVE:
        return Line(title, LineState.OK, fact, at=found["since"])
    advice = _("The oldest has waited for more than a day: see above whether the worker for mail is alive.")
    return Line(title, LineState.WARNING, fact, advice, at=found["since"])


def _maintenance(*, at: datetime, used: bool) -> list[Line]:
    """Return the line about checks of archives; none where nothing is stored."""
    if not used:
        return []
    title = _("Checks of archives")
    if shutil.which("restic") is None:
        advice = _(
            "Install it, with manage.py serve or the worker for archives on the same machine: Debian's package restic."
        )
        fact = _("restic is not installed: no archive is checked, and no old snapshot removed.")
        return [Line(title, LineState.WARNING, fact, advice)]
    rows = ArchiveMaintenance.objects.all()
    if count := rows.exclude(damaged_since=None).count():
        fact = ngettext("%(count)d archive is damaged.", "%(count)d archives are damaged.", count) % {"count": count}
        advice = _("Look at the disk first. The alert names the devices; their pages have the messages of the check.")
        return [Line(title, LineState.PROBLEM, fact, advice)]
    if count := rows.filter(result=MaintenanceResult.FAILED, archive__in=Archive.objects.filter(maintained())).count():
        fact = ngettext("%(count)d archive can't be checked.", "%(count)d archives can't be checked.", count)
        advice = _("It is tried again each night. The pages of the devices have the messages of restic.")
        return [Line(title, LineState.WARNING, fact % {"count": count}, advice)]
    archives = Archive.objects.filter(maintained(), size_bytes__gt=0)
    late = archives.annotate(since=Coalesce("maintenance__checked_at", "created_at"))
    if count := late.filter(since__lte=at - LONG_UNCHECKED).count():
        fact = ngettext(
            "%(count)d archive was not checked for two weeks.",
            "%(count)d archives were not checked for two weeks.",
            count,
        )
        advice = _(
            "See above whether the worker for archives is alive; let it work for more hours (MAINTENANCE_FROM_HOUR)."
        )
        return [Line(title, LineState.WARNING, fact % {"count": count}, advice)]
    checked = rows.exclude(checked_at=None).count()
    fact = ngettext("%(count)d archive is checked each week.", "%(count)d archives are checked each week.", checked)
    return [Line(title, LineState.OK, fact % {"count": checked})]
