"""I17: repositories are where their archives belong or on their way there, tokens are hashes, and no password is in the open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, F, Q

from directory.models import Mail
from orgs.models import (
    ArchiveMove,
    ArchiveState,
    AuditEntry,
    BackupReport,
    DeviceToken,
    MoveTarget,
    Repository,
    RepositoryLocation,
    RestoreJob,
)
from orgs.models.encrypted_text import Sealed

_SHA256 = re.compile(r"[0-9a-f]{64}")
# A password is one such word.
_WORD = re.compile(r"[A-Za-z0-9_-]{20,}")
_GOING_LIVE = Q(archive__state=ArchiveState.LIVE, archive__move__to=MoveTarget.LIVE)
_GOING_COLD = ~Q(archive__state=ArchiveState.LIVE) & Q(archive__move__to=MoveTarget.COLD)
_GOING = Q(archive__state=ArchiveState.EXPIRED, archive__move__to=MoveTarget.GONE)


def where_the_archive_belongs(_at: datetime) -> Iterator[str]:
    """A repository is where the state of its archive says, or a move leads there."""
    live = Q(archive__state=ArchiveState.LIVE, location=RepositoryLocation.LIVE)
    cold = ~Q(archive__state=ArchiveState.LIVE) & Q(location=RepositoryLocation.COLD)
    at_rest = Q(archive__move=None) & (live | cold)
    on_its_way = Q(location=RepositoryLocation.MOVING) & (_GOING_LIVE | _GOING_COLD | _GOING)
    wrong = Repository.objects.exclude(at_rest | on_its_way).order_by("pk")
    for pk, archive, location, state, to in wrong.values_list(
        "pk", "archive", "location", "archive__state", "archive__move__to"
    ):
        move = f"with a move to '{to}'" if to else "without a move"
        yield f"repository {pk} is '{location}' {move}, and its archive {archive} is '{state}'"


def moves_have_repositories(_at: datetime) -> Iterator[str]:
    """A move is one of a repository."""
    for pk, archive in ArchiveMove.objects.filter(archive__repository=None).order_by("pk").values_list("pk", "archive"):
        yield f"move {pk} is of archive {archive}, which has no repository"


def nothing_live_of_the_deactivated(_at: datetime) -> Iterator[str]:
    """The repository of a deactivated device, or of a deactivated user's, is not live.

    A setting lets archives come back with their user, whose devices stay deactivated.
    """
    came_back = Q(archive__device__deactivated_with_user=True, archive__device__user__active=True)
    cut_off = (Q(archive__device__active=False) & ~came_back) | Q(archive__device__user__active=False)
    live = Repository.objects.filter(cut_off, location=RepositoryLocation.LIVE).order_by("pk")
    for pk, device in live.values_list("pk", "archive__device"):
        yield f"repository {pk} is live, but device {device} or its user is deactivated"


def one_of_each_device(_at: datetime) -> Iterator[str]:
    """A device has one repository: all of its archives would have the one folder with its GUID."""
    counted = Repository.objects.order_by().values_list("archive__device").annotate(count=Count("pk"))
    for device, count in counted.filter(count__gt=1).order_by("archive__device"):
        yield f"device {device} has {count} repositories, and one folder for them"


def tokens_are_hashes(_at: datetime) -> Iterator[str]:
    """A stored token is a SHA-256, and the device's own."""
    for pk, device, stored in DeviceToken.objects.order_by("pk").values_list("pk", "device", "sha256").iterator():
        if not _SHA256.fullmatch(stored):
            yield f"the token {pk} of device {device} is no SHA-256"
    for pk, device in (
        DeviceToken.objects.filter(used_at__lt=F("created_at")).order_by("pk").values_list("pk", "device")
    ):
        yield f"the token {pk} of device {device} was used before it was made"


def no_password_in_the_open(_at: datetime) -> Iterator[str]:
    """No report of a backup or a restore, no error of a move, no entry of the audit trail and no mail holds the password of a repository."""
    passwords = dict(Repository.objects.exclude(password="").values_list("archive__device", "password"))
    reports = BackupReport.objects.exclude(message="").order_by("pk").values_list("pk", "device", "message")
    for pk, device, message in reports.iterator():
        if _holds(message, passwords.get(device)):
            yield f"report {pk} of device {device} holds the password of its repository"
    restores = RestoreJob.objects.exclude(message="").order_by("pk").values_list("pk", "device", "message")
    for pk, device, message in restores.iterator():
        if _holds(message, passwords.get(device)):
            yield f"restore {pk} of device {device} holds the password of its repository"
    moves = ArchiveMove.objects.exclude(error="").order_by("pk").values_list("pk", "archive__device", "error")
    for pk, device, error in moves.iterator():
        if _holds(error, passwords.get(device)):
            yield f"move {pk} of device {device} holds the password of its repository"
    yield from _in_texts_of_all(frozenset(each for each in passwords.values() if not isinstance(each, Sealed)))


def _in_texts_of_all(passwords: frozenset[str]) -> Iterator[str]:
    """Look for any password in the texts that could hold one of any device."""
    entries = AuditEntry.objects.filter(object_type__in=["archive", "device"]).order_by("pk")
    for pk, *values in entries.values_list("pk", "object_label", "before", "after").iterator():
        if passwords.intersection(_WORD.findall(json.dumps(values))):
            yield f"audit entry {pk} holds the password of a repository"
    for pk, subject, body in Mail.objects.order_by("pk").values_list("pk", "subject", "body").iterator():
        if passwords.intersection(_WORD.findall(f"{subject} {body}")):
            yield f"mail {pk} holds the password of a repository"


def _holds(text: str, password: str | None) -> bool:
    return password is not None and not isinstance(password, Sealed) and password in text
