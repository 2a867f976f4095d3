"""Makes the folder of a repository, and notes that something was stored in it."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import Error, transaction

from orgs.actions import locks
from orgs.backups import folders, gate
from orgs.backups.durable_files import make_folder
from orgs.backups.folders import StorageRoot
from orgs.backups.gate import Refusal
from orgs.models import Device, Repository

log = logging.getLogger("rollcall.store")


@transaction.atomic
def make(*, token: str, guid: str, root: StorageRoot) -> Refusal | None:
    """Make the folders of a device's repository, where they are missing; return why the device may not.

    The user is locked: whoever deactivates them finds the folder that was made before, or none is made after.
    """
    locks.owners_of_devices(list(Device.objects.filter(guid=guid).values_list("pk", flat=True)))
    refusal = gate.refusal(gate.of_token(token), guid=guid)
    if refusal is not None:
        return refusal
    if root.path.is_relative_to(settings.VAR):
        # Elsewhere it has to be there: it may be on a disk that is not mounted now.
        root.path.mkdir(mode=folders.FOLDER_MODE, parents=True, exist_ok=True)
    repository = root.repository(guid)
    for folder in (repository, folders.uploads(repository), *(repository / kind for kind in folders.KINDS)):
        make_folder(folder)
    return None


def note_snapshot(guid: str) -> None:
    """Have the size of a repository counted again; a database that is away only delays that until the nightly count."""
    try:
        Repository.objects.filter(archive__device__guid=guid, counted_at__isnull=False).update(counted_at=None)
    except Error as error:
        log.warning("a new snapshot of %s could not be noted: %s", guid, error)
