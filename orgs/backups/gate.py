"""Decides whether a device may use its archive: the one answer for the store, the agent, pages and actions."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.apps import apps
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orgs.models import ArchiveState, Device, RepositoryLocation, RestoreJob
from orgs.prepared_query import PreparedQuery

RESTORE_WAITS: Final = "restore_waits"
# How long a client waits before it asks again about an archive that is on its way.
RETRY_SECONDS = 60


class BackupAct(StrEnum):
    """What a device wants to do with a repository."""

    USE = "use"  # read, store, delete a lock
    DELETE = "delete"  # delete anything else


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a device may not: the HTTP status, a code for programs, and a sentence of ASCII for the person at the computer."""

    status: int
    code: str
    sentence: str | Promise
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class BackupState:
    """Everything about a device that decides what it may do; the last three are about its archive, empty without one."""

    device_id: int
    guid: str
    has_token: bool
    user_active: bool
    user_blocked: bool
    device_active: bool
    device_blocked: bool
    authorized: bool
    on_hold: bool
    archive_id: int | None = None
    archive_state: str = ""
    location: str = ""


UNKNOWN: Final = Refusal(401, "unknown", _("This device is not registered, or has to sign in again."))
OTHER_DEVICE: Final = Refusal(403, "other-device", _("This is the archive of another device."))
USER_INACTIVE: Final = Refusal(403, "user-inactive", _("Your account is deactivated. Ask your administrator."))
USER_BLOCKED: Final = Refusal(403, "user-blocked", _("Your account is blocked. Ask your administrator."))
DEVICE_INACTIVE: Final = Refusal(403, "device-inactive", _("This device is deactivated. Ask your administrator."))
DEVICE_BLOCKED: Final = Refusal(403, "device-blocked", _("This device is blocked. Ask your administrator."))
DEAUTHORIZED: Final = Refusal(403, "device-deauthorized", _("This device has to sign in again."))
ARCHIVE_COLD: Final = Refusal(
    503, "archive-cold", _("The archive is on its way from cold storage. Try again in some minutes."), RETRY_SECONDS
)
ARCHIVE_EXPIRED: Final = Refusal(
    403, "archive-expired", _("The archive has expired and is lost. Register this computer as a new device.")
)
NO_ARCHIVE: Final = Refusal(403, "no-archive", _("This device has no archive yet. Sign in on it again."))
STORAGE_AWAY: Final = Refusal(
    503, "storage-away", _("The storage of archives is away. Ask your administrator."), RETRY_SECONDS
)
ARCHIVE_MISSING: Final = Refusal(
    503, "archive-missing", _("The stored archive is not where it has to be. Ask your administrator."), RETRY_SECONDS
)
ARCHIVE_BUSY: Final = Refusal(
    503, "archive-busy", _("Rollcall works on the archive. Try again in some minutes."), RETRY_SECONDS
)
APPEND_ONLY: Final = Refusal(403, "append-only", _("A device deletes nothing from its archive."))
LEGAL_HOLD: Final = Refusal(403, "legal-hold", _("The archive is on legal hold, and nothing in it can be deleted."))


def refusal(state: BackupState | None, *, guid: str | None = None, act: BackupAct = BackupAct.USE) -> Refusal | None:
    """Return why the device may not do this with the repository of that GUID (its own by default); None if it may."""
    if state is None or not state.has_token:
        return UNKNOWN
    if guid is not None and not hmac.compare_digest(guid.encode(), state.guid.encode()):
        return OTHER_DEVICE
    found = cut_off(state) or (None if state.authorized else DEAUTHORIZED) or of_the_archive(state)
    if found is None and act is BackupAct.DELETE:
        return LEGAL_HOLD if state.on_hold else APPEND_ONLY
    return found


