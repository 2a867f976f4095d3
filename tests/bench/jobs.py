"""The jobs that are compared with each other, each measured as often as asked, and once only for all claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from tests.bench.console import SEED_SCRIPTS
from tests.bench.measuring import Measured, wall_time
from tests.bench.world import World

FILTER = "(objectClass=person)"
PAGED = "pr=1000/noprompt"
# What the console asks for: all user attributes, and the operational ones by name that these entries have.
ATTRIBUTES = ("*", "entryUUID", "memberOf")
ONE_IN = 100
# One search may take three times as long as the next, so that there are more of them than of syncs.
SEARCHES = 3
# Each round takes everybody out of the orgs and roles of the round before it, and of those of the seed's scripts.
ROUNDS = (("North", "South", "Desktop User"), ("Staff", "Students", "PROe User"))


class Jobs:
    """What is done with one world; each job leaves the world in line."""

    def __init__(self, world: World, repeats: int, *, firsts: int | None = None) -> None:
        """Take how often each job is done; ``firsts`` is how often the first sync is, where that is something else."""
        self.world = world
        self.repeats = repeats
        self._firsts = repeats if firsts is None else firsts
        self._renamed = 0
        self._searched: list[float] = []

    @cached_property
    def first(self) -> list[Measured]:
        """Syncs that know no entry yet: every script runs for every user, and nothing has to be applied."""
        return self._several(self.world.sync, before=lambda: self.world.console.inside("forget"), times=self._firsts)

    @cached_property
    def unchanged(self) -> list[Measured]:
        """Syncs that find everything as the sync before left it, turn by turn with ``ldapsearch``."""
        _ = self.first
        return self._several(self.world.sync, before=self._search)

    @property
    def ldapsearch(self) -> list[float]:
        """Times of reading the same entries with OpenLDAP's own client."""
        _ = self.unchanged
        return self._searched

    def _search(self) -> None:
        directory = self.world.directory
        where = ["-H", directory.url, "-b", directory.base, "-E", PAGED]
        command = ["ldapsearch", "-x", "-LLL", *where, FILTER, *ATTRIBUTES]
        self._searched += [wall_time(command).seconds for _ in range(SEARCHES)]

    @cached_property
    def changed(self) -> list[Measured]:
        """Syncs after one person in a hundred has got another surname, which is applied."""
        _ = self.unchanged
        numbers = range(1, self.world.count + 1, ONE_IN)

        def rename() -> None:
            self._renamed += 1
            self.world.directory.rename_people(numbers, f"Renamed{self._renamed}")

        return self._several(lambda: self.world.sync({"profileChanged": len(numbers)}), before=rename)

    @cached_property
    def moved(self) -> list[Measured]:
        """Syncs that give every user another org and another role."""
        _ = self.changed
        for number in range(min(self.repeats, len(ROUNDS))):
            self.world.follow(round_of_scripts(number))
            self.world.sync_summary(simulated=True)
        rounds = iter(range(self.repeats))
        everybody = {"moved": self.world.count, "rolesChanged": self.world.count}
        found = self._several(
            lambda: self.world.sync(everybody), before=lambda: self.world.follow(round_of_scripts(next(rounds)))
        )
        self.world.follow(SEED_SCRIPTS)
        self.world.sync_summary()
        return found

    def _several(
        self, job: Callable[[], Measured], *, before: Callable[[], object] = lambda: None, times: int | None = None
    ) -> list[Measured]:
        found = []
        for _ in range(self.repeats if times is None else times):
            before()
            found.append(job())
        return found


def round_of_scripts(number: int) -> dict[str, str]:
    """Return scripts that want something else of everybody than those of the round before."""
    first, second, role = ROUNDS[number % len(ROUNDS)]
    return {
        **SEED_SCRIPTS,
        "org_name_script": f"function (entry) {{ return entry.employeeNumber % 2 ? '{first}' : '{second}' }}",
        "role_name_script": f"function (entry) {{ return ['{role}'] }}",
    }
