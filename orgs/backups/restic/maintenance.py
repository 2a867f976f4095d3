"""Checks an archive, forgets its old snapshots, and removes what only they needed; one call does one archive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orgs.backups.restic import archive_reading, forgotten_snapshots, local_restic
from orgs.backups.restic.local_restic import ResticAnswer
from orgs.models import MaintenanceResult
from orgs.rules.snapshot_retention import SnapshotRetention

# What restic prints when the archive, and not the call, is what is wrong.
_DAMAGE = (
    "repository contains errors",
    "LoadIndex returned errors",
    "ciphertext verification failed",
    "packs from index missing",
    "pack size does not match",
    "index is not complete",
    "unable to load a tree",
)
_AT_WORK = "A device has locked the archive: it is at work, sleeps, or was stopped in the last 24 hours."


class HoldBegan(Exception):
    """A legal hold began while snapshots were being forgotten, or their files removed."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """How it ended, whether a check has ended, whether old snapshots are gone with their files, and restic's messages.

    The numbers are those of its snapshots, before and after some were forgotten; both 0 where none were to be.
    """

    result: MaintenanceResult
    checked: bool = False
    pruned: bool = False
    snapshots_before: int = 0
    snapshots: int = 0
    words: str = ""


def maintain(
    repository: Path,
    password: str,
    retention: SnapshotRetention | None,
    *,
    check: bool,
    may_forget: Callable[[], bool],
    go_on: Callable[[], None],
    keep_open: Collection[int] = (),
) -> Maintained:
    """Check where ``check`` is true; then forget and prune by ``retention``, if there is one and no damage was found.

    ``may_forget`` returns whether there is no legal hold. It is called before each step that deletes, every second during
    it, and once more after snapshots were forgotten: those that were there when a hold began are put back. While a device
    may be at work, by its lock, nothing is done. ``unlock`` then removes only what restic calls stale: locks older than 30
    minutes, and those of dead processes of this machine.

    Raises:
        ResticMissing: when restic is not installed.
        OSError: when files of the archive can't be read or written.
    """

    def restic(*arguments: str, watch: Callable[[], None] = go_on) -> ResticAnswer:
        return local_restic.run(repository, password, *arguments, go_on=watch, keep_open=keep_open)

    # What a process has left that was killed while it forgot.
    forgotten_snapshots.put_back(repository)
    if archive_reading.device_may_be_at_work(repository, restic):
        return Maintained(MaintenanceResult.BUSY, words=_AT_WORK)
    if not (unlocked := restic("unlock")).went_well:
        return Maintained(_result(unlocked), words=unlocked.words)
    checked = False
    if check:
        answer = restic("check")
        result = _result(answer)
        checked = result in {MaintenanceResult.DONE, MaintenanceResult.DAMAGED}
        if result != MaintenanceResult.DONE:
            return Maintained(result, checked, words=answer.words)
    if retention is None or retention.keeps_all or not may_forget():
        return Maintained(MaintenanceResult.DONE, checked)
    try:
        stored = archive_reading.snapshots(repository, password, go_on=go_on, keep_open=keep_open)
    except archive_reading.Unreadable as error:
        return Maintained(MaintenanceResult.FAILED, checked, words=str(error))
    # A wrong clock, or a hostile hand, would push out what is to be kept. So there is a place more for each snapshot of the
    # future, and what would be kept of those with a true time alone stays beside what has a made-up one.
    options, kept = retention.options(more=stored.of_the_future), retention.kept(stored.in_time)
    return _shorten(repository, options, kept, restic, may_forget=may_forget, go_on=go_on, checked=checked)


def _shorten(
    repository: Path,
    options: Sequence[str],
    kept: Collection[str],
    restic: Callable[..., ResticAnswer],
    *,
    may_forget: Callable[[], bool],
    go_on: Callable[[], None],
    checked: bool,
) -> Maintained:
    def watch_hold() -> None:
        go_on()
        if not may_forget():
            raise HoldBegan

    before = forgotten_snapshots.count(repository)
    forgotten_snapshots.put_aside(repository)
    try:
        answer = restic("forget", *options, watch=watch_hold)
        if not may_forget():
            raise HoldBegan
    except BaseException as stopped:
        # A hold may be the reason, or come before the next turn: it gets what was there when it began.
        forgotten_snapshots.put_back(repository)
        if isinstance(stopped, HoldBegan):
            return Maintained(MaintenanceResult.DONE, checked)
        raise
    forgotten_snapshots.put_back(repository, only=kept)
    after, pruned = forgotten_snapshots.count(repository), False
    if answer.went_well:
        # What is removed now was forgotten before any hold that stops it.
        with suppress(HoldBegan):
            answer = restic("prune", watch=watch_hold)
            pruned = answer.went_well
    return Maintained(_result(answer), checked, pruned, before, after, answer.words)


def _result(answer: ResticAnswer) -> MaintenanceResult:
    if answer.went_well:
        return MaintenanceResult.DONE
    if answer.locked:
        return MaintenanceResult.BUSY
    damaged = any(words in answer.words for words in _DAMAGE)
    return MaintenanceResult.DAMAGED if damaged else MaintenanceResult.FAILED
