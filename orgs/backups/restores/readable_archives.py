"""Finds the archive of a device for reading, or says in words why nothing is restored from it here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orgs.backups import folder_locks, gate
from orgs.backups.folders import CONFIG
from orgs.backups.storage_roots import storage_roots
from orgs.models import ArchiveState, Device, KeyHolder, Repository, RepositoryLocation
from orgs.models.encrypted_text import Undecryptable, decrypted


@dataclass(frozen=True, slots=True)
class ReadableArchive:
    """The folder of a live archive, and its password."""

    guid: str
    folder: Path
    password: str = field(repr=False)


class NotReadable(Exception):
    """Nothing is restored from this archive in the console; ``sentence`` says why, and what to do.

    ``by_the_computer`` is whether the computer may restore all the same: only the console can't read the archive.
    """

    def __init__(self, sentence: str | Promise, *, by_the_computer: bool = False) -> None:
        super().__init__(str(sentence))
        self.sentence, self.by_the_computer = str(sentence), by_the_computer


EXPIRED = _("The archive has expired, and what was in it is lost.")
COLD = _(
    "The archive is in cold storage, and nothing is restored from there: reactivate the user or the device first, and the archive "
    "comes back."
)
MOVING = _("The archive is on its way between live and cold storage. Try again in some minutes.")
NOTHING_YET = _("Nothing has been backed up yet.")
OF_THE_USER = _(
    "The user alone has the password of this archive: nobody can open it in the console. The user restores on the computer, "
    "where the password is."
)
AWAY = _("The storage of archives is not there. Ask who runs Rollcall to look at the status page.")
MISSING = _("The stored archive is not where it has to be. Ask who runs Rollcall to look at the status page.")
BUSY = _("Rollcall works on the archive. Try again in some minutes.")
NO_KEY = _(
    "No key of this installation opens the password of the archive. Ask who runs Rollcall to put the old key back."
)


def archive_of(device: Device) -> ReadableArchive:
    """Return the live archive of a device.

    Raises:
        NotReadable: when it is in cold storage, on its way, lost or empty, when its user holds the password, or when Rollcall
            works on it.
    """
    state = gate.of_device(device.pk)
    if state is None or state.archive_id is None:
        raise NotReadable(NOTHING_YET)
    if state.archive_state == ArchiveState.EXPIRED:
        raise NotReadable(EXPIRED)
    repository = Repository.objects.filter(archive=state.archive_id).first()
    if state.archive_state == ArchiveState.COLD_STORAGE:
        raise NotReadable(COLD)
    if repository is None:
        raise NotReadable(NOTHING_YET)
    if repository.location != RepositoryLocation.LIVE:
        raise NotReadable(MOVING)
    if repository.key_holder == KeyHolder.USER:
        raise NotReadable(OF_THE_USER, by_the_computer=True)
    return ReadableArchive(device.guid, _folder(device), _password(repository))


def _folder(device: Device) -> Path:
    root = storage_roots().live
    if not root.is_there():
        raise NotReadable(AWAY)
    folder = root.repository(device.guid)
    if not (folder / CONFIG).is_file():
        # No size: no backup has come yet.
        raise NotReadable(MISSING if device.archives.filter(size_bytes__gt=0).exists() else NOTHING_YET)
    if folder_locks.is_locked(root, device.guid):
        raise NotReadable(BUSY)
    return folder


def _password(repository: Repository) -> str:
    try:
        return decrypted(repository.password, "repository password")
    except Undecryptable as error:
        raise NotReadable(NO_KEY) from error
