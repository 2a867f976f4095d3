"""Sighting + account → change: the decision table, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from directory.sync.values import (
    Account,
    Action,
    Cause,
    Change,
    House,
    Identity,
    Known,
    OrgFacts,
    Outcome,
    Presence,
    Sighting,
    Verdict,
)
from orgs.text import fold

OTHER_PERSON = (
    "Conflict: this user's username, but another immutable id and another name or a deactivated user, so perhaps "
    "another person. Nothing changes; if it is the same person, forget the user's match in the data fixes and "
    "synchronize again."
)
MAX_NAME = 255
MAX_EMAIL = 320


@dataclass(slots=True)
class _Draft:
    """A change while it is being thought through."""

    known: Known
    after: Account
    steps: list[str] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown_org: str = ""

    def want(self, action: Action, step: str, **difference: object) -> None:
        """Add an action with the sentence that explains it."""
        self.actions.append(action)
        self.steps.append(step)
        self.after = replace(self.after, **difference)  # type: ignore[arg-type]  # names are those of Account

    def finished(self, cause: Cause = Cause.NONE) -> Change:
        """Return the draft as a change, unchanged when nothing is wanted."""
        return Change(
            user_id=self.known.id,
            outcome=Outcome.PLANNED if self.actions else Outcome.UNCHANGED,
            before=self.known.account,
            after=self.after,
            steps=tuple(self.steps),
            actions=tuple(self.actions),
            cause=cause if self.actions else Cause.NONE,
            warnings=tuple(self.warnings),
            unknown_org=self.unknown_org,
        )

    def untouched(self, outcome: Outcome, step: str) -> Change:
        """Return the draft as a change that leaves the user as they are."""
        return Change(
            user_id=self.known.id,
            outcome=outcome,
            before=self.known.account,
            after=self.known.account,
            steps=(*self.steps, step),
            warnings=tuple(self.warnings),
        )


def decide(known: Known, sighting: Sighting, house: House, *, taken: Collection[str] = ()) -> Change:
    """Return what the directory's word means for one user; ``taken`` are folded usernames of other users."""
    draft = _Draft(known, known.account)
    change = _decide(draft, sighting, house, taken)
    if known.managed_locally and change.actions:
        wanted = ", ".join(change.actions)
        return _Draft(known, known.account, steps=list(change.steps)).untouched(
            Outcome.KEPT, f"Managed locally: nothing changes (the directory asks for: {wanted})."
        )
    return change


def _decide(draft: _Draft, sighting: Sighting, house: House, taken: Collection[str]) -> Change:
    match sighting.presence:
        case Presence.NOT_CHECKED:
            return draft.untouched(Outcome.NOT_CHECKED, f"Not checked: {sighting.reason}. Nothing changes.")
        case Presence.CONFLICT:
            return draft.untouched(Outcome.CONFLICT, f"Conflict: {sighting.reason}. Nothing changes.")
        case Presence.ABSENT:
            draft.steps.append(f"Absent: {sighting.reason}.")
            return _leave(draft, Cause.ABSENT)
        case Presence.FOUND:
            return _found(draft, sighting, house, taken)


def _found(draft: _Draft, sighting: Sighting, house: House, taken: Collection[str]) -> Change:
    identity, verdict = sighting.identity, sighting.verdict
    if identity is None or verdict is None:
        raise ValueError("a found user comes with an identity and a verdict")
    draft.steps.append(f"Found in {sighting.server} by {sighting.matched_by}: {identity.dn}.")
    if sighting.known_id and identity.unique_id != sighting.known_id:
        warning = f"The immutable id was {sighting.known_id} and is now {identity.unique_id or 'missing'}"
        draft.steps.append(f"{warning}.")
        draft.warnings.append(warning)
        if not _same_person(draft.known.account, identity):
            return draft.untouched(Outcome.CONFLICT, OTHER_PERSON)
    if verdict.error is not None:
        return draft.untouched(Outcome.SCRIPT_ERROR, f"{_sentence(str(verdict.error))} Nothing changes.")
    draft.steps.append(f"The active script says {'active' if verdict.active else 'inactive'}.")
    if not verdict.active:
        return _leave(draft, Cause.SCRIPT)
    return _stay(draft, sighting, verdict, house, taken)


