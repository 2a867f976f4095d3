"""Applies stored changes in batches of one transaction; each change is checked again before it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from directory.models import RunChange
from directory.models.jsontext import as_text
from directory.sync.apply.undone_side_effects import put_back_beside_accounts
from directory.sync.plan.rules import preconditions, undo_devices_archives
from directory.sync.plan.rules.preconditions import Now, Relied
from directory.sync.stored import plan_json, side_effects
from directory.sync.stored.side_effects import SideEffectSnapshot
from directory.values.plan import Account, Action, Change, Outcome, StoredUser
from orgs.actions import locks
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, org_moves, pending_deactivation, role_grants, user_profiles
from orgs.bulk_writes import update_rows
from orgs.models import Role, User
from orgs.rules.actors import Actor
from orgs.text import fold

FOR_PEOPLE = ("steps", "warnings", "side_effects")

Load = Callable[[Collection[int]], Mapping[int, StoredUser]]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which the changes of a run are made: the actor, how users are loaded, what the plan relies on.

    ``load`` returns users as values and keeps their rows locked. ``with_devices`` reactivates devices with their users.
    """

    by: Actor
    load: Load
    relied: Relied
    with_devices: bool = True

    @property
    def undo(self) -> bool:
        """Whether the run is an undo."""
        return self.relied.undo


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes that are made in one transaction, by the ids of their rows, with the locked present state."""

    terms: Terms
    now: Now
    at: datetime
    changes: Mapping[int, Change]


def waiting(run_id: int, *, size: int, after: int = 0) -> list[RunChange]:
    """Return the next changes of a plan that are still to be made, and those that pass usernames on to them.

    They come in the order of their ids, with those that pass usernames on at the end. All changes up to the id
    ``after`` have been made, so that the database does not read them again for each batch.
    """
    # Columns that only people read are loaded later, for the rows that get a further step.
    planned = RunChange.objects.filter(run=run_id, outcome=Outcome.PLANNED).in_order().defer(*FOR_PEOPLE)
    found = {row.pk: row for row in planned.filter(pk__gt=after)[:size]}
    new = list(found.values())
    while new:
        names = {fold(row.after["username"]) for row in new if Action.RENAME in row.actions}
        included = {row.user_id for row in found.values() if row.user_id is not None}
        owners = User.objects.filter(username_key__in=names).exclude(pk__in=included).values("pk")
        new = list(planned.filter(user__in=owners)) if names else []
        found.update((row.pk, row) for row in new)
    return list(found.values())


def batch(changes: Sequence[RunChange], *, terms: Terms, now: Now, at: datetime) -> None:
    """Apply these changes and note the outcome of each, in the caller's transaction; ``now`` is the present state."""
    stored_users = terms.load([row.user_id for row in changes if row.user_id is not None])
    before = _snapshots([row for row in changes if row.user_id in stored_users])
    batch = ChangeBatch(
        terms, now, at, {row.pk: plan_json.change_from_row(row) for row in changes if row.user_id in stored_users}
    )
    objections = {row.pk: reason for row in changes if (reason := _objection(row, stored_users, before, batch))}
    same = [row for row in changes if row.pk not in objections]
    if terms.undo:
        for row in same:
            _leave_out_what_has_changed(
                row, before[row.user_id or 0], on_hold=stored_users[row.user_id or 0].on_hold, at=at
            )
    for row in changes:
        row.outcome = Outcome.CHANGED_MEANWHILE
    with locks.holding(stored_users):
        _make(same, batch)
    found = _side_effects([row for row in changes if row.outcome == Outcome.APPLIED], before)
    when = connection.ops.adapt_datetimefield_value(at)
    fared = {
        row.pk: {"outcome": row.outcome, "applied_at": when, "side_effects": found.get(row.pk, {})} for row in changes
    }
    update_rows(RunChange, fared, columns=["outcome", "applied_at", "side_effects"])
    _note_objections(objections)


def _note_objections(objections: Mapping[int, str]) -> None:
    """Add to the steps of changes (by id) why they were not applied."""
    stored = dict(RunChange.objects.filter(pk__among=objections).values_list("pk", "steps")) if objections else {}
    rows = {pk: {"steps": as_text([*steps, f"Changed meanwhile: {objections[pk]}."])} for pk, steps in stored.items()}
    update_rows(RunChange, rows, columns=["steps"])


def _snapshots(changes: Sequence[RunChange]) -> dict[int, SideEffectSnapshot]:
    """Return snapshots of what the users of these changes have beside their accounts, by user id."""
    return side_effects.read({row.user_id: row.actions for row in changes if row.user_id is not None})


def _side_effects(changes: Sequence[RunChange], before: Mapping[int, SideEffectSnapshot]) -> dict[int, dict[str, Any]]:
    """Return the side effects of each change by its id, for an undo."""
    after = {**before, **_snapshots([row for row in changes if side_effects.has_side_effects(row.actions)])}
    users_by_change = {row.pk: row.user_id or 0 for row in changes}
    return {pk: side_effects.between(before[user], after[user]) for pk, user in users_by_change.items()}


def _objection(
    row: RunChange, stored_users: Mapping[int, StoredUser], before: Mapping[int, SideEffectSnapshot], batch: ChangeBatch
) -> str:
    """Return why a change can't be made as it was planned; empty if it can."""
    user, change = stored_users.get(row.user_id or 0), batch.changes.get(row.pk)
    if user is None or change is None:
        return "the user has been deleted"
    if user.account != change.before:
        return f"the user has changed since the plan was made ({_differences(user.account, change.before)})"
    if user.managed_locally:
        return "the user is managed locally by now"
    if plan_json.facts_to_json(user) != row.facts:
        return "who set the user's state, or the legal hold, has changed since the plan was made"
    if batch.terms.undo and before[user.id].states != row.put_back["states_now"]:
        return "the user's state was set anew since the plan was made"
    return preconditions.objection(change, row.server_id, batch.terms.relied, batch.now)


