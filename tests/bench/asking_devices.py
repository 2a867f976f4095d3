"""Many devices that ask every some seconds whether they may back up: ``python -m tests.bench.asking_devices JOB``.

It prints as JSON how long each answer took, what went wrong, and how long all of it lasted.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

TIMEOUT = 60.0
SEED = 1


@dataclass(frozen=True, slots=True)
class Job:
    """Where the console is, who asks, how often, and for how long, after ``settle`` seconds that do not count."""

    port: int
    tokens: list[str]
    every: float
    settle: float
    seconds: float


@dataclass(slots=True)
class Answers:
    """How long each answer took, in milliseconds, and what was no good answer."""

    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def all_ask(job: Job) -> dict[str, Any]:
    """Have all devices ask, and return what came of it."""
    chance, answers, began = random.Random(SEED), Answers(), time.monotonic()
    # As the agent does: a connection for each question.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{job.port}", connector=connector, timeout=timeout) as web,
        asyncio.TaskGroup() as group,
    ):
        for token in job.tokens:
            group.create_task(_asks(web, job, token, began + chance.uniform(0, job.every), began, answers))
    return {"ms": answers.ms, "errors": answers.errors[:20], "whole": time.monotonic() - began}


async def _asks(web: aiohttp.ClientSession, job: Job, token: str, due: float, began: float, answers: Answers) -> None:
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "rollcall-agent/1.0"}
    ends = began + job.settle + job.seconds
    while due < ends:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        # From when it was due: a device that waits for others before it has waited.
        asked_at = due
        problem = ""
        try:
            async with web.get("/agent/me", headers=headers) as answer:
                text = await answer.text()
                if answer.status != 200 or not json.loads(text)["allowed"]:
                    problem = f"{answer.status} {text[:200]}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            problem = repr(error)
        if problem:
            answers.errors.append(problem)
        elif asked_at >= began + job.settle:
            answers.ms.append(round((time.monotonic() - asked_at) * 1000, 2))
        due += job.every


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_ask(Job(**json.loads(Path(sys.argv[1]).read_text()))))))
