"""Lookup result + account → change: the decision table, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Collection

from directory.sync.identify.same_person import KnownPerson, Likeness, likeness
from directory.sync.plan.rules import profile_org_roles
from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.values.ldap import Identity
from directory.values.plan import (
    Account,
    Action,
    Cause,
    Change,
    LookupResult,
    MatchedBy,
    Outcome,
    PlanContext,
    Presence,
    StoredUser,
)
from directory.values.scripts import ANOTHER_PERSON, Verdict

OTHER_PERSON = (
    "Conflict: this user's username, but not the immutable id, and names or a deactivation that leave open whether it is "
    f"the same person. Nothing changes. If it is another person, press {ANOTHER_PERSON} on the user's page; if it is the "
    "same person, forget the user's match in the data fixes and synchronize again."
)


def decide(
    user: StoredUser, lookup_result: LookupResult, context: PlanContext, *, taken: Collection[str] = ()
) -> Change:
    """Return the change for one user; ``taken`` are folded usernames that belong to other users."""
    builder = ChangeBuilder(user, user.account)
    change = _decide(builder, lookup_result, context, taken)
    if user.managed_locally and change.actions:
        actions = ", ".join(change.actions)
        return ChangeBuilder(user, user.account, steps=list(change.steps)).untouched(
            Outcome.KEPT, f"Managed locally: nothing changes (the directory asks for: {actions})."
        )
    return change


def needs_confirmation(change: Change, context: PlanContext) -> bool:
    """Return whether a change cuts a user off or gives power, so that it needs a second look."""
    granted = change.after.roles - change.before.roles
    return change.cause is not Cause.NONE or bool(granted & context.powerful_roles)


def _decide(
    builder: ChangeBuilder, lookup_result: LookupResult, context: PlanContext, taken: Collection[str]
) -> Change:
    match lookup_result.presence:
        case Presence.NOT_CHECKED:
            return builder.untouched(Outcome.NOT_CHECKED, f"Not checked: {lookup_result.reason}. Nothing changes.")
        case Presence.NOT_LOOKED_FOR:
            return builder.untouched(Outcome.UNCHANGED, f"Not looked for: {lookup_result.reason}. Nothing changes.")
        case Presence.CONFLICT:
            return builder.untouched(Outcome.CONFLICT, f"Conflict: {lookup_result.reason}. Nothing changes.")
        case Presence.ABSENT:
            builder.steps.append(f"Absent: {lookup_result.reason}.")
            builder.steps += lookup_result.proofs
            _name_others(builder, lookup_result)
            return _absent(builder, lookup_result)
        case Presence.FOUND:
            return _found(builder, lookup_result, context, taken)


def _found(builder: ChangeBuilder, lookup_result: LookupResult, context: PlanContext, taken: Collection[str]) -> Change:
    identity, verdict = lookup_result.identity, lookup_result.verdict
    if identity is None or verdict is None:
        raise ValueError("a found user comes with an identity and a verdict")
    builder.steps.append(f"Found in {lookup_result.server} by {lookup_result.matched_by}: {identity.dn}.")
    if lookup_result.known_id and lookup_result.matched_by != MatchedBy.ID:
        warning = f"The immutable id was {lookup_result.known_id} and is now {identity.unique_id or 'missing'}"
        builder.steps.append(f"{warning}.")
        builder.warnings.append(warning)
        if not _same_person(builder.user.account, identity):
            return builder.untouched(Outcome.CONFLICT, OTHER_PERSON)
    if lookup_result.ways:
        builder.steps.append(lookup_result.ways)
    builder.steps += lookup_result.proofs
    if verdict.error is not None:
        return builder.untouched(Outcome.SCRIPT_ERROR, f"{_sentence(str(verdict.error))} Nothing changes.")
    builder.steps.append(f"The active script says {'active' if verdict.active else 'inactive'}.")
    if not verdict.active:
        return _leave(builder, Cause.SCRIPT)
    return _stay(builder, lookup_result, verdict, context, taken)


def _same_person(account: Account, identity: Identity) -> bool:
    person = KnownPerson(account.first_name, account.last_name, account.active)
    return likeness(person, identity) is Likeness.SAME


def _name_others(builder: ChangeBuilder, lookup_result: LookupResult) -> None:
    """Name the other people who have the username of an absent user now."""
    for who in lookup_result.namesakes:
        name = f"{who.first_name} {who.last_name}".strip()
        warning = f"Another person with this username: {who.dn}{f' ({name})' if name else ''}"
        builder.steps.append(
            f'{warning}. They get nothing of this account; "Another person" frees the username for them.'
        )
        builder.warnings.append(warning)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _absent(builder: ChangeBuilder, lookup_result: LookupResult) -> Change:
    """Deactivate, unless the absence grace is not over, or the user was last found on a server outside the org's list."""
    steps = list(builder.steps)
    change = _leave(builder, Cause.ABSENT)
    if not change.actions or not (lookup_result.waits or lookup_result.elsewhere):
        return change
    waiting = ChangeBuilder(builder.user, builder.user.account, steps=steps, warnings=builder.warnings)
    if lookup_result.elsewhere:
        return waiting.untouched(Outcome.NOT_CHECKED, f"Not checked: {lookup_result.elsewhere}. Nothing changes.")
    return waiting.untouched(Outcome.WAITING, f"Waits: {lookup_result.waits}. Nothing changes yet.")


