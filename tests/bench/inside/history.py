"""Fills the history: runs with the changes of each, alerts, and what the audit trail says of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Protocol, TypeVar

from django.db.models import Model

from directory.models import Alert, AlertKind, LdapServer, Run, RunChange, RunServer, RunState, Trigger
from directory.values.plan import Action, Outcome
from orgs.models import AuditEntry, User

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CHANGES_PER_RUN = 100
# The newest simulation and the newest real run change everybody.
LARGE_RUNS = 2
# One run in so many has failed; one change in so many is of another kind.
ODD = 20
KINDS: tuple[tuple[Outcome | None, tuple[Action, ...], list[str]], ...] = (
    (Outcome.SCRIPT_ERROR, (), []),
    (Outcome.CONFLICT, (), []),
    (Outcome.KEPT, (), ["two LDAP servers know this user"]),
    (Outcome.NOT_CHECKED, (), []),
    (None, (Action.BLOCK, Action.DEACTIVATE), []),
    (None, (Action.REACTIVATE, Action.UNBLOCK), []),
    (None, (Action.SET_ROLES,), ["role Nobody is unknown"]),
)
T = TypeVar("T", bound=Model)


class Write(Protocol):
    """Writes rows of one model in large parts."""

    def __call__(self, model: type[T], rows: Iterable[T]) -> None: ...


def add(first: int, last: int, users: list[User], write: Write) -> None:
    """Add runs: the newest two change every new user, the others a hundred each, and all of them the last user."""
    server, chance = LdapServer.objects.get(), random.Random(first)
    runs = Run.objects.bulk_create(_run(number) for number in range(first, last))
    write(RunServer, (_reading(run, server, len(users)) for run in runs))
    *others, stale = users
    most = min(CHANGES_PER_RUN, len(others))
    several = ((run, [*chance.sample(others, most), stale]) for run in runs[:-LARGE_RUNS])
    everybody = ((run, users) for run in runs[-LARGE_RUNS:])
    write(
        RunChange,
        (_change(run, user, number) for run, chosen in chain(several, everybody) for number, user in enumerate(chosen)),
    )
    write(AuditEntry, (_audit(run, user) for run in runs if not run.simulated for user in users[:CHANGES_PER_RUN]))
    write(Alert, (_alert(run) for run in runs))


def _run(number: int) -> Run:
    at = START + timedelta(hours=number)
    simulated = number % 2 == 0
    done = RunState.PLANNED if simulated else RunState.APPLIED
    return Run(
        simulated=simulated,
        state=RunState.FAILED if number % ODD == 3 else done,
        trigger=Trigger.HAND if simulated else Trigger.SCHEDULE,
        started_by_label="ada" if simulated else "schedule",
        created_at=at,
        started_at=at,
        planned_at=at + timedelta(seconds=3),
        finished_at=at + timedelta(seconds=4),
        counts={"users": 1000, "moved": CHANGES_PER_RUN},
    )


def _reading(run: Run, server: LdapServer, entries: int) -> RunServer:
    return RunServer(
        run=run, server=server, server_name=server.name, live=False, pages=1, entries=entries, complete=True
    )


def _change(run: Run, user: User, number: int) -> RunChange:
    roles = ["PROe User", "Desktop User"]
    before = {"username": user.username, "active": True, "blocked": False, "org_id": user.org_id, "roles": roles}
    done = Outcome.PLANNED if run.simulated else Outcome.APPLIED
    odd = KINDS[number // ODD % len(KINDS)]
    outcome, actions, warnings = odd if number % ODD == 0 else (None, (Action.MOVE,), [])
    return RunChange(
        run=run,
        user=user,
        username=user.username,
        org_id=user.org_id,
        outcome=outcome or done,
        actions=list(actions),
        before={**before, "org": "Default"},
        after={**before, "org": "Org 01"} if actions else {**before, "org": "Default"},
        warnings=warnings,
        steps=[
            f"found by uid as uid={user.username},ou=people",
            "the active script returned true",
            f"the org name script returned Org {user.org_id}",
        ],
    )


def _audit(run: Run, user: User) -> AuditEntry:
    return AuditEntry(
        at=run.created_at + timedelta(seconds=3),
        actor_label="sync",
        run_id=run.pk,
        action="user moved",
        object_type="user",
        object_id=user.pk,
        object_label=user.username,
        before={"org": "Default"},
        after={"org": "Org 01"},
    )


def _alert(run: Run) -> Alert:
    return Alert(
        kind=AlertKind.values[run.pk % len(AlertKind.values)],
        message=f"refused {run.pk}",
        run_id=run.pk,
        created_at=run.created_at,
        dismissed_at=run.finished_at if run.pk % 3 else None,
    )
