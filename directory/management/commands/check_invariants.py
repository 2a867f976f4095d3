"""Checks every rule about Rollcall's data, and prints what to do about each broken rule."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from directory.invariants import RULES, Broken, Rule, check, one_snapshot
from orgs.text import counted

BROKEN = 1


class Command(BaseCommand):
    """``check_invariants [--json]``."""

    help = "Checks that nothing is lost or contradicts itself. Writes nothing. Exit code 0: all is well; 1: it is not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option for the output."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check all rules and print the broken ones."""
        at, started = timezone.now(), time.monotonic()
        with one_snapshot():
            found = {rule: check(rule, at=at) for rule in RULES}
        seconds = round(time.monotonic() - started, 1)
        failed = {rule: rows for rule, rows in found.items() if rows}
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(failed, seconds), ensure_ascii=False))
        else:
            self._write(failed, seconds)
        if failed:
            sys.exit(BROKEN)

    def _write(self, failed: dict[Rule, list[Broken]], seconds: float) -> None:
        for rule, rows in failed.items():
            self.stdout.write(f"{rule.id} {rule.title}: broken")
            for row in rows:
                self.stdout.write(f"  {row.what}")
            self.stdout.write(f"  What to do: {rule.todo}")
        self.stdout.write(f"{counted(len(RULES), 'rule', 'rules')}, {len(failed)} broken, {seconds} s")


def _as_json(failed: dict[Rule, list[Broken]], seconds: float) -> dict[str, Any]:
    return {
        "rules": len(RULES),
        "broken": [asdict(row) for rows in failed.values() for row in rows],
        "seconds": seconds,
    }