def _leave(builder: ChangeBuilder, cause: Cause) -> Change:
    """Inactive or absent: block and deactivate; on legal hold, block and leave the deactivation pending."""
    account = builder.user.account
    finding = "absent" if cause is Cause.ABSENT else "found, inactive"
    if not account.active:
        builder.steps.append(f"Rule: {finding}, and deactivated already: nothing changes.")
    elif builder.user.on_hold:
        builder.steps.append(f"Rule: {finding}, user active and on legal hold: block, deactivation pending.")
        if not account.blocked:
            builder.add(Action.BLOCK, "On legal hold: blocked instead of deactivated.", blocked=True)
        if not account.pending:
            builder.add(Action.SET_PENDING, "Deactivation pending until the release from legal hold.", pending=True)
        if not builder.actions:
            builder.steps.append("Blocked and pending already: nothing changes.")
    else:
        builder.steps.append(f"Rule: {finding}, user active and not on hold: block and deactivate.")
        if not account.blocked:
            builder.add(Action.BLOCK, "Blocked: signed out everywhere.", blocked=True)
        builder.add(
            Action.DEACTIVATE,
            "Deactivated: devices too, their archives to cold storage.",
            active=False,
            pending=False,
        )
    return builder.finished(cause)


def _stay(
    builder: ChangeBuilder, lookup_result: LookupResult, verdict: Verdict, context: PlanContext, taken: Collection[str]
) -> Change:
    """Found and active: undo the states that a sync set, keep those that a person set, then names, org and roles."""
    identity = lookup_result.identity
    if identity is None:
        raise ValueError("a found user comes with an identity")
    if (kept := _kept(builder, context)) is not None:
        return kept
    builder.steps.append(f"Rule: {_rule(builder.user)}.")
    _bring_back(builder, context)
    if (clash := profile_org_roles.profile(builder, identity, taken)) is not None:
        return clash
    org = profile_org_roles.org(builder, lookup_result, verdict, context)
    if org is not None:
        profile_org_roles.roles(builder, lookup_result, org, verdict, context)
    if not builder.actions:
        builder.steps.append("Already as the directory says: nothing changes.")
    return builder.finished()


def _rule(user: StoredUser) -> str:
    then = "names and email, org and roles follow the directory"
    if not user.account.active:
        by = "a sync" if user.deactivated_by_sync else "a person, which the settings allow to undo"
        return f"found, active, deactivated by {by}: reactivate, then {then}"
    if user.account.blocked:
        by = "a sync" if user.blocked_by_sync else "a person, which the settings allow to undo"
        return f"found, active, blocked by {by}: unblock, nothing pending any more, then {then}"
    return f"found, active: {then}"


def _kept(builder: ChangeBuilder, context: PlanContext) -> Change | None:
    """Return the change that keeps a person's deactivation or block, or None; a setting allows a sync to undo those."""
    user, account = builder.user, builder.user.account
    if context.reactivate_set_by_person:
        return None
    if not account.active and not user.deactivated_by_sync:
        return builder.untouched(
            Outcome.KEPT, "Rule: found, active, but deactivated by a person: a sync changes nothing."
        )
    if account.pending and not user.pending_by_sync:
        return builder.untouched(
            Outcome.KEPT, "Rule: found, active, but a person wants the deactivation: a sync changes nothing."
        )
    if account.active and account.blocked and not user.blocked_by_sync:
        if account.pending:
            builder.steps.append("Rule: found, active, blocked by a person: the block stays.")
            builder.add(Action.CLEAR_PENDING, "The deactivation that a sync left pending is off.", pending=False)
            return builder.finished()
        return builder.untouched(Outcome.KEPT, "Rule: found, active, but blocked by a person: a sync changes nothing.")
    return None


def _bring_back(builder: ChangeBuilder, context: PlanContext) -> None:
    user, account = builder.user, builder.user.account
    if not account.active:
        builder.add(
            Action.REACTIVATE,
            "Reactivated with the devices deactivated at that time; unexpired archives leave cold storage.",
            active=True,
        )
    if account.blocked and (user.blocked_by_sync or context.reactivate_set_by_person):
        by = "a sync" if user.blocked_by_sync else "a person (the settings allow to undo that)"
        builder.add(Action.UNBLOCK, f"Unblocked: the block was set by {by}.", blocked=False)
    elif account.blocked:
        builder.steps.append("Stays blocked: the block was set by a person.")
    if account.pending:
        builder.add(Action.CLEAR_PENDING, "The pending deactivation is off.", pending=False)
