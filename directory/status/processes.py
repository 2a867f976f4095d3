"""Checks the workers of each queue, the clock and the store, by their heartbeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.models import Heartbeat
from directory.models.heartbeats import Part
from directory.scheduling import queues, supervised_processes
from directory.scheduling.heartbeats import ALIVE
from directory.scheduling.supervised_processes import Supervised
from directory.status.lines import Line, LineState
from orgs.models import Repository

# About the tasks that the clock sends in five minutes: with more waiting, the workers of a queue don't keep up.
MANY = 50
# How long the end of a process that was started again is shown.
_SHOWN_FOR = timedelta(hours=1)


def look(*, at: datetime, waiting: Mapping[str, int] | None = None) -> list[Line]:
    """Return the status lines of workers, the clock and the store, with one query, and one more while no store runs."""
    beats = list(Heartbeat.objects.order_by("-last_beat_at", "-pk"))
    workers = [beat for beat in beats if beat.part == Part.WORKER]
    lines = [
        _queue(name, takers, at, (waiting or {}).get(name))
        for name in queues.names()
        if (takers := [beat for beat in workers if name in beat.queues]) or _is_needed(name)
    ]
    lines.append(_clock([beat for beat in beats if beat.part == Part.CLOCK], at))
    lines += _store([beat for beat in beats if beat.part == Part.STORE], at)
    lines += _supervised(at)
    hosts = sorted({beat.host for beat in _living(workers, at)})
    if connection.vendor == "sqlite" and len(hosts) > 1:
        fact = _("Workers on %(hosts)s share one SQLite file.") % {"hosts": ", ".join(hosts)}
        advice = _("SQLite is for one host: stop the others, or move to PostgreSQL.")
        lines.append(Line(_("Hosts"), LineState.PROBLEM, fact, advice))
    return lines


def _is_needed(queue: str) -> bool:
    """Return whether a queue needs a worker: that of archives does once an archive is stored."""
    return queue != "archives" or Repository.objects.exists()


def _living(beats: Sequence[Heartbeat], at: datetime) -> list[Heartbeat]:
    return [beat for beat in beats if beat.last_beat_at >= at - ALIVE]


def _queue(name: str, workers: Sequence[Heartbeat], at: datetime, waiting: int | None) -> Line:
    title = _("Queue %(name)s") % {"name": name}
    tasks = "" if waiting is None else " " + _waiting(waiting)
    alive = _living(workers, at)
    if not alive:
        last = workers[0] if workers else None
        fact = _("No worker is there.") if last is None else _("Its last worker, %(who)s, is silent.")
        return Line(
            title,
            LineState.PROBLEM,
            fact % {"who": last} + tasks + (" " + _("Heard of") if last else ""),
            _("Start a worker for it and look into the log of the last one: %(command)s.")
            % {"command": f"celery -A console.celery worker --queues {name}"},
            at=last.last_beat_at if last else None,
        )
    fact = ngettext("Worker %(names)s is there.", "Workers %(names)s are there.", len(alive))
    fact = fact % {"names": ", ".join(map(str, alive))} + tasks + " " + _("Heard of")
    if waiting is not None and waiting > MANY:
        advice = _("The worker does not keep up: give this queue a worker of its own, or one more.")
        return Line(title, LineState.WARNING, fact, advice, at=alive[0].last_beat_at)
    return Line(title, LineState.OK, fact, at=alive[0].last_beat_at)


def _waiting(count: int) -> str:
    if not count:
        return _("No task waits.")
    return ngettext("%(count)d task waits.", "%(count)d tasks wait.", count) % {"count": count}


def _clock(clocks: Sequence[Heartbeat], at: datetime) -> Line:
    title = _("Clock (beat)")
    alive = _living(clocks, at)
    if not alive:
        last = clocks[0] if clocks else None
        fact = _("It has never been heard of.") if last is None else _("%(who)s is silent. Heard of") % {"who": last}
        advice = _(
            "Start it: celery -A console.celery beat. Without it no sync starts by schedule, no mail leaves, and no "
            "archive expires."
        )
        return Line(title, LineState.PROBLEM, fact, advice, at=last.last_beat_at if last else None)
    names = ", ".join(map(str, alive))
    if len({(beat.host, beat.pid) for beat in alive}) > 1:
        fact = _("There are more than one: %(names)s. Heard of") % {"names": names}
        advice = _("Stop all but one. Nothing is done twice, but every task is sent by each.")
        return Line(title, LineState.WARNING, fact, advice, at=alive[0].last_beat_at)
    return Line(title, LineState.OK, _("%(names)s is there. Heard of") % {"names": names}, at=alive[0].last_beat_at)


def _store(stores: Sequence[Heartbeat], at: datetime) -> list[Line]:
    """Return the line of the store; none where no store runs and no archive needs one."""
    title = _("Store (backups)")
    if alive := _living(stores, at):
        names = ", ".join(map(str, alive))
        fact = ngettext("%(names)s is there. Heard of", "%(names)s are there. Heard of", len(alive))
        return [Line(title, LineState.OK, fact % {"names": names}, at=alive[0].last_beat_at)]
    if not Repository.objects.exists():
        return []
    last = stores[0] if stores else None
    fact = _("It has never been heard of.") if last is None else _("%(who)s is silent. Heard of") % {"who": last}
    advice = _(
        "Start it: gunicorn console.store.wsgi (README, “The store”), and look into the log of the last one. Without it no "
        "device backs up or restores."
    )
    return [Line(title, LineState.PROBLEM, fact, advice, at=last.last_beat_at if last else None)]


def _supervised(at: datetime) -> list[Line]:
    """Return the lines of the processes of ``manage.py serve``, if it runs on this machine."""
    report = supervised_processes.read(settings.VAR)
    if report is None:
        return []
    if at - report.at > supervised_processes.SILENT:
        fact = _("manage.py serve is silent: nothing that ends is started again. Heard of")
        advice = _("Start it again. Is its disk full, or was it killed?")
        return [Line(_("Supervisor"), LineState.WARNING, fact, advice, at=report.at)]
    return [line for each in report.processes if each.ended and (line := _restarted(each, at)) is not None]


def _restarted(each: Supervised, at: datetime) -> Line | None:
    often = [ended for ended in each.ended if at - ended < _SHOWN_FOR]
    if not often:
        return None
    title = _("Process %(name)s") % {"name": each.name}
    values = {"count": len(often), "status": each.status}
    fact = ngettext(
        "It ended once in the last hour, with exit status %(status)d.",
        "It ended %(count)d times in the last hour, the last time with exit status %(status)d.",
        len(often),
    )
    fact = fact % values
    advice = _("Look into its log, %(file)s.") % {"file": settings.VAR / "log" / f"{each.name}.log"}
    if each.pid:
        return Line(title, LineState.WARNING, f"{fact} {_('It was started again. Last end')}", advice, at=often[-1])
    return Line(title, LineState.PROBLEM, f"{fact} {_('It is down; the next start is at')}", advice, at=each.next_start)