def cut_off(state: BackupState) -> Refusal | None:
    """Return why the user or the device is cut off, so that not even a sign-in helps; None if neither is."""
    reasons = (
        (not state.user_active, USER_INACTIVE),
        (state.user_blocked, USER_BLOCKED),
        (not state.device_active, DEVICE_INACTIVE),
        (state.device_blocked, DEVICE_BLOCKED),
    )
    return next((reason for applies, reason in reasons if applies), None)


def of_the_archive(state: BackupState) -> Refusal | None:
    """Return why the archive can't be used; None if it can."""
    if state.archive_state == ArchiveState.EXPIRED:
        return ARCHIVE_EXPIRED
    if state.archive_id is None or not state.location:
        return NO_ARCHIVE
    if state.archive_state != ArchiveState.LIVE or state.location != RepositoryLocation.LIVE:
        return ARCHIVE_COLD
    return None


def digest(token: str) -> str:
    """Return what is stored of a token: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def of_token(token: str) -> BackupState | None:
    """Return the state of the device with this token, by one query; None if no device has it."""
    return with_details(token)[0]


def with_details(token: str, *columns: str) -> tuple[BackupState | None, Mapping[str, Any]]:
    """Return the state of the device with this token, and these columns of it, by one query; nothing if no device has it.

    The column ``RESTORE_WAITS`` is whether the device was asked to restore something that it has not done yet.
    """
    rows = _by_digest(columns).rows(digest(token))
    return (_of_rows(rows), rows[0]) if rows else (None, {})


def of_device(device_id: int) -> BackupState | None:
    """Return the state of a device, by one query; None if there is none."""
    return _of_rows(list(_rows(Device.objects.filter(pk=device_id))))


@functools.cache
def _by_digest(columns: tuple[str, ...]) -> PreparedQuery:
    """Return the query that each request of a device makes, thousands of times a minute on a large site."""
    return PreparedQuery(lambda wanted: _rows(Device.objects.filter(token__sha256=wanted), columns))


# The best archive of a device decides: it has one, or an old one beside it.
_BEST_FIRST: Final[Mapping[str | None, int]] = {
    ArchiveState.LIVE: 0,
    ArchiveState.COLD_STORAGE: 1,
    ArchiveState.EXPIRED: 2,
    None: 3,
}


def _rows(devices: QuerySet[Any], more: Collection[str] = ()) -> QuerySet[Any, Any]:
    """Return a row for each archive of the device, one without any; ``more`` are further columns."""
    # The model by name: legal holds have nothing else to do with backups.
    custodians = apps.get_model("orgs", "Custodian").objects
    on_hold = Exists(custodians.filter(user=OuterRef("user"), released_at=None, matter__closed_at=None))
    columns: dict[str, Any] = {"on_hold": on_hold}
    if RESTORE_WAITS in more:
        columns[RESTORE_WAITS] = Exists(RestoreJob.objects.waiting().filter(device=OuterRef("pk")))
    rows: QuerySet[Any, Any] = (
        devices.order_by()
        .annotate(**columns)
        .values(
            "pk",
            "guid",
            "token",
            "user__active",
            "user__blocked",
            "active",
            "blocked",
            "authorized",
            "on_hold",
            "archives",
            "archives__state",
            "archives__repository__location",
            *more,
        )
    )
    return rows


def _of_rows(rows: Collection[Mapping[str, Any]]) -> BackupState | None:
    if not rows:
        return None
    row: Mapping[str, Any] = min(rows, key=lambda each: (_BEST_FIRST[each["archives__state"]], each["archives"] or 0))
    return BackupState(
        device_id=row["pk"],
        guid=row["guid"],
        has_token=row["token"] is not None,
        user_active=row["user__active"],
        user_blocked=row["user__blocked"],
        device_active=row["active"],
        device_blocked=row["blocked"],
        authorized=row["authorized"],
        on_hold=row["on_hold"],
        archive_id=row["archives"],
        archive_state=row["archives__state"] or "",
        location=row["archives__repository__location"] or "",
    )
