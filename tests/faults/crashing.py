"""Rollcall's Celery app for tests: what happens at a named point is read from a file, and happens once.

``celery -A tests.faults.crashing worker`` is the real worker; nothing of this is known to Rollcall itself.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, worker_process_init, worker_ready

from console.celery import TICKS, app, look_around

__all__ = ["app", "arm"]

# What leaves nothing for others.
HOARD: list[bytes] = []
# More steps than a small world would have.
BATCH = 40
# Where something can happen: a name for people, and what is called there.
POINTS = {
    "claim": "directory.sync.lease:_take",
    "lease": "directory.sync.lease:Lease.renew",
    "release": "directory.sync.lease:Lease.release",
    "forget": "directory.sync.stored.plan_rows:forget",
    "begin": "directory.sync.entries.entry_store:EntryStore.begin",
    "scripts": "directory.sync.read.page_processor:PageProcessor.take_verdicts",
    "help": "directory.scripts.distributed.remote_worker:_answer",
    "keep": "directory.sync.entries.entry_store:EntryStore.keep",
    "unseen": "directory.sync.entries.entry_store:EntryStore.forget_unseen",
    "plan": "directory.sync.plan.rules.decision_table:decide",
    "record": "directory.sync.stored.plan_rows:planned",
    "limits": "directory.sync.review.limit_checks:check_together",
    "waiting": "directory.sync.apply.change_batches:waiting",
    "batch": "directory.sync.apply.change_batches:batch",
    "move": "orgs.actions.users.org_moves:move",
    "block": "orgs.actions.users.blocking:block",
    "deactivate": "orgs.actions.users.deactivation:deactivate",
    "archives": "orgs.actions.archives:to_cold_storage",
    "matches": "directory.sync.plan.directory_view:remember_matches",
    "counts": "directory.sync.stored.plan_rows:settle_counts",
    "line": "directory.sync.run_texts:history",
    "finish": "directory.sync.lease:Lease.finish",
    "write mail": "directory.sync.alerts_and_mails:write_mails",
    "send": "directory.sync.alerts_and_mails:send_waiting",
    "claim mail": "directory.sync.alerts_and_mails:_claim",
    "send mail": "directory.sync.alerts_and_mails:_send",
    "smtp": "django.core.mail.message:EmailMessage.send",
    "wake": "directory.actions.run_start_and_cancel:wake_worker",
    "note run": "directory.actions.run_start_and_cancel:note_run",
    "mail sent": "directory.sync.run_texts:mail_sent",
}


class Fuse:
    """What is to happen, where and when; read anew at each point, as the worker outlives many faults."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0
        self._id = ""

    def at(self, point: str, when: str) -> None:
        """Do what is to be done here, if anything is."""
        try:
            fault = json.loads(self._file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return
        if (fault["point"], fault["when"]) != (point, when):
            return
        if fault["id"] != self._id:
            self._id, self._seen = fault["id"], 0
        self._seen += 1
        if self._seen == fault["nth"]:
            # Who is first to take the file away does it.
            try:
                self._file.rename(self._file.with_suffix(".burnt"))
            except FileNotFoundError:
                return
            act(fault["do"])


def act(do: str) -> None:
    """Do the worst."""
    match do:
        case "kill":
            os.killpg(os.getpgid(0), signal.SIGKILL)
        case "kill the child":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.killpg(os.getpgid(0), signal.SIGSTOP)
        case "fill the memory":
            fill_the_memory()
        case "fill the disk":
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        case "bug":
            raise ZeroDivisionError("a bug")
        case "wait":
            wait_at_the_gate()
        case _:
            raise ValueError(f"there is nothing called {do}")


def fill_the_memory() -> None:
    """Take all there is, and let there be no more."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, resource.RLIM_INFINITY))
    for size in (2**20, 2**16, 2**12):
        with suppress(MemoryError):
            while True:
                HOARD.append(bytes(size))


def wait_at_the_gate() -> None:
    """Stand still until the test says that this may go on."""
    gate = Path(os.environ["FUSE"]).with_suffix(".gate")
    while not gate.exists():
        time.sleep(0.01)
    gate.unlink()


def wrap(owner: Any, name: str, point: str, fuse: Fuse) -> None:
    """Have the fuse looked at before and after a function."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        fuse.at(point, "before")
        result = original(*args, **kwargs)
        fuse.at(point, "after")
        return result

    setattr(owner, name, guarded)


def arm(**_: object) -> None:
    """Wrap all points of this process."""
    fuse = Fuse(Path(os.environ["FUSE"]))
    # Not at the top: Celery loads this module before Django's models.
    setattr(importlib.import_module("directory.sync.apply.apply_stage"), "BATCH", BATCH)  # noqa: B010  # of any module
    if "HELPED" in os.environ:
        # However quick the scripts are, others are called; and one that is lost is not waited for as long as in earnest.
        dispatcher, batches = (
            importlib.import_module(f"directory.scripts.distributed.{name}")
            for name in ("dispatcher", "evaluation_batches")
        )
        vars(dispatcher).update(WORTH_HELP=0.0, KNOWN_AFTER=0)
        vars(batches).update(CLAIM=timedelta(seconds=2))
    for point, place in POINTS.items():
        module, path = place.split(":")
        owner: Any = importlib.import_module(module)
        parts = path.split(".")
        for each in parts[:-1]:
            owner = getattr(owner, each)
        wrap(owner, parts[-1], point, fuse)


worker_process_init.connect(arm)
if "LOOKS_AROUND" not in os.environ:
    # A worker that replaces one that died would take the run that waits before the test says what is to happen to it.
    worker_ready.disconnect(look_around)


@after_task_publish.connect(weak=False)
def _print_ready(sender: str = "", **_other: Any) -> None:
    """Say what was rung for: the log of a clock leaves each tick out."""
    sys.stderr.write(f"rang {sender}\n")
    sys.stderr.flush()


if "TICK" in os.environ:
    # A clock that need not be waited for.
    TICKS.update(dict.fromkeys(TICKS, float(os.environ["TICK"])))
