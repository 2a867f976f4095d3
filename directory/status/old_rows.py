"""Checks the retention of rows: the oldest runs and audit entries, and the last removal."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory import retention
from directory.actions.old_rows import REMOVED
from directory.models import Run
from directory.status.lines import Line, LineState
from orgs.models import AuditEntry

# With beat and a worker, old rows are removed within a day; many rows take some days.
LATE = timedelta(days=7)


def look(*, at: datetime) -> list[Line]:
    """Return the status lines of old rows."""
    kept = retention.chosen()
    last = AuditEntry.objects.filter(action=REMOVED).order_by("-pk").first()
    fact = _("Old rows were last removed:") if last else _("No old row has been removed yet.")
    return [_runs(kept, at), _audit(kept), Line(_("Removal"), LineState.OK, fact, at=last.at if last else None)]


def _runs(kept: retention.Retention, at: datetime) -> Line:
    title = _("Runs and their changes")
    oldest = Run.objects.filter(cleared_at=None).aggregate(at=Min("created_at"))["at"]
    before = kept.before(kept.runs, at)
    if before is not None and retention.old_runs(before - LATE, whole=True):
        advice = _("See that beat and a worker for the queue mail run: they remove old rows every hour.")
        return Line(
            title, LineState.WARNING, _days(kept.runs) + " " + _("Older ones are there, since"), advice, at=oldest
        )
    return Line(title, LineState.OK, _days(kept.runs) + (" " + _("The oldest:") if oldest else ""), at=oldest)


def _audit(kept: retention.Retention) -> Line:
    oldest = AuditEntry.objects.aggregate(at=Min("at"))["at"]
    fact = _days(kept.audit_days) + (" " + _("The oldest:") if oldest else "")
    return Line(_("Audit trail"), LineState.OK, fact, at=oldest)


def _days(days: int) -> str:
    if not days:
        return _("Kept for ever.")
    return ngettext("Kept for %(days)d day.", "Kept for %(days)d days.", days) % {"days": days}
