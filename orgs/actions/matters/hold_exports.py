"""Requests, carries out and removes exports of custodians' archives."""

from __future__ import annotations

import logging
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from orgs.actions import escalation_guard, locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.matters.matter_scope import acting_person
from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.move_errors import printable
from orgs.backups.restic import archive_export
from orgs.backups.restic.archive_export import ExportFailed, Packed
from orgs.backups.restic.local_restic import ResticMissing
from orgs.backups.storage_roots import storage_roots
from orgs.models import Custodian, Device, ExportState, HoldExport, KeyHolder, Matter, Repository
from orgs.models.encrypted_text import Undecryptable, decrypted
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, Actor

log = logging.getLogger("rollcall.archives")

# The folder for exports.
EXPORTS = "hold exports"
# Seconds between two looks whether the export is still wanted.
LOOKED_EVERY = 2.0


class ExportRemoved(Exception):
    """The export was removed while it was under way."""


def folder(export_id: int) -> Path:
    """Return the folder with the parts of an export."""
    return Path(settings.VAR, EXPORTS, str(export_id))


@transaction.atomic
def request(*, matter: Matter, device_id: int, every_snapshot: bool, by: Actor, at: datetime) -> HoldExport:
    """Have the files of a custodian's device packed; a worker does it.

    Raises:
        Refused: when the device is of no custodian of the matter, or the acting person may not restore all files of
            its user; when the user holds the password, nothing is stored, or an export of it is under way.
    """
    locks.owners_of_devices([device_id])
    device = Device.objects.select_related("user__org").filter(pk=device_id).first()
    is_custodian = (
        device is not None and Custodian.objects.unreleased().filter(matter=matter, user=device.user_id).exists()
    )
    if device is None or not is_custodian or not Matter.objects.filter(pk=matter.pk, closed_at=None).exists():
        raise Refused("this is no device of a custodian whom the matter holds")
    person = acting_person(by)
    if person is not None and not person.may_in(Permission.RESTORE, device.user.org):
        raise Refused("your roles do not let you restore all files of this user")
    escalation_guard.refuse_above(user_ids=[device.user_id], doing="export their files", by=by)
    repository = Repository.objects.filter(archive__device=device).order_by("-archive").first()
    if repository is None:
        raise Refused("this device has stored nothing yet")
    if repository.key_holder != KeyHolder.ROLLCALL:
        raise Refused("the user holds the password of this archive, so Rollcall can't read it")
    if HoldExport.objects.unfinished().filter(matter=matter, device=device).exists():
        raise Refused("an export of this device is under way already")
    export = HoldExport.objects.create(
        matter=matter,
        user=device.user,
        device=device,
        device_name=device.name,
        guid=device.guid,
        every_snapshot=every_snapshot,
        requested_by=by.label[:255],
        requested_at=at,
    )
    _note(export, "hold export requested", {"every_snapshot": every_snapshot}, by=by, at=at)
    return export


@transaction.atomic
def remove(*, export_id: int, by: Actor, at: datetime) -> None:
    """Remove the files of an export, or end one that is not finished.

    Raises:
        Refused: when it was removed already; when the user holds more than the acting person.
    """
    export = HoldExport.objects.select_for_update().filter(pk=export_id).first()
    if export is None or export.state == ExportState.REMOVED:
        raise Refused("this export was removed already")
    escalation_guard.refuse_above(user_ids=[export.user_id], doing="remove this export", by=by)
    HoldExport.objects.filter(pk=export_id).update(state=ExportState.REMOVED, ended_at=at)
    _note(export, "hold export removed", by=by, at=at)
    transaction.on_commit(lambda: shutil.rmtree(folder(export_id), ignore_errors=True))


@transaction.atomic
def note_download(*, export: HoldExport, part: str, by: Actor, at: datetime) -> None:
    """Write the audit row of a download.

    Raises:
        Refused: when the user holds more than the acting person.
    """
    escalation_guard.refuse_above(user_ids=[export.user_id], doing="read their files", by=by)
    _note(export, "hold export downloaded", {"part": part}, by=by, at=at)


def carry_out_waiting(*, clock: Callable[[], datetime], stay: Callable[[], None]) -> int:
    """Carry out the exports that wait, or whose worker was killed, and remove expired ones; return how many ended."""
    for pk in list(HoldExport.objects.expired(at=clock()).values_list("pk", flat=True)):
        remove(export_id=pk, by=SYSTEM, at=clock())
    _remove_left_files()
    done = 0
    for pk in list(HoldExport.objects.unfinished().values_list("pk", flat=True)):
        done += _carry_out(pk, clock=clock, stay=stay)
        stay()
    return done


