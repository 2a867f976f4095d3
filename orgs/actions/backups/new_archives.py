"""Begins the archive of a device: its row, and a repository with a new password."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.backups import gate
from orgs.models import Archive, ArchiveState, Device, KeyHolder, Repository
from orgs.models.encrypted_text import decrypted
from orgs.rules.actors import Actor

PASSWORD_BYTES = 32


@transaction.atomic
def begin(*, device_id: int, by: Actor, at: datetime, key_holder: KeyHolder = KeyHolder.ROLLCALL) -> str:
    """Give a device without a repository an empty one; return its password, which is empty where the user holds it.

    A live archive that was only a row so far gets it; otherwise the device gets a new archive.

    Raises:
        Refused: when user or device is cut off, or when the device has a repository, or an archive that is not live.
    """
    locks.owners_of_devices([device_id])
    state = gate.of_device(device_id)
    if state is None:
        raise Refused("this device does not exist")
    if (reason := gate.cut_off(state)) is not None:
        raise Refused(str(reason.sentence).removesuffix("."))
    device = Device.objects.get(pk=device_id)
    _refuse_another(device, state)
    archive = device.archives.filter(state=ArchiveState.LIVE).first() or Archive(device=device)
    # Nothing of it is stored yet, whatever size a row alone had.
    archive.size_bytes = 0
    archive.save()
    password = "" if key_holder == KeyHolder.USER else secrets.token_urlsafe(PASSWORD_BYTES)
    Repository.objects.create(archive=archive, key_holder=key_holder, password=password)
    note(
        [Fact("archive", archive.pk, device.name, after={"key_holder": key_holder})],
        action="archive begun",
        by=by,
        at=at,
    )
    return password


def _refuse_another(device: Device, state: gate.BackupState) -> None:
    """Refuse a second repository: both would have the one folder with the GUID of the device."""
    if state.archive_state == ArchiveState.EXPIRED:
        raise Refused(str(gate.ARCHIVE_EXPIRED.sentence).removesuffix("."))
    if state.archive_state == ArchiveState.COLD_STORAGE:
        raise Refused("the archive of this device is in cold storage: reactivate the device, and it comes back")
    if Repository.objects.filter(archive__device=device).exists():
        raise Refused("this device has an archive already, live or an older one that is not yet deleted")


def password_of(device_id: int) -> str:
    """Return the password of the newest repository of a device; empty where the user holds it.

    Raises:
        Undecryptable: when no key opens it.
    """
    repository = Repository.objects.filter(archive__device=device_id).latest("archive")
    return decrypted(repository.password, "repository password")
