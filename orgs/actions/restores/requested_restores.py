"""Requests restores from the programs on devices, takes their reports, and ends those that nobody came for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from orgs.actions import escalation_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.backups import gate
from orgs.models import Device, RestoreJob, RestoreState
from orgs.models.backups.restore_jobs import LONGEST_WORDS
from orgs.rules.actors import Actor

# How many restores of one device may wait at a time.
MOST_WAITING = 20
# How much of a message the audit trail keeps.
_AUDITED_WORDS = 500


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """Files of a snapshot: its id, their paths (none: everything), and how many and how large they are, where known."""

    snapshot: str
    paths: tuple[str, ...] = ()
    file_count: int | None = None
    size_bytes: int | None = None

    def as_facts(self) -> dict[str, Any]:
        """Return what the audit trail keeps."""
        return {
            "snapshot": self.snapshot,
            "paths": list(self.paths) or ["/"],
            "files": self.file_count,
            "bytes": self.size_bytes,
        }


@transaction.atomic
def request(*, device_id: int, files: ChosenFiles, by: Actor, at: datetime) -> RestoreJob:
    """Ask the program on a device to restore files of its own archive into a new folder, the next time that it comes.

    Raises:
        Refused: when the device may not restore now; when its user holds more than ``by``; when too many wait already.
    """
    locks.owners_of_devices([device_id])
    device = Device.objects.select_related("user").filter(pk=device_id).first()
    if device is None:
        raise Refused("this device does not exist")
    if (reason := gate.refusal(gate.of_device(device_id))) is not None:
        words = str(reason.sentence)
        raise Refused(f"{device.name} may not restore now, and the computer would hear: {words.removesuffix('.')}")
    refuse_files_of_those_who_hold_more(device, by=by)
    if RestoreJob.objects.filter(device=device_id).to_be_done(at=at).count() >= MOST_WAITING:
        raise Refused(f"{MOST_WAITING} restores of {device.name} wait already: cancel one, or wait for the computer")
    job = RestoreJob.objects.create(
        device=device,
        snapshot=files.snapshot,
        paths=list(files.paths),
        file_count=files.file_count,
        size_bytes=files.size_bytes,
        requested_by=by.label[:255],
        requested_at=at,
    )
    after = files.as_facts() | {"restore": job.pk}
    note([Fact("device", device.pk, device.name, after=after)], action="restore requested", by=by, at=at)
    return job


def refuse_files_of_those_who_hold_more(device: Device, *, by: Actor) -> None:
    """Refuse to read the files of a user who holds more than ``by``; one's own are never refused.

    Raises:
        Refused: with the user and the permissions.
    """
    if by.user_id != device.user_id:
        escalation_guard.refuse_above(user_ids=[device.user_id], doing="restore their files", by=by)


@transaction.atomic
def cancel(*, job_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Cancel requested restores that wait. Return how many.

    Raises:
        Refused: when the user of a device holds more than ``by``.
    """
    jobs = RestoreJob.objects.filter(pk__in=job_ids).select_related("device__user")
    locks.owners_of_devices([job.device_id for job in jobs])
    waiting = list(jobs.waiting().order_by("pk"))
    for job in waiting:
        refuse_files_of_those_who_hold_more(job.device, by=by)
    _end(waiting, RestoreState.CANCELLED, action="restore cancelled", by=by, at=at)
    return len(waiting)


@transaction.atomic
def report(*, device_id: int, job_id: int, state: RestoreState, message: str, by: Actor, at: datetime) -> bool:
    """Note how a device ended a restore, done or failed; return whether it has such a restore. The first report counts.

    A restore that was cancelled, or has expired, while the computer did it, is what the computer says.
    """
    locks.owners_of_devices([device_id])
    job = RestoreJob.objects.select_related("device").filter(pk=job_id, device=device_id).first()
    if job is None:
        return False
    if job.state not in {RestoreState.DONE, RestoreState.FAILED}:
        words = message[:LONGEST_WORDS]
        _end([job], state, message=words, action=f"restore {state.value}", by=by, at=at)
    return True


@transaction.atomic
def expire(*, by: Actor, at: datetime) -> int:
    """End the restores whose computers have not come in time. Return how many."""
    overdue = RestoreJob.objects.overdue(at=at)
    locks.owners_of_devices(list(overdue.values_list("device", flat=True)))
    jobs = list(overdue.select_related("device").order_by("pk"))
    _end(jobs, RestoreState.EXPIRED, action="restore expired", by=by, at=at)
    return len(jobs)


def _end(
    jobs: Collection[RestoreJob], state: RestoreState, *, action: str, by: Actor, at: datetime, message: str = ""
) -> None:
    RestoreJob.objects.filter(pk__in=[job.pk for job in jobs]).update(state=state, message=message, ended_at=at)
    facts = [
        Fact(
            "device",
            job.device_id,
            job.device.name,
            before={"restore": job.pk, "state": job.state},
            after={"restore": job.pk, "state": state.value}
            | ({"message": message[:_AUDITED_WORDS]} if message else {}),
        )
        for job in jobs
    ]
    note(facts, action=action, by=by, at=at)