def _remove_left_files() -> None:
    """Remove the files of exports that were removed while nobody could delete them, or whose rows are gone."""
    wanted = HoldExport.objects.filter(state__in=[ExportState.WAITING, ExportState.WORKING, ExportState.DONE])
    kept = {folder(pk) for pk in wanted.values_list("pk", flat=True)}
    for left in Path(settings.VAR, EXPORTS).glob("*"):
        if left not in kept:
            log.warning("the files of a removed export are deleted: %s", left)
            shutil.rmtree(left, ignore_errors=True)


def _carry_out(pk: int, *, clock: Callable[[], datetime], stay: Callable[[], None]) -> bool:
    export = HoldExport.objects.unfinished().select_related("matter", "user").filter(pk=pk).first()
    if export is None:
        return False
    message, packed = "", None
    try:
        packed = _pack(export, go_on=_watch(pk, stay))
    except (FolderLocked, ResticMissing) as error:
        log.info("export %s waits: %s", pk, error)
        return False
    except ExportRemoved:
        shutil.rmtree(folder(pk), ignore_errors=True)
        return False
    except (ExportFailed, Undecryptable, OSError, ValueError, tarfile.TarError) as error:
        # Whoever has the password of an archive writes what they like into it: that must not stop the exports behind this one.
        log.warning("export %s has failed: %s", pk, error)
        message = printable(error)
        shutil.rmtree(folder(pk), ignore_errors=True)
    return _end(pk, packed, message, at=clock())


def _watch(pk: int, stay: Callable[[], None]) -> Callable[[], None]:
    looked_at = 0.0

    def go_on() -> None:
        nonlocal looked_at
        stay()
        if time.monotonic() - looked_at < LOOKED_EVERY:
            return
        looked_at = time.monotonic()
        if not HoldExport.objects.unfinished().filter(pk=pk).exists():
            raise ExportRemoved

    return go_on


def _pack(export: HoldExport, *, go_on: Callable[[], None]) -> Packed:
    on_hold = Custodian.objects.unreleased().filter(matter=export.matter_id, user=export.user_id)
    if not on_hold.filter(matter__closed_at=None).exists():
        raise ExportFailed("the matter does not hold this user any more")
    roots = storage_roots()
    stored = Repository.objects.filter(archive__device=export.device_id, key_holder=KeyHolder.ROLLCALL)
    repository = stored.order_by("-archive").first()
    if repository is None:
        raise ExportFailed("the archive is not there any more")
    password = decrypted(repository.password, "repository password")
    with locked(roots.live, export.guid) as lock:
        source = roots.folder(export.guid)
        if source is None:
            raise ExportFailed("the folder of the archive is not there: see Settings > Status")
        HoldExport.objects.unfinished().filter(pk=export.pk).update(state=ExportState.WORKING)
        target = folder(export.pk)
        # What a worker has left that was killed.
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(0o700, parents=True)
        facts = {
            "matter": export.matter.name,
            "reference": export.matter.reference,
            "user": export.user.username,
            "device": export.device_name,
            "guid": export.guid,
            "requested_by": export.requested_by,
            "requested_at": export.requested_at.isoformat(),
        }
        return archive_export.pack(
            source,
            password,
            target,
            every_snapshot=export.every_snapshot,
            facts=facts,
            go_on=go_on,
            keep_open=[lock],
        )


@transaction.atomic
def _end(pk: int, packed: Packed | None, message: str, *, at: datetime) -> bool:
    export = HoldExport.objects.unfinished().select_for_update().filter(pk=pk).first()
    if export is None:
        transaction.on_commit(lambda: shutil.rmtree(folder(pk), ignore_errors=True))
        return False
    export.ended_at, export.message = at, message
    export.state = ExportState.FAILED if packed is None else ExportState.DONE
    after: dict[str, object] = {"message": message}
    if packed is not None:
        export.expires_at = at + timedelta(days=settings.KEEP_EXPORTS_DAYS)
        export.files, export.file_count = [asdict(part) for part in packed.parts], packed.file_count
        after = {"files": packed.file_count, "parts": len(packed.parts), "size_bytes": export.size_bytes}
    export.save()
    _note(export, "hold export failed" if packed is None else "hold export made", after, by=SYSTEM, at=at)
    return True


def _note(export: HoldExport, action: str, after: dict[str, object] | None = None, *, by: Actor, at: datetime) -> None:
    about = {"user_id": export.user_id, "device": export.device_name, "guid": export.guid, "export": export.pk}
    fact = Fact("matter", export.matter_id, export.matter.name, after={**about, **(after or {})})
    note([fact], action=action, by=by, at=at)