def _differences(account: Account, planned: Account) -> str:
    names = [name for name in Account.__slots__ if getattr(account, name) != getattr(planned, name)]
    return ", ".join(name.replace("_", " ") for name in names if name != "org_id")


def _leave_out_what_has_changed(row: RunChange, now: SideEffectSnapshot, *, on_hold: bool, at: datetime) -> None:
    """Take devices and archives that can't be put back any more out of an undo's change, and add the reasons to it."""
    possible, problems = undo_devices_archives.still_possible(
        row.put_back, devices=now.devices, archives=now.archives, at=at, on_hold=on_hold
    )
    row.put_back |= possible
    if new := [problem for problem in problems if problem not in row.warnings]:
        row.steps, row.warnings = [*row.steps, *(f"{problem}." for problem in new)], [*row.warnings, *new]
        row.save(update_fields=["steps", "warnings"])


def _make(changes: Sequence[RunChange], batch: ChangeBatch) -> None:
    """Make all changes at once; if a rule forbids one, split them into halves again and again to find it.

    Users who pass usernames on to each other stay together as long as possible.
    """
    if not changes:
        return
    try:
        with transaction.atomic():
            _write(changes, batch)
    except (Refused, IntegrityError, DataError) as error:
        if len(changes) > 1:
            for half in _halves(changes):
                _make(half, batch)
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


def _halves(changes: Sequence[RunChange]) -> list[list[RunChange]]:
    """Return the changes in two parts; users who pass usernames on to each other stay in one part.

    A single such group is cut in two: the user who gives a username up comes before the user who gets it.
    """
    groups = _groups(changes)
    if len(groups) == 1:
        groups = [[row] for row in groups[0]]
    middle = len(groups) // 2
    return [[row for group in part for row in group] for part in (groups[:middle], groups[middle:])]


def _groups(changes: Sequence[RunChange]) -> list[list[RunChange]]:
    """Return the changes in groups of users who pass usernames on to each other."""
    owners = {fold(row.before["username"]): row for row in changes if Action.RENAME in row.actions}
    group_of = {row.pk: [row] for row in changes}
    for row in owners.values():
        owner = owners.get(fold(row.after["username"]))
        if owner is not None and group_of[owner.pk] is not group_of[row.pk]:
            # The user who gives the username up comes first, in case the changes are made one by one.
            joined = [*group_of[owner.pk], *group_of[row.pk]]
            group_of.update((each.pk, joined) for each in joined)
    return list({id(group): group for group in group_of.values()}.values())


def _write(stored: Sequence[RunChange], batch: ChangeBatch) -> None:
    changes = [batch.changes[row.pk] for row in stored]
    found_by = {row.user_id: row.server_id for row in stored}
    signed_out: set[int] = set()
    for action in Action:
        mine = [change for change in changes if action in change.actions]
        if mine:
            _do(action, mine, found_by, signed_out, batch)
    if batch.terms.undo:
        put_back_beside_accounts(stored, by=batch.terms.by, at=batch.at)


def _do(
    action: Action,
    changes: Sequence[Change],
    found_by: Mapping[int | None, int | None],
    signed_out: set[int],
    batch: ChangeBatch,
) -> None:
    """Do one action for these users; ``signed_out`` collects users whose sessions have ended, for the actions after it."""
    terms, at = batch.terms, batch.at
    ids, by = [change.user_id for change in changes], terms.by
    match action:
        case Action.REACTIVATE:
            # An undo puts devices back one by one, as they were.
            deactivation.reactivate(user_ids=ids, by=by, at=at, with_devices=terms.with_devices and not terms.undo)
        case Action.UNBLOCK:
            blocking.unblock(user_ids=ids, by=by, at=at)
        case Action.CLEAR_PENDING:
            pending_deactivation.clear_pending(user_ids=ids, by=by, at=at)
        case Action.RENAME | Action.PROFILE:
            profiles = {change.user_id: _profile(change) for change in changes}
            user_profiles.update_profiles(profiles=profiles, by=by, at=at)
        case Action.MOVE:
            moves = {change.user_id: change.after.org_id for change in changes}
            strangers = (
                [] if terms.undo else [pk for pk, org in moves.items() if found_by[pk] not in batch.now.servers_of(org)]
            )
            ending = {change.user_id for change in changes if Action.SET_ROLES in change.actions}
            moved = org_moves.move(moves=moves, strangers=strangers, ending_sessions_of=ending, by=by, at=at)
            signed_out |= moved & ending
        case Action.SET_ROLES:
            ids_by_name = dict(Role.objects.values_list("name", "pk"))
            role_ids = {change.user_id: _role_ids(change, ids_by_name) for change in changes}
            role_grants.set_roles(roles=role_ids, sessions_ended_of=signed_out, by=by, at=at)
        case Action.BLOCK:
            blocking.block(user_ids=ids, by=by, at=at)
        case Action.DEACTIVATE:
            deactivation.deactivate(user_ids=ids, by=by, at=at)
        case Action.SET_PENDING:
            pending_deactivation.set_pending(user_ids=ids, by=by, at=at)


def _profile(change: Change) -> user_profiles.Profile:
    after = change.after
    return user_profiles.Profile(after.username, after.email, after.first_name, after.last_name)


def _role_ids(change: Change, ids_by_name: Mapping[str, int]) -> frozenset[int]:
    if gone := change.after.roles - ids_by_name.keys():
        raise Refused(f"there is no role {min(gone)} any more")
    return frozenset(ids_by_name[name] for name in change.after.roles)
