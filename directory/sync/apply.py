"""Rows → orgs.actions → outcomes: batches, each one transaction, each change checked again before it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DataError, IntegrityError, transaction

from directory.models import RunChange
from directory.sync import rows
from directory.sync.values import Action, Change, Known, Outcome
from orgs.actions import users
from orgs.actions.errors import Refused
from orgs.actors import Actor
from orgs.models import Role

Load = Callable[[Collection[int]], Mapping[int, Known]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How changes are made: by whom, reading users how, and what an org's directory knows.

    ``load`` returns users as values and keeps their rows locked. ``servers_of`` maps the ids of orgs that follow LDAP
    to the ids of the servers that they ask.
    """

    by: Actor
    load: Load
    servers_of: Mapping[int, Collection[int]]
    with_devices: bool = True


def waiting(run_id: int, *, size: int) -> list[RunChange]:
    """Return the next changes of a plan that are still to be made."""
    found = RunChange.objects.filter(run=run_id, outcome=Outcome.PLANNED).in_order()
    return list(found[:size])


def batch(changes: Sequence[RunChange], *, terms: Terms, at: datetime) -> None:
    """Make these changes and note how each fared, inside the caller's transaction."""
    known = terms.load([row.user_id for row in changes if row.user_id is not None])
    same = [row for row in changes if _as_planned(row, known.get(row.user_id or 0), terms)]
    for row in changes:
        row.outcome = Outcome.CHANGED_MEANWHILE
    _make(same, terms=terms, at=at)
    for row in changes:
        row.applied_at = at
    for outcome in {row.outcome for row in changes}:
        pks = [row.pk for row in changes if row.outcome == outcome]
        RunChange.objects.filter(pk__in=pks).update(outcome=outcome, applied_at=at)


def _as_planned(row: RunChange, known: Known | None, terms: Terms) -> bool:
    """Tell whether the user still is as the plan saw them, and in the care of the server that it was made from."""
    return (
        known is not None
        and known.account == rows.account_from_json(row.before)
        and rows.facts_to_json(known) == row.facts
        and not known.managed_locally
        and row.server_id in terms.servers_of.get(known.account.org_id, ())
    )


def _make(changes: Sequence[RunChange], *, terms: Terms, at: datetime) -> None:
    """Make all changes at once; when a rule forbids one of them, make them one by one to find which."""
    if not changes:
        return
    try:
        with transaction.atomic():
            _write([rows.change_from_row(row) for row in changes], changes, terms=terms, at=at)
    except (Refused, IntegrityError, DataError) as error:
        if len(changes) > 1:
            for row in changes:
                _make([row], terms=terms, at=at)
            return
        row = changes[0]
        row.outcome = Outcome.REFUSED
        reason = str(error) if isinstance(error, Refused) else "the database refuses the new name or address"
        row.steps = [*row.steps, f"Not applied: {reason}."]
        row.warnings = [*row.warnings, f"Not applied: {reason}"]
        row.save(update_fields=["steps", "warnings"])
    else:
        for row in changes:
            row.outcome = Outcome.APPLIED


def _write(changes: Sequence[Change], stored: Sequence[RunChange], *, terms: Terms, at: datetime) -> None:
    found_by = {row.user_id: row.server_id for row in stored}
    for action in Action:
        mine = [change for change in changes if action in change.actions]
        if mine:
            _do(action, mine, found_by, terms=terms, at=at)


def _do(
    action: Action, changes: Sequence[Change], found_by: Mapping[int | None, int | None], *, terms: Terms, at: datetime
) -> None:
    ids, by = [change.user_id for change in changes], terms.by
    match action:
        case Action.REACTIVATE:
            users.reactivate(user_ids=ids, by=by, at=at, with_devices=terms.with_devices)
        case Action.UNBLOCK:
            users.unblock(user_ids=ids, by=by, at=at)
        case Action.CLEAR_PENDING:
            users.clear_pending(user_ids=ids, by=by, at=at)
        case Action.RENAME | Action.PROFILE:
            users.update_profiles(profiles={change.user_id: _profile(change) for change in changes}, by=by, at=at)
        case Action.MOVE:
            moves = {change.user_id: change.after.org_id for change in changes}
            strangers = [pk for pk, org in moves.items() if found_by[pk] not in terms.servers_of.get(org, ())]
            users.move(moves=moves, strangers=strangers, by=by, at=at)
        case Action.SET_ROLES:
            ids_by_name = dict(Role.objects.values_list("name", "pk"))
            wanted = {change.user_id: _role_ids(change, ids_by_name) for change in changes}
            users.set_roles(roles=wanted, by=by, at=at)
        case Action.BLOCK:
            users.block(user_ids=ids, by=by, at=at)
        case Action.DEACTIVATE:
            users.deactivate(user_ids=ids, by=by, at=at)
        case Action.SET_PENDING:
            users.set_pending(user_ids=ids, by=by, at=at)


def _profile(change: Change) -> users.Profile:
    after = change.after
    return users.Profile(after.username, after.email, after.first_name, after.last_name)


def _role_ids(change: Change, ids_by_name: Mapping[str, int]) -> frozenset[int]:
    if gone := change.after.roles - ids_by_name.keys():
        raise Refused(f"there is no role {min(gone)} any more")
    return frozenset(ids_by_name[name] for name in change.after.roles)
