"""Looks at the workers of each queue and at the clock, by what they noted of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory import queues
from directory.heartbeats import ALIVE
from directory.models import Heartbeat
from directory.models.heartbeats import Part
from directory.status.lines import Line, State

# What the clock rings for in about five minutes; more than that means that the workers of a queue don't keep up.
MANY = 50


def look(*, at: datetime, waiting: Mapping[str, int] | None = None) -> list[Line]:
    """Return what there is to say about workers and the clock, in one query."""
    heard = list(Heartbeat.objects.order_by("-heard_at", "-pk"))
    workers = [beat for beat in heard if beat.part == Part.WORKER]
    lines = [
        _queue(name, [beat for beat in workers if name in beat.queues], at, (waiting or {}).get(name))
        for name in queues.names()
    ]
    lines.append(_clock([beat for beat in heard if beat.part == Part.CLOCK], at))
    hosts = sorted({beat.host for beat in _living(workers, at)})
    if connection.vendor == "sqlite" and len(hosts) > 1:
        fact = _("Workers on %(hosts)s share one SQLite file.") % {"hosts": ", ".join(hosts)}
        advice = _("SQLite is for one host: stop the others, or move to PostgreSQL.")
        lines.append(Line(_("Hosts"), State.PROBLEM, fact, advice))
    return lines


def _living(heard: Sequence[Heartbeat], at: datetime) -> list[Heartbeat]:
    return [beat for beat in heard if beat.heard_at >= at - ALIVE]


def _queue(name: str, workers: Sequence[Heartbeat], at: datetime, waiting: int | None) -> Line:
    title = _("Queue %(name)s") % {"name": name}
    tasks = "" if waiting is None else " " + _waiting(waiting)
    alive = _living(workers, at)
    if not alive:
        last = workers[0] if workers else None
        fact = _("No worker is there.") if last is None else _("Its last worker, %(who)s, is silent.")
        return Line(
            title,
            State.PROBLEM,
            fact % {"who": last} + tasks + (" " + _("Heard of") if last else ""),
            _("Start a worker for it and look into the log of the last one: %(command)s.")
            % {"command": f"celery -A console.celery worker --queues {name}"},
            at=last.heard_at if last else None,
        )
    fact = ngettext("Worker %(names)s is there.", "Workers %(names)s are there.", len(alive))
    fact = fact % {"names": ", ".join(map(str, alive))} + tasks + " " + _("Heard of")
    if waiting is not None and waiting > MANY:
        advice = _("The worker does not keep up: give this queue a worker of its own, or one more.")
        return Line(title, State.WARNING, fact, advice, at=alive[0].heard_at)
    return Line(title, State.OK, fact, at=alive[0].heard_at)


def _waiting(count: int) -> str:
    if not count:
        return _("No task waits.")
    return ngettext("%(count)d task waits.", "%(count)d tasks wait.", count) % {"count": count}


def _clock(clocks: Sequence[Heartbeat], at: datetime) -> Line:
    title = _("Clock (beat)")
    alive = _living(clocks, at)
    if not alive:
        last = clocks[0] if clocks else None
        fact = _("It never rang.") if last is None else _("%(who)s rings no more. Heard of") % {"who": last}
        advice = _(
            "Start it: celery -A console.celery beat. Without it no sync starts by schedule, no mail leaves, and no "
            "archive expires."
        )
        return Line(title, State.PROBLEM, fact, advice, at=last.heard_at if last else None)
    names = ", ".join(map(str, alive))
    if len({(beat.host, beat.pid) for beat in alive}) > 1:
        fact = _("More than one rings: %(names)s. Heard of") % {"names": names}
        advice = _("Stop all but one. Nothing is done twice, but every task is sent by each.")
        return Line(title, State.WARNING, fact, advice, at=alive[0].heard_at)
    return Line(title, State.OK, _("%(names)s rings. Heard of") % {"names": names}, at=alive[0].heard_at)
