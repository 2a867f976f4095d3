"""Begins the archive of a device: its row, and a repository with a new password."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.backups import gate
from orgs.backups.folders import CONFIG
from orgs.backups.storage_roots import storage_roots
from orgs.models import Archive, ArchiveState, Device, KeyHolder, Repository
from orgs.models.encrypted_text import decrypted
from orgs.rules.actors import Actor
from orgs.rules.inheritance import effective_settings

PASSWORD_BYTES = 32


@transaction.atomic
def begin(*, device_id: int, by: Actor, at: datetime, key_holder: KeyHolder | None = None) -> str:
    """Give a device without a repository an empty one; return its password, which is empty where the user holds it.

    A live archive that was only a row so far gets it; otherwise the device gets a new archive. Without ``key_holder`` the
    setting of the user's org decides.

    Raises:
        Refused: when user or device is cut off, or when the device has a repository, or an archive that is not live.
    """
    locks.owners_of_devices([device_id])
    state = gate.of_device(device_id)
    if state is None:
        raise Refused("this device does not exist")
    if (reason := gate.cut_off(state)) is not None:
        raise Refused(str(reason.sentence).removesuffix("."))
    device = Device.objects.select_related("user").get(pk=device_id)
    key_holder = key_holder or of_org(device.user.org_id)
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


def of_org(org_id: int) -> KeyHolder:
    """Return who gets the passwords of new archives of an org's users."""
    return KeyHolder(effective_settings()[org_id].key_holder)


def is_empty(device_id: int) -> bool:
    """Return whether nothing was ever stored in the archive of a device: it may begin with another password.

    Not while its disk is away: what is there then nobody knows.
    """
    roots = storage_roots()
    archive = Archive.objects.select_related("device").filter(device=device_id, repository__isnull=False).latest("pk")
    folder = roots.folder(archive.device.guid)
    # Folders in Rollcall's own data folder are made with the first archive.
    own = Path(settings.VAR)
    away = any(not root.is_there() and (root.path.exists() or not root.path.is_relative_to(own)) for root in roots.both)
    return not archive.size_bytes and not away and (folder is None or not (folder / CONFIG).exists())


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
