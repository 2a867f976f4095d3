"""The claims that a backup through the store takes little longer than into a folder, and that the store needs little memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from statistics import median

from tests.bench.figures import ratio, seconds
from tests.bench.restic import MEGABYTE, Restic, need_restic, write_files
from tests.bench.rows import Goal, Row
from tests.bench.services import MeasuredStore
from tests.bench.suite import Suite

BACKUP = Row(
    "backup",
    "restic backup through the store, each file on the disk",
    "restic backup into a folder of the same disk",
    Goal(1.3),
)
RESTORE = Row("restore", "restic restore through the store", "restic restore from a folder of the same disk", Goal(1.4))
MEMORY = Row("store memory", "memory of the store during these (PSS of its processes)", "–", Goal(150, "MB"))
ROWS = (BACKUP, RESTORE, MEMORY)
TURNS = 5


def measure(suite: Suite) -> Iterator[Row]:
    """Yield the rows: in turn, so that what else the machine does meets both."""
    need_restic()
    turns = suite.options.repeats if suite.options.quick else max(TURNS, suite.options.repeats)
    suite.report("files to back up")
    files = suite.folder / "files to back up"
    size, count = write_files(
        files,
        large=suite.options.sized(3, 1),
        large_bytes=suite.options.sized(1024, 48) * MEGABYTE,
        small=suite.options.sized(20_000, 300),
    )
    console = suite.console()
    devices = console.inside("devices", "new", str(turns))
    times: dict[str, list[float]] = {name: [] for name in ("backup", "backup local", "restore", "restore local")}
    with MeasuredStore(console) as store:
        for turn, device in enumerate(devices, start=1):
            local, there = suite.folder / "repository", store.archives / device["guid"]
            # The one that begins meets a disk that still writes what the other one left: each begins in turn.
            both = [(" local", str(local)), ("", store.address(device["guid"], device["token"]))]
            for name, address in both if turn % 2 else reversed(both):
                suite.report(f"turn {turn} of {turns}: {'into a folder' if name else 'through the store'}")
                restic = Restic(suite.new_folder(), address, device["password"])
                target = restic.folder / "restored"
                restic.run("init")
                times[f"backup{name}"].append(restic.run("backup", str(files)).seconds)
                times[f"restore{name}"].append(restic.run("restore", "latest", "--target", str(target)).seconds)
                restic.clear()
            shutil.rmtree(local)
            shutil.rmtree(there)
        peak = store.peak / MEGABYTE
    shutil.rmtree(files)
    what = f"{count:,} files, {size / MEGABYTE:,.0f} MiB"
    for row in (BACKUP, RESTORE):
        through, local_times = times[row.key], times[f"{row.key} local"]
        yield Row(
            row.key,
            row.what,
            row.against,
            row.goal,
            measured=ratio(through, local_times),
            details=f"{what}: {seconds(through)} against {seconds(local_times)}, medians of {turns} in turn",
            samples={"bytes": size, "store": through, "folder": local_times},
        )
    yield Row(
        MEMORY.key,
        MEMORY.what,
        MEMORY.against,
        MEMORY.goal,
        measured=peak,
        details=f"the most at any time, two processes of 16 threads and the one above them; {what}, {turns} times",
        samples={"megabytes": peak, "seconds of a backup": median(times["backup"])},
    )
