"""Plan counts + readings → reasons to hold a run back before its first write. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from directory.sync.stored.plan_counts import PlanCounts, ServerCounts
from directory.values.server_limits import LIMITS, NEVER_HELD_UNDER, Counted, Limit, Limits, LimitUnit
from orgs.text import counted

# The original's alert, word for word.
TOO_MANY = (
    "Directory sync deactivation not executed. Too many users were identified for deactivation. "
    "Check LDAP configuration."
)
# The counts by org or role, to which several servers can contribute together.
OF_ORGS = (Counted.ORG_ABSENT, Counted.ORG_INACTIVE)
SHARED = (*OF_ORGS, Counted.ROLE_LOSSES)
ENTRIES, GROUPS, ATTRIBUTE = "entries", "groups", "attribute/{}"
_ABSENT, _INACTIVE = " (absent from the directory)", " (inactive by the active script)"
_CAUSES = {
    Counted.ABSENT: _ABSENT,
    Counted.ORG_ABSENT: _ABSENT,
    Counted.INACTIVE: _INACTIVE,
    Counted.ORG_INACTIVE: _INACTIVE,
}


@dataclass(frozen=True, slots=True)
class ReadingCounts:
    """The counts of one server's reading; ``last_entries`` is None if there was no complete reading before.

    ``vanished`` are the attributes that no entry has any more, each with the number of entries that had it at the last
    complete reading, and the number of all entries then. ``groups`` is the number of resolved groups.
    """

    server: str
    entries: int
    last_entries: int | None = None
    canary_found: bool = True
    configuration_seen: bool = True
    vanished: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    without_username: int = 0
    groups: int = 0
    last_groups: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """One limit that was passed, as a sentence with the numbers; ``deactivations`` marks those of the original's alert.

    ``key`` is the key of the count; empty if the limit has none.
    """

    message: str
    deactivations: bool = False
    key: str = ""


@dataclass(slots=True)
class Sums:
    """Counts by key, each with the number of users or entries that it is a share of (``wholes``)."""

    counts: Counter[str] = field(default_factory=Counter)
    wholes: dict[str, int] = field(default_factory=dict)

    def add(self, counts: Mapping[str, int], wholes: Mapping[str, int], *, without: Collection[str] = ()) -> None:
        """Add the counts of a later run; the largest whole counts, as it is the number before all these runs.

        The counts in ``without``, which a person has seen and allowed, start anew.
        """
        for key in without:
            self.counts.pop(key, None)
            self.wholes.pop(key, None)
        for key in counts.keys() - set(without):
            self.counts[key] += counts[key]
            self.wholes[key] = max(self.wholes.get(key, 0), wholes.get(key, 0))


def sums_of(server_id: int, plan_counts: PlanCounts, holders: Mapping[tuple[str, int], int]) -> Sums:
    """Return the counts and wholes of one server; ``holders`` are active users by (role, server id)."""
    own = plan_counts.servers.get(server_id, ServerCounts())
    return Sums(Counter(own.counts), {key: _whole(key, server_id, own, plan_counts, holders) for key in own.counts})


def _whole(
    key: str, server_id: int, own: ServerCounts, plan_counts: PlanCounts, holders: Mapping[tuple[str, int], int]
) -> int:
    counted, subject = _parts(key)
    if counted in OF_ORGS:
        return plan_counts.active_by_org[int(subject)]
    if counted is Counted.ROLE_LOSSES:
        return max(holders.get((subject, server_id), 0), own.counts[key])
    return own.evaluated if counted is Counted.SCRIPT_ERRORS else own.active


def _parts(key: str) -> tuple[Counted, str]:
    counted, _, subject = key.partition("/")
    return Counted(counted), subject


def check(
    read: ReadingCounts,
    now: Sums,
    limits: Limits,
    *,
    earlier: Sums | None = None,
    org_names: Mapping[int, str] | None = None,
) -> list[Reason]:
    """Return every reason to hold the plan back because of one server; none if it may go on.

    ``earlier`` are the counts of the runs of the last 24 hours.
    """
    reasons = check_counts(read.server, now, limits, earlier or Sums(), org_names or {})
    return [*_reading(read, limits), *reasons]


def check_together(
    servers: Mapping[str, tuple[Sums, Limits]],
    earlier: Mapping[str, Sums],
    org_names: Mapping[int, str],
    *,
    passed: Collection[str] = (),
) -> list[Reason]:
    """Return the limits that several servers pass together for an org or a role, although each one keeps its own.

    ``servers`` and ``earlier`` are by the names of servers. The largest of their limits counts. The keys in ``passed``,
    which one server passes alone, are left out.
    """
    found: list[Reason] = []
    shared = {key for now, _ in servers.values() for key in now.counts if _parts(key)[0] in SHARED}
    for key in sorted(shared.difference(passed)):
        deciding = {name: pair for name, pair in servers.items() if pair[0].counts[key]}
        if len(deciding) < 2:
            continue
        is_org, total, before = _parts(key)[0] in OF_ORGS, Sums(), Sums()
        for name, (now, _) in deciding.items():
            for into, one in ((total, now), (before, earlier.get(name, Sums()))):
                into.counts[key] += one.counts[key]
                # The servers share the users of an org, but holders of a role are counted for each server.
                wholes = (into.wholes.get(key, 0), one.wholes.get(key, 0))
                into.wholes[key] = max(wholes) if is_org else sum(wholes)
        numbers = {limit.name: max(of.of(limit.name) for _, of in deciding.values()) for limit in LIMITS}
        found += check_counts(" and ".join(sorted(deciding)), total, Limits(numbers), before, org_names)
    return found


def _reading(read: ReadingCounts, limits: Limits) -> Iterator[Reason]:
    percent, before = limits.of("entries_percent"), read.last_entries or 0
    if read.entries == 0:
        yield Reason(f"{read.server}: the search found no entries at all.", key=ENTRIES)
    elif before - read.entries >= NEVER_HELD_UNDER and read.entries * 100 < before * percent:
        yield Reason(
            f"{read.server}: {counted(read.entries, 'entry', 'entries')} read, less than {percent} % of the {before} of the last complete "
            "reading.",
            key=ENTRIES,
        )
    if read.last_groups - read.groups >= NEVER_HELD_UNDER and read.groups * 100 < read.last_groups * percent:
        yield Reason(
            f"{read.server}: {counted(read.groups, 'group', 'groups')} read, less than {percent} % of the {read.last_groups} of the last "
            "complete reading; see that the bind DN may still read all of them.",
            key=GROUPS,
        )
    if read.entries and read.without_username == read.entries:
        yield Reason(
            f"{read.server}: none of the {counted(read.entries, 'entry', 'entries')} has a username; see that the username attribute is one "
            "that the server has, and that the bind DN may read it."
        )
    yield from _vanished(read, limits.of("vanished_attributes_percent"))
    if limits.canary and not read.canary_found:
        yield Reason(f"{read.server}: the canary entry {limits.canary} was not found.")
    if not read.configuration_seen:
        yield Reason(
            f"{read.server}: the first real run with this connection, search, mapping and scripts, or with these orgs that "
            "ask it; simulate it first, or look at this plan and apply it."
        )


def _vanished(read: ReadingCounts, percent: int) -> Iterator[Reason]:
    for name, (had, entries) in sorted(read.vanished.items() if percent < 100 else ()):
        if read.entries and had >= NEVER_HELD_UNDER and had * 100 >= entries * percent:
            yield Reason(
                f"{read.server}: no entry has the attribute {name} any more, which {had} of {counted(entries, 'entry', 'entries')} had at the "
                "last complete reading; see that the bind DN may still read it.",
                key=ATTRIBUTE.format(name.lower()),
            )


def check_counts(
    server: str, now: Sums, limits: Limits, earlier: Sums, org_names: Mapping[int, str]
) -> Iterator[Reason]:
    """Yield the limits that the plan passes, alone or with the earlier runs; for each count only the first such limit."""
    for key in sorted(now.counts):
        kind, subject = _parts(key)
        count, whole = now.counts[key], now.wholes.get(key, 0)
        sum_of_all, most = count + earlier.counts[key], max(whole, earlier.wholes.get(key, 0))
        for limit in (each for each in LIMITS if kind in each.counted):
            number = limits.of(limit.name)
            alone = _passes(limit, number, count, whole)
            if not alone and not (limit.over_time and count and _passes(limit, number, sum_of_all, most)):
                continue
            sentence = limit.sentence.format(
                count=count if alone else sum_of_all,
                users=counted(count if alone else sum_of_all, "user", "users"),
                whole=whole if alone else most,
                subject=org_names.get(int(subject), subject) if kind in OF_ORGS else subject,
                cause=_CAUSES.get(kind, ""),
            )
            over = "" if alone else f" within 24 hours, {count} of them by this run"
            unit = " %" if limit.unit is LimitUnit.PERCENT else ""
            yield Reason(f"{server}: {sentence}{over}; the limit is {number}{unit}.", limit.deactivations, key)
            break


def _passes(limit: Limit, number: int, count: int, whole: int) -> bool:
    if limit.unit is LimitUnit.COUNT:
        return count > number
    # The count may exceed the whole: several runs of a day may change the same users.
    return (
        number < limit.off
        and count >= limit.never_under
        and whole >= limit.counts_from
        and count * 100 > whole * number
    )
