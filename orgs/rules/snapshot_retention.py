"""Says which snapshots of an archive are kept, as values and as options of restic. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SnapshotRetention:
    """How many of the newest snapshots, and of those that are the last of their day, week, month and year, are kept.

    All of them 0 keeps every snapshot.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @property
    def keeps_all(self) -> bool:
        """Whether no snapshot is ever forgotten."""
        return not any(asdict(self).values())

    def counts(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return asdict(self)

    def options(self, *, more: int = 0) -> list[str]:
        """Return the options of ``restic forget``; never none, as restic would then forget snapshots without a rule.

        ``more`` snapshots take places from others without being newer than they: there are so many places more.

        Raises:
            ValueError: when every snapshot is kept.
        """
        if self.keeps_all:
            raise ValueError("every snapshot is kept: nothing is to be forgotten")
        counts = {name: count + more for name, count in asdict(self).items() if count}
        options = [word for name, count in counts.items() for word in (f"--keep-{name}", str(count))]
        # All snapshots are of one device: without this, another name of the computer, or other folders, would be a group
        # of its own, and its snapshots would be kept beside those of the others.
        return [*options, "--group-by", ""]

    def kept(self, times: Mapping[str, datetime]) -> set[str]:
        """Return the names of the snapshots with these times that are kept where there are no others."""
        newest = sorted(times, key=lambda name: (times[name], name), reverse=True)
        found = set(newest[: self.last])
        periods = ((self.daily, "%Y-%m-%d"), (self.weekly, "%G-%V"), (self.monthly, "%Y-%m"), (self.yearly, "%Y"))
        for count, period in periods:
            last_of_each: dict[str, str] = {}
            for name in newest:
                last_of_each.setdefault(times[name].strftime(period), name)
            found.update(list(last_of_each.values())[:count])
        return found


KEEP_ALL = SnapshotRetention()


def from_counts(counts: Mapping[str, int] | None) -> SnapshotRetention | None:
    """Return a stored retention; None where an org has none of its own."""
    if counts is None:
        return None
    return SnapshotRetention(**{field.name: int(counts.get(field.name, 0)) for field in fields(SnapshotRetention)})
