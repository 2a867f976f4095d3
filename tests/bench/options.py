"""What can be chosen about a benchmark: on the command line, or from the environment as make passes it on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

USERS, QUICK_USERS = 100_000, 2_000


@dataclass(frozen=True, slots=True)
class Options:
    """How many users, how often, and which groups of claims (none: all)."""

    users: int = USERS
    repeats: int = 3
    quick: bool = False
    million: bool = False
    database: str = "postgresql"
    only: tuple[str, ...] = ()
    strict: bool = False
    publish: bool = True

    @property
    def smaller(self) -> int:
        """How many users there are where a tenth will do; a page of them at least."""
        return max(self.users // 10, 1000)

    def sized(self, usual: int, quick: int) -> int:
        """Return how many of something there are, in earnest or when it has to be quick."""
        return quick if self.quick else usual


def parse(arguments: Sequence[str], groups: Sequence[str]) -> Options:
    """Return what was chosen; ends the process with a message when it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures what docs/speed.md claims.")
    parser.add_argument("--only", action="append", choices=groups, default=[], help="this group of claims; repeatable")
    parser.add_argument("--users", type=int, default=_number("USERS"), help=f"people in the directory ({USERS:,})")
    parser.add_argument("--repeats", type=int, default=None, help="how often everything is measured (3)")
    parser.add_argument("--quick", action="store_true", default=_flag("QUICK"), help="small: the results go to var/")
    parser.add_argument("--million", action="store_true", default=_flag("MILLION"), help="ten times the users as well")
    parser.add_argument(
        "--database", choices=("postgresql", "sqlite"), default=os.environ.get("DATABASE") or "postgresql"
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 where a goal is missed")
    parser.add_argument("--no-publish", action="store_true", help="leave docs/ as it is")
    given = parser.parse_args(arguments)
    users = given.users or (QUICK_USERS if given.quick else USERS)
    if users < 1000:
        parser.error("a page has 1,000 users: take that many at least")
    return Options(
        users=users,
        repeats=given.repeats or (1 if given.quick else 3),
        quick=given.quick,
        million=given.million,
        database=given.database,
        only=tuple(given.only),
        strict=given.strict,
        publish=not (given.quick or given.no_publish or given.database != "postgresql"),
    )


def _flag(name: str) -> bool:
    return os.environ.get(name, "") not in {"", "0"}


def _number(name: str) -> int | None:
    return int(os.environ[name]) if os.environ.get(name) else None
