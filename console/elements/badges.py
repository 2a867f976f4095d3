"""Shows states as icon and word, with a tone: colour alone must not carry the meaning."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.elements.icons import lucide
from directory import void_plans
from directory.models import BulkAct, BulkState, Run, RunState, UserOutcome
from directory.status import LineState
from directory.values.plan import Action, Outcome
from directory.values.run_counts import USERS, WARNINGS, RunCount
from orgs.models import Archive, ArchiveState, Device, SetBy, User


@dataclass(frozen=True, slots=True)
class Badge:
    """A word with an icon; ``tone`` is good, bad, warn, info or quiet."""

    text: str | Promise
    icon: str
    tone: str

    def __str__(self) -> str:
        # Templates call ``str`` first, and then check whether the text is markup.
        return self.__html__()

    def __html__(self) -> SafeString:
        return _markup(str(self.text), self.icon, self.tone)


_ICON = {"class": "icon"}


# Cached: there are a few dozen badges, and a page shows hundreds.
@functools.lru_cache(maxsize=1000)
def _markup(text: str, icon: str, tone: str) -> SafeString:
    return format_html(
        '<span class="state state-{}">{}{}</span>', tone, lucide(icon, aria_hidden="true", **_ICON), text
    )


def side_by_side(badges: Iterable[Badge]) -> SafeString:
    """Return the badges in a row that wraps."""
    return SafeString(f'<span class="badges">{"".join(badge.__html__() for badge in badges)}</span>')


_DEACTIVATED_BY = {
    SetBy.SYNC: Badge(_("Deactivated by a sync"), "circle-off", "quiet"),
    SetBy.PERSON: Badge(_("Deactivated by hand"), "circle-off", "quiet"),
    SetBy.NOBODY: Badge(_("Deactivated"), "circle-off", "quiet"),
}
_BLOCKED_BY = {
    SetBy.SYNC: Badge(_("Blocked by a sync"), "ban", "bad"),
    SetBy.PERSON: Badge(_("Blocked by hand"), "ban", "bad"),
    SetBy.NOBODY: Badge(_("Blocked"), "ban", "bad"),
}
ACTIVE = Badge(_("Active"), "circle-check", "good")
PENDING = Badge(_("Deactivation pending"), "hourglass", "warn")
ON_HOLD = Badge(_("On legal hold"), "gavel", "info")
MANAGED_LOCALLY = Badge(_("Managed locally"), "pin", "info")
YES = Badge(_("Yes"), "check", "good")
NO = Badge(_("No"), "x", "quiet")
ENABLED = Badge(_("Enabled"), "circle-check", "good")
DISABLED = Badge(_("Disabled"), "circle-off", "quiet")
OPEN = Badge(_("Open"), "lock", "warn")
CLOSED = Badge(_("Closed"), "lock-open", "quiet")
RELEASED = Badge(_("Released"), "lock-open", "quiet")
STANDARD = Badge(_("Standard, locked"), "lock", "quiet")
CUSTOM = Badge(_("Custom"), "pencil", "info")
SIMULATED = Badge(_("Simulation"), "flask-conical", "info")
REAL = Badge(_("Sync"), "refresh-cw", "quiet")
SIMULATED_UNDO = Badge(_("Simulated undo"), "undo-2", "info")
UNDO = Badge(_("Undo"), "undo-2", "quiet")
HELD_BACK_VOID = Badge(_("held back, void"), "hand", "quiet")
WORKS = Badge(_("works"), "check", "good")
FAILS = Badge(_("fails"), "x", "bad")
OUT_OF_USE = Badge(_("out of use"), "circle-off", "quiet")
WAITS_FOR_APPROVAL = Badge(_("waits for approval"), "user-check", "info")


def user_states(user: User) -> list[Badge]:
    """Return one badge for each state of a user; ``on_hold`` is shown if the query annotated it."""
    states = []
    if not user.active:
        states.append(_DEACTIVATED_BY[SetBy(user.deactivated_by)])
    if user.blocked:
        states.append(_BLOCKED_BY[SetBy(user.blocked_by)])
    if user.pending:
        states.append(PENDING)
    states = states or [ACTIVE]
    if getattr(user, "on_hold", False):
        states.append(ON_HOLD)
    if user.managed_locally:
        states.append(MANAGED_LOCALLY)
    return states


def device_states(device: Device, owner: User | None = None) -> list[Badge]:
    """Return the states of a device; of an active one also whether its ``owner`` is blocked, where that is given."""
    states = []
    if not device.active:
        states.append(
            Badge(_("Deactivated with its user"), "circle-off", "quiet")
            if device.deactivated_with_user
            else _DEACTIVATED_BY[SetBy(device.deactivated_by)]
        )
    if device.blocked:
        states.append(_BLOCKED_BY[SetBy.NOBODY])
    if not device.authorized:
        states.append(Badge(_("Has to sign in again"), "key-round", "warn"))
    if owner is not None and owner.blocked and device.active:
        states.append(Badge(_("User blocked"), "ban", "plain"))
    return states or [ACTIVE]


_ARCHIVE = {
    ArchiveState.LIVE: Badge(ArchiveState.LIVE.label, "circle-check", "good"),
    ArchiveState.COLD_STORAGE: Badge(ArchiveState.COLD_STORAGE.label, "snowflake", "info"),
    ArchiveState.EXPIRED: Badge(ArchiveState.EXPIRED.label, "circle-x", "bad"),
}


def archive_state(archive: Archive) -> Badge:
    """Return the state of an archive."""
    return _ARCHIVE[ArchiveState(archive.state)]


_RUN = {
    RunState.QUEUED: ("clock", "info"),
    RunState.READING: ("loader", "info"),
    RunState.PLANNED: ("clipboard-list", "good"),
    RunState.HELD_BACK: ("hand", "warn"),
    RunState.APPLYING: ("loader", "info"),
    RunState.APPLIED: ("circle-check", "good"),
    RunState.FAILED: ("circle-x", "bad"),
    RunState.CANCELLED: ("circle-slash", "quiet"),
    RunState.DISCARDED: ("trash-2", "quiet"),
}


_INCOMPLETE = {
    RunState.PLANNED: Badge(_("planned, incomplete"), "triangle-alert", "warn"),
    RunState.APPLIED: Badge(_("applied, incomplete"), "triangle-alert", "warn"),
}


def run_state(run: Run) -> Badge:
    """Return the state of a run.

    A run that is held back without a passed limit waits for approval. A plan that was overtaken is void. A run that
    could not check everybody is incomplete.
    """
    state = RunState(run.state)
    if state is RunState.HELD_BACK and void_plans.overtaken_by(run) is not None:
        return HELD_BACK_VOID
    if state is RunState.HELD_BACK and run.approval and not run.held_back:
        return WAITS_FOR_APPROVAL
    if run.incomplete and state in _INCOMPLETE:
        return _INCOMPLETE[state]
    return Badge(state.label, *_RUN[state])


def run_kind(run: Run) -> Badge:
    """Return whether a run is a simulation, a sync, or the undo of one."""
    if run.undo_of_id is not None:
        return SIMULATED_UNDO if run.simulated else UNDO
    return SIMULATED if run.simulated else REAL


_BULK_STATE = {
    BulkState.PREPARED: ("circle-question-mark", "warn"),
    BulkState.QUEUED: ("clock", "info"),
    BulkState.WORKING: ("loader", "info"),
    BulkState.DONE: ("circle-check", "good"),
    BulkState.CANCELLED: ("circle-slash", "quiet"),
    BulkState.FAILED: ("circle-x", "bad"),
}
_USER_OUTCOME = {
    UserOutcome.WAITING: ("clock", "quiet"),
    UserOutcome.DONE: ("circle-check", "good"),
    UserOutcome.BLOCKED_INSTEAD: ("ban", "warn"),
    UserOutcome.LEFT_OUT: ("minus", "quiet"),
    UserOutcome.FAILED: ("circle-x", "bad"),
}


def bulk_state(act: BulkAct) -> Badge:
    """Return the state of an act on many users."""
    return Badge(BulkState(act.state).label, *_BULK_STATE[BulkState(act.state)])


def user_outcome(value: str) -> Badge:
    """Return the badge of what an act came to for one user."""
    return Badge(UserOutcome(value).label, *_USER_OUTCOME[UserOutcome(value)])


_OUTCOME = {
    Outcome.PLANNED: Badge(_("planned"), "clipboard-list", "info"),
    Outcome.UNCHANGED: Badge(_("unchanged"), "minus", "quiet"),
    Outcome.KEPT: Badge(_("kept as is"), "shield", "quiet"),
    Outcome.SCRIPT_ERROR: Badge(_("script error"), "circle-x", "bad"),
    Outcome.CONFLICT: Badge(_("conflict"), "git-fork", "bad"),
    Outcome.WAITING: Badge(_("waiting"), "hourglass", "warn"),
    Outcome.NOT_CHECKED: Badge(_("not checked"), "circle-question-mark", "warn"),
    Outcome.APPLIED: Badge(_("applied"), "circle-check", "good"),
    Outcome.CHANGED_MEANWHILE: Badge(_("changed meanwhile"), "skip-forward", "warn"),
    Outcome.REFUSED: Badge(_("refused"), "ban", "warn"),
}
_ACTION = {
    Action.REACTIVATE: Badge(_("reactivate"), "rotate-ccw", "good"),
    Action.UNBLOCK: Badge(_("unblock"), "lock-open", "good"),
    Action.CLEAR_PENDING: Badge(_("clear pending"), "undo-2", "good"),
    Action.RENAME: Badge(_("rename"), "id-card", "info"),
    Action.PROFILE: Badge(_("update profile"), "pencil", "info"),
    Action.MOVE: Badge(_("move"), "arrow-right-left", "info"),
    Action.SET_ROLES: Badge(_("set roles"), "key-round", "info"),
    Action.BLOCK: Badge(_("block"), "ban", "bad"),
    Action.DEACTIVATE: Badge(_("deactivate"), "circle-off", "bad"),
    Action.SET_PENDING: Badge(_("deactivation pending"), "hourglass", "warn"),
}


def outcome(value: str) -> Badge:
    """Return the badge of an outcome."""
    return _OUTCOME[Outcome(value)]


def action(value: str) -> Badge:
    """Return the badge of a planned action."""
    return _ACTION[Action(value)]


# Counts of neither an outcome nor an action.
_COUNT = {USERS: ("users", "quiet"), WARNINGS: ("triangle-alert", "warn")}


def run_count(count: RunCount) -> Badge:
    """Return the label of a run count, with the icon and tone of the counted outcome or action."""
    if count in _COUNT:
        return Badge(_(count.label), *_COUNT[count])
    of = _OUTCOME[count.outcome] if count.outcome is not None else _ACTION[count.actions[0]]
    return Badge(_(count.label), of.icon, of.tone)


def actions(values: Iterable[str]) -> SafeString:
    """Return the badges of planned actions in a row."""
    return side_by_side(action(value) for value in values)


def outcome_choices() -> list[tuple[str, str]]:
    """Return the outcomes as choices of a filter."""
    return [(key.value, str(badge.text)) for key, badge in _OUTCOME.items()]


def action_choices() -> list[tuple[str, str]]:
    """Return the actions as choices of a filter."""
    return [(key.value, str(badge.text)) for key, badge in _ACTION.items()]


_STATUS = {
    LineState.OK: Badge(_("OK"), "circle-check", "good"),
    LineState.WARNING: Badge(_("Warning"), "triangle-alert", "warn"),
    LineState.PROBLEM: Badge(_("Problem"), "circle-x", "bad"),
}


def status_state(value: LineState) -> Badge:
    """Return the badge of a state on the status page."""
    return _STATUS[value]


def set_by(value: str) -> str:
    """Return in words who set a state."""
    return str(SetBy(value).label) if value else gettext("nobody")
