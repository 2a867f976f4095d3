"""I17: restores that computers were asked for were requested by somebody, ended as they say, and reach into no folder by guile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orgs.models import AuditEntry, RestoreJob, RestoreState
from orgs.models.backups.restore_jobs import WAITS_FOR
from orgs.text import counted

# The clock that ends them comes once an hour; a day is for a worker that is away.
_GRACE = timedelta(days=1)
_ENDED = {
    RestoreState.DONE: "restore done",
    RestoreState.FAILED: "restore failed",
    RestoreState.CANCELLED: "restore cancelled",
    RestoreState.EXPIRED: "restore expired",
}


def in_the_audit_trail(_at: datetime) -> Iterator[str]:
    """The audit trail says who requested each restore, with its paths, and how it ended."""
    # Who requested, and each end, by the restore that the entry is about.
    entries = AuditEntry.objects.filter(object_type="device", action__startswith="restore ").order_by("pk")
    found = {
        (action, device, after.get("restore")): after
        for action, device, after in entries.values_list("action", "object_id", "after").iterator()
    }
    for job in RestoreJob.objects.order_by("pk").iterator():
        requested = found.get(("restore requested", job.device_id, job.pk))
        if requested is None:
            yield f"restore {job.pk} of device {job.device_id} was requested by nobody, says the audit trail"
        elif (requested["snapshot"], requested["paths"]) != (job.snapshot, job.paths or ["/"]):
            yield f"restore {job.pk} of device {job.device_id} has other paths than those that were requested"
        ended = _ENDED.get(RestoreState(job.state))
        if ended is not None and (ended, job.device_id, job.pk) not in found:
            yield f"restore {job.pk} of device {job.device_id} is '{job.state}', and the audit trail does not say so"


def none_waits_for_ever(at: datetime) -> Iterator[str]:
    """A restore that no computer came for has expired."""
    overdue = RestoreJob.objects.overdue(at=at - _GRACE).order_by("pk")
    for pk, device in overdue.values_list("pk", "device"):
        yield f"restore {pk} of device {device} waits since more than {counted(WAITS_FOR.days, 'day', 'days')}"
