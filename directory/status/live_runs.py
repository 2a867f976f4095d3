"""Checks the runs under way: the worker of each, and when it last renewed its lease."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from directory.models import Run, RunState
from directory.status.lines import Line, LineState
from directory.sync.lease import MAX_ATTEMPTS

# A worker takes a run within a second; after half a minute the clock calls one again.
SOON = timedelta(minutes=2)


def look(*, at: datetime) -> list[Line]:
    """Return the status lines of the runs under way."""
    found = [_run(run, at) for run in Run.objects.live().order_by("pk")]
    return found or [Line(_("Runs"), LineState.OK, _("No run is under way."))]


def _run(run: Run, at: datetime) -> Line:
    title, about = str(run).capitalize(), ("run", run.pk)
    if run.lease_until is None or run.lease_renewed_at is None:
        return _waiting(run, title, at)
    # The lease uses the database's clock, which may be ahead of ours.
    reported = min(run.lease_renewed_at, at)
    if run.lease_until < at:
        advice = _("Nothing to do: the next worker goes on with it, within a minute.")
        fact = _("%(owner)s worked on it and is silent. Heard of") % {"owner": run.owner or "?"}
        return Line(title, LineState.WARNING, fact, advice, at=reported, about=about)
    values = {"owner": run.owner or "?", "phase": run.phase or run.get_state_display(), "done": run.done}
    fact = _("%(phase)s, %(done)d done; worked on by %(owner)s, heard of") % values
    if run.total:
        fact = _("%(phase)s, %(done)d of %(total)d; worked on by %(owner)s, heard of") % (values | {"total": run.total})
    if run.attempts > 1:
        values = {"count": run.attempts, "most": MAX_ATTEMPTS}
        fact = _("Attempt %(count)d of %(most)d:") % values + " " + fact
        advice = _("Its worker was lost before: look into the worker's log.")
        return Line(title, LineState.WARNING, fact, advice, at=reported, about=about)
    return Line(title, LineState.OK, fact, at=reported, about=about)


def _waiting(run: Run, title: str, at: datetime) -> Line:
    about = ("run", run.pk)
    if at - run.created_at < SOON or run.state != RunState.QUEUED:
        return Line(title, LineState.OK, _("It waits for a worker."), at=run.created_at, about=about)
    advice = _("It starts by itself as soon as Redis answers and the queue sync has a worker that is free.")
    return Line(title, LineState.WARNING, _("It waits for a worker, since"), advice, at=run.created_at, about=about)