def _same_person(account: Account, identity: Identity) -> bool:
    """Tell whether an entry with a user's name and another id is theirs: active, with the same address or full name.

    A username can pass to another person, who must not get the first one's archives; but a directory that was
    restored or moved gives everybody a new id.
    """
    same_address = bool(account.email) and fold(account.email) in map(fold, identity.emails)
    same_name = bool(account.last_name) and fold(f"{account.first_name} {account.last_name}") == fold(
        f"{identity.first_name} {identity.last_name}"
    )
    return account.active and (same_address or same_name)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _leave(draft: _Draft, cause: Cause) -> Change:
    """Inactive or absent: block and deactivate; on legal hold, block and leave the deactivation pending."""
    account = draft.known.account
    said = "absent" if cause is Cause.ABSENT else "found, inactive"
    if not account.active:
        draft.steps.append(f"Rule: {said}, and deactivated already: nothing changes.")
    elif draft.known.on_hold:
        draft.steps.append(f"Rule: {said}, user active and on legal hold: block, deactivation pending.")
        if not account.blocked:
            draft.want(Action.BLOCK, "On legal hold: blocked instead of deactivated.", blocked=True)
        if not account.pending:
            draft.want(Action.SET_PENDING, "Deactivation pending until the release from legal hold.", pending=True)
        if not draft.actions:
            draft.steps.append("Blocked and pending already: nothing changes.")
    else:
        draft.steps.append(f"Rule: {said}, user active and not on hold: block and deactivate.")
        if not account.blocked:
            draft.want(Action.BLOCK, "Blocked: signed out everywhere.", blocked=True)
        draft.want(
            Action.DEACTIVATE,
            "Deactivated: devices too, their archives to cold storage.",
            active=False,
            pending=False,
        )
    return draft.finished(cause)


def _stay(draft: _Draft, sighting: Sighting, verdict: Verdict, house: House, taken: Collection[str]) -> Change:
    """Found and active: undo what a sync did, leave what a person did, then names, org and roles."""
    identity = sighting.identity
    if identity is None:
        raise ValueError("a found user comes with an identity")
    if (kept := _kept(draft, house)) is not None:
        return kept
    draft.steps.append(f"Rule: {_rule(draft.known)}.")
    _bring_back(draft, house)
    if (clash := _profile(draft, identity, taken)) is not None:
        return clash
    org = _org(draft, sighting, verdict, house)
    _roles(draft, sighting, org, verdict, house)
    if not draft.actions:
        draft.steps.append("Already as the directory says: nothing changes.")
    return draft.finished()


def _rule(known: Known) -> str:
    then = "names and email, org and roles follow the directory"
    if not known.account.active:
        by = "a sync" if known.deactivated_by_sync else "a person, which the settings allow to undo"
        return f"found, active, deactivated by {by}: reactivate, then {then}"
    if known.account.blocked:
        by = "a sync" if known.blocked_by_sync else "a person, which the settings allow to undo"
        return f"found, active, blocked by {by}: unblock, nothing pending any more, then {then}"
    return f"found, active: {then}"


def _kept(draft: _Draft, house: House) -> Change | None:
    """A person's deactivation or block stays, unless a setting says otherwise."""
    known, account = draft.known, draft.known.account
    if house.reactivate_set_by_person:
        return None
    if not account.active and not known.deactivated_by_sync:
        return draft.untouched(
            Outcome.KEPT, "Rule: found, active, but deactivated by a person: a sync changes nothing."
        )
    if account.pending and not known.pending_by_sync:
        return draft.untouched(
            Outcome.KEPT, "Rule: found, active, but a person wants the deactivation: a sync changes nothing."
        )
    if account.active and account.blocked and not known.blocked_by_sync:
        if account.pending:
            draft.steps.append("Rule: found, active, blocked by a person: the block stays.")
            draft.want(Action.CLEAR_PENDING, "The deactivation that a sync left pending is off.", pending=False)
            return draft.finished()
        return draft.untouched(Outcome.KEPT, "Rule: found, active, but blocked by a person: a sync changes nothing.")
    return None


def _bring_back(draft: _Draft, house: House) -> None:
    known, account = draft.known, draft.known.account
    if not account.active:
        draft.want(
            Action.REACTIVATE,
            "Reactivated with the devices deactivated at that time; unexpired archives leave cold storage.",
            active=True,
        )
    if account.blocked and (known.blocked_by_sync or house.reactivate_set_by_person):
        by = "a sync" if known.blocked_by_sync else "a person (the settings allow to undo that)"
        draft.want(Action.UNBLOCK, f"Unblocked: the block was set by {by}.", blocked=False)
    elif account.blocked:
        draft.steps.append("Stays blocked: the block was set by a person.")
    if account.pending:
        draft.want(Action.CLEAR_PENDING, "The pending deactivation is off.", pending=False)


