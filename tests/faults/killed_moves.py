"""Moves an archive to and fro, kills each move at a random moment, and counts the files that are lost or changed.

A process of its own, as it forks: ``python -m tests.faults.killed_moves LIVE COLD KILLS SEED``. It prints, as JSON, how
many moves were killed each way, how many were turned round, in which states the folders were found, and what was lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from orgs.backups import folder_moves, root_marks
from orgs.backups.folders import StorageRoot
from tests.archive_folders import GUID, contents, folders_in, make_repository

# What a kill may leave, as (source, target): never more than one folder that may be the archive.
L, A = f".leaving/{GUID}", f".arriving/{GUID}"
ALLOWED: list[tuple[set[str], set[str]]] = [
    ({GUID}, set()),
    ({L}, set()),
    ({L}, {A}),
    ({L}, {GUID}),
    (set(), {GUID}),
    # What was copied before the move was turned round.
    ({GUID}, {A}),
]
# Of a move that was turned round and has not yet ended what went the other way.
ALLOWED += [(there, here) for here, there in ALLOWED]


def main(live: Path, cold: Path, kills: int, seed: int) -> None:
    """Kill moves until there were so many each way, and print what came of it."""
    chance = random.Random(seed)
    roots = [StorageRoot(live), StorageRoot(cold)]
    for root in roots:
        root_marks.mark(root)
    make_repository(roots[0].repository(GUID), files=30, largest=200_000, seed=seed)
    files = contents(roots[0].repository(GUID))
    began = time.monotonic()
    folder_moves.move(GUID, source=roots[0], target=roots[1])
    duration = time.monotonic() - began
    source, target = roots[1], roots[0]
    killed, states, turned, lost = Counter[str](), Counter[str](), 0, 0
    while min(killed[str(root.path)] for root in roots) < kills:
        # Most kills early, some late: a file is copied in no time, and deleting is quicker still.
        if not _killed(source, target, chance.uniform(0, duration) * chance.choice([0.1, 1, 1])):
            lost += _differing(target.repository(GUID), files)
            assert (folders_in(source), folders_in(target)) == (set(), {GUID})
            source, target = target, source
            continue
        killed[str(target.path)] += 1
        found = (folders_in(source), folders_in(target))
        states[
            " + ".join(sorted([*(f"source {each}" for each in found[0]), *(f"target {each}" for each in found[1])]))
        ] += 1
        assert found in ALLOWED, found
        lost += _differing(_truth(source, target), files)
        if chance.random() < 0.2:
            turned += 1
            source, target = target, source
    folder_moves.move(GUID, source=source, target=target)
    lost += _differing(target.repository(GUID), files)
    found_all = {"killed": sorted(killed.values()), "turned": turned, "states": states, "lost": lost}
    print(json.dumps(found_all))  # noqa: T201  # for the test


def _killed(source: StorageRoot, target: StorageRoot, after: float) -> bool:
    """Carry out a move in a process that is killed after so many seconds; return whether it was still at work."""
    if (pid := os.fork()) == 0:
        status = 1
        try:
            folder_moves.move(GUID, source=source, target=target)
            status = 0
        finally:
            os._exit(status)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def _truth(source: StorageRoot, target: StorageRoot) -> Path:
    """Return the folder that counts."""
    whole = [root.repository(GUID) for root in (source, target) if root.repository(GUID).exists()]
    leaving = [root.leaving(GUID) for root in (source, target) if root.leaving(GUID).exists()]
    [truth] = whole or leaving
    return truth


def _differing(folder: Path, files: dict[str, str]) -> int:
    """Return how many files a folder has not, has otherwise, or has too many."""
    found = contents(folder)
    return sum(found.get(path) != files.get(path) for path in found.keys() | files.keys())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
