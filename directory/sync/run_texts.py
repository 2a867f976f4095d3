"""Run → log lines and mails, in the original's form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from directory.sync.stored.not_checked import Unchecked
from directory.values import run_counts
from directory.values.plan import Account, Action, Change
from directory.values.run_counts import DEACTIVATED, NOT_CHECKED, ROLES_CHANGED, USERS
from orgs.text import counted

# The log lines of the original have two names for one count.
_IN_SUMMARY = {ROLES_CHANGED.key: "roleChanges"}


def safe(text: str) -> str:
    """Return text with control characters escaped, so that a value from a directory can't forge a log line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def submitting(org_ids: Sequence[int]) -> str:
    """Return the line that opens a run."""
    return f"DIRSYNC:: Submitting for orgs: , {_ids(org_ids)}"


def undoing(run_id: int, undone: int, *, simulated: bool) -> str:
    """Return the line that opens an undo."""
    return f"DIRSYNC:: Undoing run:{undone} in run:{run_id} simulated:{_FLAGS[simulated]}"


def running(org_id: int, name: str) -> str:
    """Return the line that opens one org."""
    return f"DIRSYNC:: Running for org:{org_id}/{safe(name)}"


def completed(org_id: int, name: str, counts: Mapping[str, int]) -> str:
    """Return the line that closes one org."""
    return f"DIRSYNC:: Completed for org:{org_id}/{safe(name)} {_numbers(counts)}"


def summary(org_ids: Sequence[int], counts: Mapping[str, int], *, simulated: bool) -> str:
    """Return the line with the summary of a run."""
    return (
        f"DIRSYNC:: Summary for orgIds:, {_ids(org_ids)}, {_numbers(counts, renamed=_IN_SUMMARY)}, "
        f"simulated:{_FLAGS[simulated]}"
    )


def incomplete(unchecked: Unchecked, *, simulated: bool) -> str:
    """Return the line about users whom a run could not check because of one LDAP server."""
    return (
        f"DIRSYNC:: Incomplete for server:{safe(unchecked.server) or '-'} users:{unchecked.users} not checked: "
        f"{safe(unchecked.reason)}, simulated:{_FLAGS[simulated]}"
    )


def mail_sent(addresses: Sequence[str], counts: Mapping[str, int], *, simulated: bool) -> str:
    """Return the line that names the recipients of the summary."""
    listed = ", ".join(safe(address) for address in addresses)
    return (
        f"DIRSYNC:: summary email sent to:[{listed}], users:{counts[USERS.key]}, deactivated:{counts[DEACTIVATED.key]}, "
        f"simulated:{_FLAGS[simulated]}"
    )


def subject(user_id: int | None, label: str, org_id: int) -> str:
    """Return the author of a history line; Rollcall itself has the id 0."""
    return f"Subject[{user_id or 0}/{safe(label)}, orgId:{org_id}]"


def history(change: Change, *, author: str, simulated: bool) -> list[str]:
    """Return the history lines of one change, one for each event."""
    return [f"HISTORY:: {author} DIRSYNC:: {words} simulated:{_FLAGS[simulated]}" for words in _events(change)]


def _events(change: Change) -> list[str]:
    before, after = change.before, change.after
    who = f"user:{change.user_id}/{safe(before.username)}"
    org = _org(before)
    actions = set(change.actions)
    lines = []
    if Action.DEACTIVATE in actions:
        lines.append(f"Blocking and deactivating {who} in {org}")
    elif actions & {Action.BLOCK, Action.SET_PENDING}:
        lines.append(f"Blocking {who} in {org}, deactivation pending")
    if Action.REACTIVATE in actions:
        lines.append(f"Activating {who} in {org}")
    elif Action.UNBLOCK in actions:
        lines.append(f"Unblocking {who} in {org}")
    elif Action.CLEAR_PENDING in actions:
        lines.append(f"Clearing pending deactivation of {who} in {org}")
    if Action.RENAME in actions:
        lines.append(f"Renaming {who} to {safe(after.username)} in {org}")
    if Action.PROFILE in actions:
        lines.append(f"Updating profile of {who} in {org}")
    if Action.MOVE in actions:
        lines.append(f"Moving {who} from {org} to {_org(after)}")
    if Action.SET_ROLES in actions:
        lines.append(f"Changing roles of {who} in {org} from {_names(before)} to {_names(after)}")
    return lines


def _org(account: Account) -> str:
    return f"org:{account.org_id}/{safe(account.org)}"


def _names(account: Account) -> str:
    return f"[{', '.join(safe(role) for role in sorted(account.roles))}]"


def _ids(org_ids: Sequence[int]) -> str:
    return f"[{','.join(map(str, org_ids))}]"


def _numbers(counts: Mapping[str, int], *, renamed: Mapping[str, str] | None = None) -> str:
    """Return the counts of a log line; ``renamed`` maps keys of counts to other names in the line."""
    logged = (count.key for count in run_counts.COUNTS if count.in_log)
    return ", ".join(f"{(renamed or {}).get(key, key)}:{counts.get(key, 0)}" for key in logged)


_FLAGS = {True: "true", False: "false"}


def name_of(*, simulated: bool, undone: int | None = None) -> str:
    """Return the name of a kind of run; ``undone`` is the id of the run that it undoes."""
    if undone is not None:
        return f"{'Simulated undo' if simulated else 'Undo'} of run {undone}"
    return "Simulated directory sync" if simulated else "Directory sync"


def mail_subject(kind: str, *, simulated: bool, counts: Mapping[str, int], undone: int | None = None) -> str:
    """Return a mail's subject; ``kind`` is summary, incomplete, held back, approval or failed."""
    name = name_of(simulated=simulated, undone=undone)
    if kind == "approval":
        return f"{name} waits for approval"
    if kind not in {"summary", "incomplete"}:
        return f"{name} {kind}"
    changed = sum(counts.get(count.key, 0) for count in run_counts.COUNTS if count.in_subject)
    done = f"{counted(counts.get(USERS.key, 0), 'user', 'users')}, {counted(changed, 'change', 'changes')}"
    if kind == "incomplete":
        return f"{name} incomplete: {done}, {counts.get(NOT_CHECKED.key, 0)} not checked"
    return f"{name}: {done}"


def mail_body(
    *, opening: str, counts: Mapping[str, int], org_lines: Sequence[str], warnings: Sequence[str], where: str
) -> str:
    """Return a mail's text: what happened, the counts, the orgs, the warnings, and ``where``, the URL of the page."""
    parts = [opening, ""]
    parts += [f"{count.in_mail or count.label}: {counts.get(count.key, 0)}" for count in run_counts.COUNTS]
    if org_lines:
        parts += ["", "By org:", *(f"  {safe(line)}" for line in org_lines)]
    if warnings:
        parts += ["", "To look at:", *(f"  - {safe(line)}" for line in warnings)]
    return "\n".join([*parts, "", where, ""])
