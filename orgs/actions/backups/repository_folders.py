"""Makes the folder of a repository, and notes that something was stored in it."""

from __future__ import annotations

import logging
import os
from contextlib import suppress

from django.db import Error
from django.db.models import F, Q

from orgs.backups import folders, gate
from orgs.backups.durable_files import make_folder
from orgs.backups.folder_locks import FolderLocked, locked
from orgs.backups.gate import Refusal
from orgs.backups.storage_roots import StorageRoots, make_default_roots, storage_roots
from orgs.models import Archive, Repository

log = logging.getLogger("rollcall.store")


def make(*, token: str, guid: str) -> Refusal | None:
    """Make the folders of a device's repository, where they are missing; return why the device may not.

    An archive that has been written to is never begun anew: where its folder is missing, a disk is not mounted, or the
    database is one from a backup.
    """
    refusal = gate.refusal(gate.of_token(token), guid=guid)
    if refusal is not None:
        return refusal
    make_default_roots()
    roots = storage_roots()
    if not all(root.is_there() for root in roots.both):
        log.error("no repository is made for %s: is the disk of each storage folder mounted? See the status page", guid)
        return gate.STORAGE_AWAY
    try:
        with locked(roots.live, guid):
            # Asked again: a move that was decided meanwhile waits for this lock, and finds the folder that was made.
            return gate.refusal(gate.of_token(token), guid=guid) or _make(roots, guid)
    except FolderLocked:
        return gate.ARCHIVE_BUSY


def _make(roots: StorageRoots, guid: str) -> Refusal | None:
    repository = roots.live.repository(guid)
    if not repository.is_dir() and _was_stored(roots, guid):
        log.error("the archive of %s is not in %s, and a new one in its place was refused", guid, repository)
        return gate.ARCHIVE_MISSING
    for folder in (repository, folders.uploads(repository), *(repository / kind for kind in folders.KINDS)):
        make_folder(folder)
    return None


def _was_stored(roots: StorageRoots, guid: str) -> bool:
    """Return whether something was stored of this archive, by its size, its snapshots, or what is left of it in a root."""
    for root in roots.both:
        # Of a deletion that has ended.
        with suppress(OSError):
            root.gone(guid).rmdir()
    left = [path for root in roots.both for path in (root.repository(guid), root.leaving(guid), root.gone(guid))]
    written = Q(size_bytes__gt=0, repository__isnull=False) | Q(repository__changes__gt=0)
    return any(map(os.path.lexists, left)) or Archive.objects.filter(written, device__guid=guid).exists()


def note_snapshot(guid: str) -> None:
    """Have the size of a repository counted again; a database that is away only delays that until the nightly count."""
    try:
        Repository.objects.filter(archive__device__guid=guid).update(counted_at=None, changes=F("changes") + 1)
    except Error as error:
        log.warning("a new snapshot of %s could not be noted: %s", guid, error)
