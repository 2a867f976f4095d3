"""Checks Redis: whether it answers, keeps its data, and how many tasks wait in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from directory.status.lines import Line, LineState

# Seconds: a page must not wait long for a Redis that is gone.
TIMEOUT = 1.0
# Celery's name for the messages that a worker has taken and not finished.
TAKEN = "unacked"


@dataclass(frozen=True, slots=True)
class BrokerAnswer:
    """Redis's answer; ``problem`` is why there is none, ``waiting`` the number of tasks in each known queue."""

    problem: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    taken: int | None = None


def query(queues: Sequence[str]) -> BrokerAnswer:
    """Query Redis once for everything; connecting and answering may take at most one second each."""
    try:
        with (
            redis.Redis.from_url(
                settings.REDIS_URL,
                socket_connect_timeout=TIMEOUT,
                socket_timeout=TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            ) as client,
            client.pipeline(transaction=False) as line,
        ):
            line.ping()
            line.info()
            line.hlen(TAKEN)
            for queue in queues:
                line.llen(queue)
            pong, info, taken, *lengths = line.execute(raise_on_error=False)
    except ValueError:
        return BrokerAnswer(problem=_("REDIS_URL is no address of a Redis."))
    except (redis.RedisError, OSError) as error:
        return BrokerAnswer(problem=_reason(error))
    if isinstance(pong, Exception):
        return BrokerAnswer(problem=_reason(pong))
    return BrokerAnswer(
        facts=info if isinstance(info, dict) else {},
        waiting={name: length for name, length in zip(queues, lengths, strict=True) if isinstance(length, int)},
        taken=taken if isinstance(taken, int) else None,
    )


def _reason(error: Exception) -> str:
    # The library's message never holds REDIS_URL itself, which has the password.
    return str(error) or type(error).__name__


def look(answer: BrokerAnswer) -> list[Line]:
    """Return the status lines of Redis."""
    where = {"where": _address(), "reason": answer.problem}
    if answer.problem:
        return [
            Line(
                _("Connection"),
                LineState.PROBLEM,
                _("Redis does not answer at %(where)s: %(reason)s") % where,
                _("Start it, and check REDIS_URL. Until then no run starts and no mail leaves; nothing is lost."),
            )
        ]
    if not answer.facts:
        fact = _("Redis answers at %(where)s; it does not say more to this user.") % where
        return [Line(_("Connection"), LineState.OK, fact)]
    version = {"version": answer.facts.get("redis_version", "?")}
    fact = _("Redis %(version)s answers at %(where)s.") % (where | version)
    return [Line(_("Connection"), LineState.OK, fact), _persistence(answer.facts), _memory(answer.facts)]


def _address() -> str:
    """Return host, port and database; never the user or the password."""
    try:
        parts = urlsplit(settings.REDIS_URL)
        port = parts.port
    except ValueError:
        return "?"
    if parts.hostname:
        return f"{parts.hostname}:{port or 6379}"
    return parts.path if parts.scheme == "unix" else "?"


def _persistence(facts: Mapping[str, Any]) -> Line:
    title = _("Persistence")
    if facts.get("aof_last_write_status", "ok") != "ok" or facts.get("rdb_last_bgsave_status", "ok") != "ok":
        return Line(
            title,
            LineState.PROBLEM,
            _("Redis can't write to its disk, and takes nothing until it can."),
            _("Make room on its disk and look into its log."),
        )
    if not facts.get("aof_enabled"):
        return Line(
            title,
            LineState.WARNING,
            _("The append-only file is off: what waits in a queue is gone when Redis stops."),
            _("Set “appendonly yes”. Runs are not lost without it: the clock asks for them again."),
        )
    return Line(title, LineState.OK, _("Everything is written to the append-only file."))


def _memory(facts: Mapping[str, Any]) -> Line:
    used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    policy = facts.get("maxmemory_policy", "noeviction")
    values = {"used": filesizeformat(used), "most": filesizeformat(most), "policy": policy}
    fact = _("%(used)s in use; maxmemory-policy %(policy)s.") % values
    if most:
        fact = _("%(used)s of %(most)s in use; maxmemory-policy %(policy)s.") % values
    if most and used >= most * 0.9:
        advice = _("Give it more memory (maxmemory), or find what fills it: a full Redis takes no tasks.")
        return Line(_("Memory"), LineState.PROBLEM, fact, advice)
    if policy != "noeviction":
        advice = _("Set “maxmemory-policy noeviction”: any other throws waiting tasks away when memory is short.")
        return Line(_("Memory"), LineState.WARNING, fact, advice)
    return Line(_("Memory"), LineState.OK, fact)