def _profile(draft: _Draft, identity: Identity, taken: Collection[str]) -> Change | None:
    """Names and email follow the directory; an attribute that is absent there says nothing."""
    account = draft.known.account
    username = _chosen(account.username, identity.usernames, MAX_NAME)
    if fold(username) == fold(account.username):
        username = account.username
    elif len(fold(username)) > MAX_NAME:
        return draft.untouched(Outcome.CONFLICT, "Conflict: the directory's username is too long. Nothing changes.")
    elif fold(username) in taken:
        return draft.untouched(
            Outcome.CONFLICT,
            f"Conflict: the directory now says {username}, which is another user's username. Nothing changes.",
        )
    else:
        draft.want(Action.RENAME, f"Renamed from {account.username} to {username}.", username=username)
    wanted = {
        "email": _chosen(account.email, identity.emails, MAX_EMAIL),
        "first_name": (identity.first_name or account.first_name)[:MAX_NAME],
        "last_name": (identity.last_name or account.last_name)[:MAX_NAME],
    }
    changed = {name: value for name, value in wanted.items() if value != getattr(account, name)}
    if changed:
        told = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in changed.items())
        draft.want(Action.PROFILE, f"Profile from the directory: {told}.", **changed)
    return None


def _chosen(current: str, values: tuple[str, ...], longest: int) -> str:
    """Of several values the one in use stays, else the first counts; a directory keeps them in no order."""
    if not values:
        return current
    for value in values:
        if fold(value) == fold(current):
            return current
    return values[0][:longest]


def _org(draft: _Draft, sighting: Sighting, verdict: Verdict, house: House) -> OrgFacts:
    account = draft.known.account
    current = house.orgs.get(fold(account.org)) or OrgFacts(account.org_id, account.org)
    if verdict.org_name is None:
        draft.steps.append("The org name script names no org: stays.")
        return current
    draft.steps.append(f"The org name script says {verdict.org_name}.")
    target = house.orgs.get(fold(verdict.org_name))
    if target is None:
        warning = f"There is no org {verdict.org_name}, and a sync creates none: stays in {account.org}"
        draft.steps.append(f"{warning}.")
        draft.warnings.append(warning)
        draft.unknown_org = verdict.org_name[:MAX_NAME]
        return current
    if target.id == account.org_id:
        return current
    if target.synchronized and sighting.server_id not in target.servers:
        # There the next sync would not find this user, and deactivate.
        warning = f"{target.name} does not ask {sighting.server}, where this user is: stays in {account.org}"
        draft.steps.append(f"{warning}.")
        draft.warnings.append(warning)
        return current
    draft.want(Action.MOVE, f"Moved from {account.org} to {target.name}.", org=target.name, org_id=target.id)
    if not target.synchronized:
        warning = f"{target.name} is not synchronized with LDAP: no sync will look after this user there"
        draft.steps.append(f"{warning}.")
        draft.warnings.append(warning)
    return target


def _roles(draft: _Draft, sighting: Sighting, org: OrgFacts, verdict: Verdict, house: House) -> None:
    account = draft.known.account
    if verdict.roles is None:
        draft.steps.append("The role name script leaves roles alone.")
        return
    if verdict.roles:
        draft.steps.append(f"The role name script says {', '.join(verdict.roles)}.")
        wanted = _resolved(draft, sighting, verdict.roles, house)
    else:
        draft.steps.append(f"The role name script returned an empty list: the default roles of {org.name}.")
        # An org's default roles are its own setting; only a role that holds admin needs the server's leave as well.
        leave = house.grantable.get(sighting.server_id, frozenset()) | account.roles
        wanted = org.default_roles - (house.admin_roles - leave)
    if wanted is not None and wanted != account.roles:
        told = ", ".join(
            [f"+ {role}" for role in sorted(wanted - account.roles)]
            + [f"- {role}" for role in sorted(account.roles - wanted)]
        )
        draft.want(Action.SET_ROLES, f"Roles changed: {told}.", roles=wanted)


def _resolved(draft: _Draft, sighting: Sighting, names: tuple[str, ...], house: House) -> frozenset[str] | None:
    """Return the roles that these names stand for, or None when none of them can be given."""
    held = draft.known.account.roles
    grantable = house.grantable.get(sighting.server_id, frozenset())
    wanted = set()
    for name in names:
        role = house.roles.get(fold(name))
        if role is None:
            draft.warnings.append(f"There is no role {name or '(an empty name)'}")
        elif role not in grantable and role not in held:
            draft.warnings.append(f"{sighting.server} may not grant the role {role}")
        else:
            wanted.add(role)
            continue
        draft.steps.append(f"{draft.warnings[-1]}: left out.")
    if not wanted:
        draft.steps.append("No role is left to give, so roles are left alone.")
        return None
    return frozenset(wanted)
