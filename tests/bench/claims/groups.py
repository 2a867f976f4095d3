"""Claims about resolving groups: what a sync costs more that knows for everybody in which groups they are, nested ones too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.bench.console import SEED_SCRIPTS
from tests.bench.figures import ratio, seconds, short
from tests.bench.measuring import Measured
from tests.bench.rows import Goal, Row
from tests.bench.suite import Suite
from tests.bench.world import World

WITHOUT = "the same sync without groups"
FIRST = Row("groups-first", "first sync that resolves groups", WITHOUT, Goal(1.3))
UNCHANGED = Row("groups-unchanged", "sync that resolves groups, nothing changed", WITHOUT, Goal(1.3))
LARGEST = Row("groups-memory", "the largest process of these", "–", Goal(600, "MB"))
ROWS = (FIRST, UNCHANGED, LARGEST)
MEGABYTE = 1024**2
# Half as many groups as people, with ten members each.
PEOPLE_PER_GROUP, MEMBERS = 2, 10


@dataclass(frozen=True, slots=True)
class Runs:
    """The syncs of one world under one setting."""

    first: list[Measured]
    unchanged: list[Measured]


def measure(suite: Suite) -> Iterator[Row]:
    """Measure a directory of its own, with and without."""
    users, repeats = suite.options.users, suite.options.repeats
    groups = users // PEOPLE_PER_GROUP
    suite.report(f"a directory of {users:,} people and {groups:,} groups")
    with World(suite.new_folder(), suite.database_url(), users, groups=groups, members=MEMBERS) as world:
        suite.report("syncs without groups")
        without = _runs(world, repeats, resolve=False)
        suite.report("syncs that resolve groups")
        resolving = _runs(world, repeats, resolve=True)
    size = f"{users:,} people, {groups:,} groups, {groups * MEMBERS:,} memberships"
    yield _against(FIRST, resolving.first, without.first, size)
    yield _against(UNCHANGED, resolving.unchanged, without.unchanged, size)
    peaks = [each.peak for each in (*resolving.first, *resolving.unchanged)]
    samples = {"peak_bytes": peaks, "without": [each.peak for each in (*without.first, *without.unchanged)]}
    yield Row(LARGEST.key, LARGEST.what, LARGEST.against, LARGEST.goal, max(peaks) / MEGABYTE, size, samples=samples)


def _runs(world: World, repeats: int, *, resolve: bool) -> Runs:
    world.follow({**SEED_SCRIPTS, "resolve_groups": resolve})
    # A configuration has to be simulated before a real run takes it.
    world.sync_summary(simulated=True)
    first, unchanged = list[Measured](), list[Measured]()
    for _ in range(repeats):
        world.console.inside("forget")
        first.append(world.sync())
        unchanged.append(world.sync())
    return Runs(first, unchanged)


def _against(claim: Row, measured: list[Measured], others: list[Measured], size: str) -> Row:
    times, against = [each.seconds for each in measured], [each.seconds for each in others]
    more = short(median(times) - median(against))
    return Row(
        claim.key,
        claim.what,
        claim.against,
        claim.goal,
        measured=ratio(times, against),
        details=f"{size}: {seconds(times)} against {seconds(against)}, {more} s more",
        samples={"seconds": times, "against": against},
    )
