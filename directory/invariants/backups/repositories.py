"""I17: repositories are where their archives belong or on their way there, tokens are hashes, and no password is in the open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from django.db.models import F, Q

from orgs.models import ArchiveMove, ArchiveState, BackupReport, DeviceToken, MoveTarget, Repository, RepositoryLocation
from orgs.models.encrypted_text import Sealed

_SHA256 = re.compile(r"[0-9a-f]{64}")
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
    """The repository of a deactivated device, or of a deactivated user's, is not live."""
    cut_off = Q(archive__device__active=False) | Q(archive__device__user__active=False)
    live = Repository.objects.filter(cut_off, location=RepositoryLocation.LIVE).order_by("pk")
    for pk, device in live.values_list("pk", "archive__device"):
        yield f"repository {pk} is live, but device {device} or its user is deactivated"


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
    """No report of a backup and no error of a move holds the password of the device's repository."""
    passwords = dict(Repository.objects.exclude(password="").values_list("archive__device", "password"))
    reports = BackupReport.objects.exclude(message="").order_by("pk").values_list("pk", "device", "message")
    for pk, device, message in reports.iterator():
        if _holds(message, passwords.get(device)):
            yield f"report {pk} of device {device} holds the password of its repository"
    moves = ArchiveMove.objects.exclude(error="").order_by("pk").values_list("pk", "archive__device", "error")
    for pk, device, error in moves.iterator():
        if _holds(error, passwords.get(device)):
            yield f"move {pk} of device {device} holds the password of its repository"


def _holds(text: str, password: str | None) -> bool:
    return password is not None and not isinstance(password, Sealed) and password in text
