"""Forgets old snapshots of an archive, removes what only they needed, and checks the rest; one call does one archive."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orgs.backups.restic import local_restic
from orgs.backups.restic.local_restic import ResticAnswer
from orgs.backups.restic.snapshot_retention import SnapshotRetention

# What restic prints when the archive, and not the call, is what is wrong.
_DAMAGE = ("repository contains errors", "LoadIndex returned errors", "ciphertext verification failed")


class MaintenanceResult(StrEnum):
    """How the maintenance of an archive ended."""

    DONE = "done"
    # A device, or another restic, has locked the archive: its turn comes again.
    BUSY = "busy"
    DAMAGED = "damaged"
    FAILED = "failed"


class HoldBegan(Exception):
    """A legal hold began while snapshots were being forgotten, or their files removed."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """How it ended, whether old snapshots are gone with their files, whether a check has ended, and restic's messages."""

    result: MaintenanceResult
    pruned: bool = False
    checked: bool = False
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
    """Forget and prune by ``retention``, unless there is none, and check where ``check`` is true.

    ``may_forget`` returns whether there is no legal hold; it is called before each step that deletes, and every second
    during it. A lock that a device holds is left alone. ``unlock`` removes only what restic calls stale: locks older than
    30 minutes, and those of dead processes of this machine.

    Raises:
        ResticMissing: when restic is not installed.
    """

    def restic(*arguments: str, watch: Callable[[], None] = go_on) -> ResticAnswer:
        return local_restic.run(repository, password, *arguments, go_on=watch, keep_open=keep_open)

    def watch_hold() -> None:
        go_on()
        if not may_forget():
            raise HoldBegan

    if not (unlocked := restic("unlock")).went_well:
        return Maintained(_result(unlocked), words=unlocked.words)
    pruned = False
    try:
        # A snapshot is forgotten first, alone: until the prune, nothing of it is lost but its name.
        for step in (("forget", *retention.options()), ("prune",)) if retention and not retention.keeps_all else ():
            if not may_forget():
                break
            if not (done := restic(*step, watch=watch_hold)).went_well:
                return Maintained(_result(done), words=done.words)
            pruned = step[0] == "prune"
    except HoldBegan:
        pruned = False
    if not check:
        return Maintained(MaintenanceResult.DONE, pruned)
    checked = restic("check")
    result = _result(checked)
    ended = result in {MaintenanceResult.DONE, MaintenanceResult.DAMAGED}
    return Maintained(result, pruned, checked=ended, words=checked.words)


def _result(done: ResticAnswer) -> MaintenanceResult:
    if done.went_well:
        return MaintenanceResult.DONE
    if done.locked:
        return MaintenanceResult.BUSY
    damaged = any(words in done.words for words in _DAMAGE)
    return MaintenanceResult.DAMAGED if damaged else MaintenanceResult.FAILED
