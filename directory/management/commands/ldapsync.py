"""Runs a sync in the foreground, without Celery: a simulation, a real run, or the stored plan of an earlier run."""

from __future__ import annotations

import gc
import json
import logging
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from directory.actions import run_start_and_cancel, stored_plans, undo
from directory.input_errors import Refused
from directory.models import LdapServer, Run, RunState, Trigger
from directory.sync import alerts_and_mails, lease, pipeline, run_stopwatch
from directory.sync.finish import json_summary
from directory.sync.lease import Progress as OnProgress
from directory.values.plan import Outcome
from orgs.rules.actors import COMMAND_LINE
from orgs.text import fold

HELD_BACK, FAILED, INCOMPLETE = 3, 4, 5
_EXIT = {RunState.HELD_BACK: HELD_BACK, RunState.FAILED: FAILED, RunState.CANCELLED: FAILED}


class Command(BaseCommand):
    """``ldapsync [--server NAME]… [--simulate] [--incremental] [--json] [--changes FILE] [--profile]``, ``--apply RUN`` and ``--undo RUN``."""

    help = (
        "Synchronizes users with LDAP in the foreground. Exit code 0: done; 2: wrong use; 3: held back or waiting for "
        "approval, nothing was written; 4: refused or failed, with the reason on standard error; 5: done, but incomplete, as some users could not be checked."
    )

    # The checks are about pages and templates, and take longer than a sync of a small company without changes.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for what to read, whether to write, and what to print."""
        parser.add_argument("--server", action="append", default=[], metavar="NAME", help="only this LDAP server")
        parser.add_argument("--simulate", action="store_true", help="say what would change, and change nothing")
        parser.add_argument(
            "--incremental",
            action="store_true",
            help="read only what has changed where the server is set so, as scheduled syncs do",
        )
        parser.add_argument("--apply", type=int, metavar="RUN", help="apply the stored plan of this run")
        parser.add_argument("--undo", type=int, metavar="RUN", help="show what undoing this run would put back")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
        parser.add_argument("--changes", type=Path, metavar="FILE", help="write a JSON line for each user")
        parser.add_argument("--profile", action="store_true", help="say on standard error where the time went, by step")

    def run_from_argv(self, argv: list[str]) -> None:
        """Carry out the command in a process of its own."""
        # All that is loaded by now stays: the garbage collector need not search it again and again.
        gc.freeze()
        super().run_from_argv(argv)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Start a run or the application of a plan, carry it out here, and print its outcome."""
        alone = [name for name in ("apply", "undo") if options[name] is not None]
        if len(alone) > 1:
            raise CommandError("--undo makes a plan, which --apply applies: give one of them", returncode=2)
        if alone and (options["simulate"] or options["server"] or options["incremental"]):
            raise CommandError(f"--{alone[0]} takes neither --simulate nor --server nor --incremental", returncode=2)
        changes = _open(options["changes"])
        try:
            run = self._start(options)
            with run_stopwatch.measured() as spent:
                self._carry_out(run)
            run.refresh_from_db()
            if options["profile"]:
                self._write_times(spent)
            if changes is not None:
                for line in json_summary.changes(run, at=timezone.now()):
                    changes.write(json.dumps(line, ensure_ascii=False) + "\n")
        finally:
            if changes is not None:
                changes.close()
        self._write_outcome(run, as_json=options["json"])
        if code := _EXIT.get(RunState(run.state), INCOMPLETE if run.incomplete else 0):
            sys.exit(code)

    def _start(self, options: dict[str, Any]) -> Run:
        at = timezone.now()
        try:
            if options["apply"] is not None:
                return stored_plans.apply_plan(run=_run(options["apply"]), by=COMMAND_LINE, at=at, wake=False)
            if options["undo"] is not None:
                undone = _run(options["undo"])
                return undo.start(run=undone, by=COMMAND_LINE, at=at, trigger=Trigger.COMMAND, wake=False)
            return run_start_and_cancel.start(
                servers=[_server(name) for name in options["server"]],
                simulated=options["simulate"],
                trigger=Trigger.COMMAND,
                by=COMMAND_LINE,
                at=at,
                wake=False,
                incremental=options["incremental"],
            )
        except Refused as error:
            raise CommandError(str(error), returncode=FAILED) from error

    def _carry_out(self, run: Run) -> None:
        try:
            with _progress() as on_progress:
                pipeline.execute(run.pk, clock=timezone.now, progress=on_progress)
        except KeyboardInterrupt:
            run_start_and_cancel.cancel(run=run, by=COMMAND_LINE, at=timezone.now())
            pipeline.execute(run.pk, clock=timezone.now)
            _die("interrupted: the run is cancelled; what had been applied by then stays and is listed")

    def _write_times(self, spent: run_stopwatch.RunTiming) -> None:
        """Print the time of each step without its inner steps, in order, with its share of the whole."""
        whole = sum(each.seconds for each in spent.by_step.values()) or 1.0
        self.stderr.write(f"{'seconds':>9} {'part':>6} {'times':>7}  step")
        for name, each in spent.by_step.items():
            self.stderr.write(f"{each.seconds:9.3f} {each.seconds / whole:6.1%} {each.count:7}  {name}")
        self.stderr.write(f"{whole:9.3f} {1:6.1%} {'':7}  all of the run")

    def _write_outcome(self, run: Run, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(json_summary.summary(run, at=timezone.now()), ensure_ascii=False))
        else:
            for line in json_summary.text(run, at=timezone.now()):
                self.stdout.write(line)
        if run.state == RunState.FAILED:
            self.stderr.write(run.error)
        elif run.state == RunState.CANCELLED:
            self.stderr.write(f"run {run.pk} was cancelled")
        elif run.state == RunState.HELD_BACK and run.approval:
            what = "Held back and waits" if run.held_back else "Waits"
            where = alerts_and_mails.address_of(run)
            self.stderr.write(f"{what} for the approval of a second administrator, nothing was written: {where}")
        elif run.state == RunState.HELD_BACK:
            self.stderr.write(f"Held back, nothing was written. To apply this plan: ldapsync --apply {run.pk}")
        elif run.undo_of_id is not None and run.simulated and not as_json:
            planned = run.stored_changes.filter(outcome=Outcome.PLANNED).exists()
            how = f"Nothing is put back yet. To apply this plan: ldapsync --apply {run.pk}"
            self.stdout.write(how if planned else "There is nothing to put back.")


def _run(number: int) -> Run:
    run = Run.objects.filter(pk=number).first()
    if run is None:
        raise CommandError(f"there is no run {number}", returncode=2)
    return run


def _server(name: str) -> LdapServer:
    server = LdapServer.objects.filter(name_key=fold(name)).first()
    if server is None:
        existing = ", ".join(LdapServer.objects.in_order().values_list("name", flat=True)) or "none"
        raise CommandError(f"there is no LDAP server {name} (there are: {existing})", returncode=2)
    return server


def _open(path: Path | None) -> Any:
    """Open the file for the changes before the run, so that a wrong path changes nothing."""
    if path is None:
        return None
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=2) from error


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """Show progress on standard error if it is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lease.ignore_progress
        return
    # Log lines would break the progress display; the log file still gets them.
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setLevel(logging.WARNING)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting")
        yield lambda phase, done, total: bar.update(task, description=phase, completed=done, total=total)


def _die(message: str) -> NoReturn:
    sys.stderr.write(f"{message}\n")
    sys.exit(FAILED)
