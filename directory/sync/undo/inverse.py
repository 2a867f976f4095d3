"""Change of a run + present user → the inverse change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.sync.plan.rules.undo_devices_archives import put_back_devices_archives
from directory.values.plan import Account, Action, Change, Outcome, StoredUser
from orgs.text import fold

PROFILE = ("email", "first_name", "last_name")
_WHO = {"sync": "a sync", "person": "a person"}
_WORDS = {
    "first_name": "first name",
    "last_name": "last name",
    "pending": "deactivation pending",
    "deactivated_by": "deactivated by",
    "deactivated_at": "deactivated at",
    "blocked_by": "blocked by",
    "blocked_at": "blocked at",
    "pending_by": "deactivation wanted by",
    "pending_at": "deactivation pending since",
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did to one user: the account before and after, and the side effects."""

    run_id: int
    actions: tuple[str, ...]
    before: Account
    after: Account
    side_effects: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PresentState:
    """The present state: active orgs by id, role names, and whether another user has the old username.

    ``states``, ``devices`` and ``archives`` are the user's own, as JSON of a snapshot.
    """

    at: datetime
    orgs: Mapping[int, str]
    roles: Collection[str]
    states: Mapping[str, Any]
    devices: Mapping[str, Mapping[str, Any]]
    archives: Mapping[str, Mapping[str, Any]]
    name_is_taken: bool = False


def decide(user: StoredUser, done: Done, present: PresentState) -> tuple[Change, dict[str, Any]]:
    """Return the inverse change for a user, and what it puts back beside the account."""
    builder = ChangeBuilder(user, user.account, steps=[f"Run {done.run_id} did this: {', '.join(done.actions)}."])
    if user.managed_locally:
        return builder.untouched(Outcome.KEPT, "Managed locally since: nothing is put back."), {}
    if not done.side_effects:
        step = "Applied before Rollcall noted what an undo needs: nothing can be put back."
        return builder.untouched(Outcome.REFUSED, step), {}
    left = done.side_effects["states"]
    if not _differences(done.before, user.account, left["before"], present.states):
        return builder.untouched(Outcome.KEPT, "As it was before that run already: nothing to put back."), {}
    if changed := _differences(done.after, user.account, left["after"], present.states):
        differences = "; ".join(changed)
        return builder.untouched(
            Outcome.CHANGED_MEANWHILE, f"Changed meanwhile: {differences}. Nothing is put back."
        ), {}
    states = _states(builder, done, left["before"])
    _profile(builder, done, taken=present.name_is_taken)
    _org(builder, done, present)
    grants = _roles(builder, done, present)
    if not builder.actions:
        return builder.untouched(Outcome.REFUSED, "Nothing can be put back."), {}
    devices_archives = put_back_devices_archives(
        builder, done.side_effects, devices=present.devices, archives=present.archives, at=present.at
    )
    return builder.finished(), {
        "states_now": dict(present.states),
        "states": states,
        "grants": grants,
        **devices_archives,
    }


def _differences(left: Account, now: Account, left_states: Mapping[str, Any], states: Mapping[str, Any]) -> list[str]:
    """Return the fields that differ, with both values; an org that was only renamed does not count."""
    same_org = left.org_id == now.org_id
    differences = []
    for name in (field.name for field in fields(Account)):
        then, here = getattr(left, name), getattr(now, name)
        if name != "org_id" and then != here and not (name == "org" and same_org):
            differences.append(f"{_WORDS.get(name, name)} was {_shown(then)} and is {_shown(here)}")
    if not differences:
        differences = [
            f"{_WORDS[name]} was {_shown(then)} and is {_shown(states.get(name))}"
            for name, then in left_states.items()
            if then != states.get(name)
        ]
    return differences


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    return _WHO.get(value, str(value)) if value else "none"


