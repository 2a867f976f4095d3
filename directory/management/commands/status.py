"""``manage.py status``: prints the health of Rollcall itself, for people and for monitoring."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from directory.status import LineState, Section, sections, worst


class Command(BaseCommand):
    """``status [--json]``: prints the lines of the status page; exit code 1 for a problem, else 0."""

    help = "Tell how Rollcall itself is: database, Redis, workers, runs, LDAP servers, mail. Exit code 1: a problem."
    # The command has to show what is wrong with the database, not fail because of it.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the status."""
        found = sections(at=timezone.now())
        state = worst(section.state for section in found)
        if options["json"]:
            self.stdout.write(json.dumps({"state": state.value, "lines": list(_values(found))}, indent=1))
        else:
            self.stdout.write("\n".join(_as_text(found)))
        if state == LineState.PROBLEM:
            sys.exit(1)


def _values(found: Iterable[Section]) -> Iterator[dict[str, Any]]:
    for section in found:
        for line in section.lines:
            yield {
                "section": section.key,
                "title": line.title,
                "state": line.state.value,
                "fact": line.fact,
                "advice": line.advice,
                "at": line.at.isoformat() if line.at else None,
            }


def _as_text(found: Iterable[Section]) -> Iterator[str]:
    for section in found:
        yield section.title
        for line in section.lines:
            moment = f" {line.at:%Y-%m-%d %H:%M:%S} UTC" if line.at else ""
            yield f"  {line.state.value:<8} {line.title}: {line.fact}{moment}"
            if line.advice:
                yield f"           {line.advice}"
