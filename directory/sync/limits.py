"""Tally + reading → reasons to hold a run back before its first write. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from directory.sync.tally import ServerTally, Tally
from directory.sync.values import Cause, Limits

# The original's alert, word for word.
TOO_MANY = (
    "Directory sync deactivation not executed. Too many users were identified for deactivation. "
    "Check LDAP configuration."
)
NEVER_HELD_UNDER = 10
ORG_COUNTS_FROM = 50
SCRIPT_ERRORS_FROM = 10
_WORDS = {Cause.ABSENT: "absent from the directory", Cause.SCRIPT: "inactive by the active script"}


@dataclass(frozen=True, slots=True)
class Read:
    """What is known about one server's reading; ``last_entries`` is None before the first complete one."""

    server: str
    entries: int
    last_entries: int | None = None
    canary_seen: bool = True
    configuration_seen: bool = True


@dataclass(frozen=True, slots=True)
class Reason:
    """One limit that was passed, as a sentence with the numbers; ``deactivations`` marks those of the original's alert."""

    message: str
    deactivations: bool = False


def check(read: Read, tally: ServerTally, limits: Limits) -> list[Reason]:
    """Return every reason to hold back what one server's reading leads to; none when it may go on."""
    return [*_reading(read, limits), *_leaving(read.server, tally, limits), *_shares(read.server, tally, limits)]


def check_orgs(tally: Tally, *, names: Mapping[int, str], percents: Mapping[int, int]) -> list[Reason]:
    """Return every org that would lose too many of its users, whichever server says so; ``percents`` are by org."""
    return [
        Reason(
            f"{count} of {active} active users of the org {names.get(org_id, org_id)} would be deactivated or blocked "
            f"({_WORDS[cause]}); the limit for one org is {percents[org_id]} %.",
            deactivations=True,
        )
        for (org_id, cause), count in sorted(tally.leaving_by_org.items())
        if (active := tally.active_by_org[org_id]) >= ORG_COUNTS_FROM
        and count >= NEVER_HELD_UNDER
        and count * 100 > active * percents[org_id]
    ]


def _reading(read: Read, limits: Limits) -> Iterator[Reason]:
    if read.entries == 0:
        yield Reason(f"{read.server}: the search found no entries at all.")
    elif read.last_entries and read.entries * 100 < read.last_entries * limits.entries_percent:
        yield Reason(
            f"{read.server}: {read.entries} entries read, less than {limits.entries_percent} % of the "
            f"{read.last_entries} of the last complete reading."
        )
    if limits.canary and not read.canary_seen:
        yield Reason(f"{read.server}: the canary entry {limits.canary} was not found.")
    if not read.configuration_seen:
        yield Reason(
            f"{read.server}: the first real run with this connection, search, mapping and scripts, or with these orgs that "
            "ask it; simulate it first, or look at this plan and apply it."
        )


def _leaving(server: str, tally: ServerTally, limits: Limits) -> Iterator[Reason]:
    for cause, words in _WORDS.items():
        count = tally.leaving[cause]
        share = count * 100 > tally.active * limits.deactivations_percent
        if count >= NEVER_HELD_UNDER and (share or count > limits.deactivations_count):
            yield Reason(
                f"{server}: {count} of {tally.active} active users would be deactivated or blocked ({words}); "
                f"the limit is {limits.deactivations_percent} %, and {limits.deactivations_count} in any case.",
                deactivations=True,
            )


def _shares(server: str, tally: ServerTally, limits: Limits) -> Iterator[Reason]:
    errors = tally.script_errors
    if errors > SCRIPT_ERRORS_FROM and errors * 100 > tally.evaluated * limits.script_errors_percent:
        yield Reason(
            f"{server}: {errors} script errors in {tally.evaluated} entries; "
            f"the limit is {limits.script_errors_percent} %."
        )
    if tally.moves * 100 > tally.active * limits.moves_percent:
        yield Reason(
            f"{server}: {tally.moves} of {tally.active} active users would move to another org; "
            f"the limit is {limits.moves_percent} %."
        )
    if tally.role_changes * 100 > tally.active * limits.role_changes_percent:
        yield Reason(
            f"{server}: the roles of {tally.role_changes} of {tally.active} active users would change; "
            f"the limit is {limits.role_changes_percent} %."
        )
    if tally.admin_grants > limits.admin_grants:
        yield Reason(
            f"{server}: {tally.admin_grants} users would be granted a role that holds the admin permission; "
            f"the limit is {limits.admin_grants}."
        )