def _states(builder: ChangeBuilder, done: Done, before: Mapping[str, Any]) -> dict[str, Any]:
    """Put active, blocked and pending back, as far as the present legal hold allows; return who had set them."""
    target, remembered = _as_the_hold_demands(builder, done.before, before)
    now = builder.user.account
    if target.active and not now.active:
        builder.add(Action.REACTIVATE, "Active again, as before.", active=True)
    if now.blocked and not target.blocked:
        builder.add(Action.UNBLOCK, "Unblocked, as before.", blocked=False)
    if now.pending and not target.pending and target.active:
        builder.add(Action.CLEAR_PENDING, "No deactivation is pending, as before.", pending=False)
    if target.blocked and not now.blocked:
        builder.add(Action.BLOCK, f"Blocked, {_by(remembered, 'blocked')}.", blocked=True)
    if now.active and not target.active:
        step = f"Deactivated, {_by(remembered, 'deactivated')}."
        builder.add(Action.DEACTIVATE, step, active=False, pending=False)
    if target.pending and not now.pending:
        builder.add(Action.SET_PENDING, f"Deactivation pending, {_by(remembered, 'pending')}.", pending=True)
    return remembered


def _by(remembered: Mapping[str, Any], state: str) -> str:
    who = _WHO.get(remembered.get(f"{state}_by", ""), "nobody")
    since = remembered.get(f"{state}_at")
    return f"set by {who} on {since[:10]}, as before" if since else f"put down to {who}, from now on"


def _as_the_hold_demands(
    builder: ChangeBuilder, before: Account, states: Mapping[str, Any]
) -> tuple[Account, dict[str, Any]]:
    """Return the states to go back to, and who had set them; a legal hold that has begun or ended since changes both."""
    on_hold = builder.user.on_hold
    if not before.active and on_hold and builder.user.account.active:
        builder.steps.append("On legal hold now: blocked instead of deactivated, and the deactivation is pending.")
        by = states["deactivated_by"]
        blocked = {"blocked_by": states["blocked_by"] or by}
        if states["blocked_at"]:
            blocked["blocked_at"] = states["blocked_at"]
        return replace(before, active=True, blocked=True, pending=True), {**blocked, "pending_by": by}
    if before.pending and not builder.user.account.pending and not on_hold:
        builder.steps.append("On legal hold no longer: the deactivation that was pending is carried out.")
        blocked = {name: states[name] for name in ("blocked_by", "blocked_at")}
        return replace(before, active=False, pending=False), {**blocked, "deactivated_by": states["pending_by"]}
    return before, dict(states)


def _profile(builder: ChangeBuilder, done: Done, *, taken: bool) -> None:
    now, before = builder.user.account, done.before
    # The same username in another letter case stays.
    same = fold(before.username) == fold(now.username)
    fields = ("username", *PROFILE) if same else PROFILE
    if not same:
        if taken:
            _can_not(builder, f"The username {before.username} is another user's now: stays {now.username}")
        else:
            step = f"Renamed back from {now.username} to {before.username}."
            builder.add(Action.RENAME, step, username=before.username)
    changed = {name: getattr(before, name) for name in fields if getattr(before, name) != getattr(now, name)}
    if changed:
        values = "; ".join(f"{_WORDS.get(name, name)} {value or 'empty'}" for name, value in changed.items())
        builder.add(Action.PROFILE, f"Profile as before: {values}.", **changed)


def _org(builder: ChangeBuilder, done: Done, present: PresentState) -> None:
    now, before = builder.user.account, done.before
    if before.org_id == now.org_id:
        return
    name = present.orgs.get(before.org_id)
    if name is None:
        _can_not(builder, f"The org {before.org} is not active any more: stays in {now.org}")
    else:
        builder.add(Action.MOVE, f"Moved back from {now.org} to {name}.", org=name, org_id=before.org_id)


def _roles(builder: ChangeBuilder, done: Done, present: PresentState) -> dict[str, Any]:
    """Put roles back, without those that are gone; return who had granted the roles that come back, and when."""
    current_roles, before = builder.user.account.roles, done.before.roles
    if current_roles == before:
        return {}
    there = frozenset(present.roles)
    for gone in sorted(before - there):
        _can_not(builder, f"There is no role {gone} any more: left out")
    restored = before & there
    if before and not restored:
        _can_not(builder, "No role is left to give back: roles stay as they are")
        return {}
    if restored == current_roles:
        return {}
    differences = [f"+ {role}" for role in sorted(restored - current_roles)] + [
        f"- {role}" for role in sorted(current_roles - restored)
    ]
    builder.add(Action.SET_ROLES, f"Roles as before: {', '.join(differences)}.", roles=restored)
    return {role: grant for role, grant in done.side_effects["grants"].items() if role in restored - current_roles}


def _can_not(builder: ChangeBuilder, warning: str) -> None:
    builder.steps.append(f"{warning}.")
    builder.warnings.append(warning)
