"""The words and icons for what runs and people did to a user."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.elements import badges
from directory.values.plan import Action

Words = tuple[str, str, str]

# Sentence, icon and tone of each planned action.
_ACTIONS: dict[Action, tuple[Promise, str, str]] = {
    Action.REACTIVATE: (gettext_lazy("reactivated the user"), "rotate-ccw", ""),
    Action.UNBLOCK: (gettext_lazy("unblocked the user"), "lock-open", ""),
    Action.CLEAR_PENDING: (gettext_lazy("cancelled the pending deactivation"), "calendar-x", ""),
    Action.RENAME: (gettext_lazy("renamed the user"), "id-card", ""),
    Action.PROFILE: (gettext_lazy("updated the profile"), "pencil", ""),
    Action.MOVE: (gettext_lazy("moved the user"), "arrow-right-left", ""),
    Action.SET_ROLES: (gettext_lazy("changed the roles"), "key-round", ""),
    Action.BLOCK: (gettext_lazy("blocked the user"), "ban", "warn"),
    Action.DEACTIVATE: (gettext_lazy("deactivated the user"), "circle-off", "warn"),
    Action.SET_PENDING: (gettext_lazy("left the deactivation pending"), "hourglass", "warn"),
}
# The same for the actions of the audit trail; the planned actions that people do too have their words.
_OF_ENTRIES: dict[str, tuple[Promise, str, str]] = {
    "user created": (gettext_lazy("created the account"), "user-plus", ""),
    "user reactivated": _ACTIONS[Action.REACTIVATE],
    "user unblocked": _ACTIONS[Action.UNBLOCK],
    "pending deactivation cleared": _ACTIONS[Action.CLEAR_PENDING],
    "profile updated": _ACTIONS[Action.PROFILE],
    "user moved": _ACTIONS[Action.MOVE],
    "roles set": _ACTIONS[Action.SET_ROLES],
    "user blocked": _ACTIONS[Action.BLOCK],
    "user deactivated": _ACTIONS[Action.DEACTIVATE],
    "deactivation pending": _ACTIONS[Action.SET_PENDING],
    "managed locally": (gettext_lazy("marked the user as managed locally"), "pin", ""),
    "managed by the directory": (gettext_lazy("let the directory decide again"), "pin-off", ""),
    "password set": (gettext_lazy("set the local password"), "key-square", ""),
    "password forgotten": (gettext_lazy("made Rollcall forget the local password"), "key-square", "warn"),
    "password link mailed": (gettext_lazy("mailed a link to choose a password"), "mail", ""),
    "sessions ended": (gettext_lazy("ended the sessions"), "log-out", ""),
    "second factor set up": (gettext_lazy("set up a second factor"), "shield-check", ""),
    "second factor removed": (gettext_lazy("removed a second factor"), "shield-off", "warn"),
    "second factor reset": (gettext_lazy("reset the second factor"), "shield-off", "warn"),
    "put on legal hold": (gettext_lazy("put the user on legal hold"), "gavel", ""),
    "released from legal hold": (gettext_lazy("released the user from legal hold"), "gavel", ""),
    "username freed": (gettext_lazy("freed the username for another person"), "user-x", ""),
    "notes changed": (gettext_lazy("changed the notes"), "pencil", ""),
    "match forgotten": (gettext_lazy("forgot the match with the directory"), "unlink", ""),
}
_DEVICES = {
    "device deactivated": (gettext_lazy("deactivated"), "monitor-off"),
    "device reactivated": (gettext_lazy("reactivated"), "monitor"),
    "device deauthorized": (gettext_lazy("signed out"), "key-round"),
    "device authorized": (gettext_lazy("authorized"), "key-round"),
    "device blocked": (gettext_lazy("blocked"), "ban"),
    "device unblocked": (gettext_lazy("unblocked"), "lock-open"),
    "device replaced": (gettext_lazy("replaced a computer by"), "replace"),
    "device took the place of another": (gettext_lazy("put in place of another:"), "replace"),
    "device lost its computer": (gettext_lazy("took the computer from"), "monitor-off"),
    "device lost its place": (gettext_lazy("ended the place of"), "replace"),
}
# A sentence names so many devices.
_MOST_NAMED = 3


def of_actions(actions: Sequence[str], *, done: bool) -> Words:
    """Return sentence, icon and tone of a change of a run; ``done`` is whether it was applied."""
    known = [_ACTIONS[Action(action)] for action in actions]
    if not known:
        return _("changed nothing"), "minus", ""
    # The last action is the gravest.
    _verb, icon, tone = known[-1]
    if done:
        return get_text_list([str(verb) for verb, _icon, _tone in known], _("and")), icon, tone
    wanted = ", ".join(str(badges.action(action).text) for action in actions)
    return _("wanted: %(actions)s") % {"actions": wanted}, icon, ""


def of_entries(entries: Collection[tuple[str, str]]) -> Words:
    """Return sentence, icon and tone of one act of a person; ``entries`` are the actions and labels of its audit entries."""
    users = [action for action, _label in entries if action not in _DEVICES]
    parts = [_OF_ENTRIES.get(action, (action, "scroll-text", "")) for action in users]
    sentences = [str(verb) for verb, _icon, _tone in parts]
    devices = [(action, label) for action, label in entries if action in _DEVICES]
    sentences += [
        _of_devices(action, [label for each, label in devices if each == action])
        for action in dict.fromkeys(action for action, _label in devices)
    ]
    if parts:
        _verb, icon, tone = parts[-1]
    else:
        icon, tone = _DEVICES[devices[0][0]][1], ""
    return get_text_list(sentences, _("and")), icon, tone


def _of_devices(action: str, names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        which = get_text_list(list(names), _("and"))
    else:
        which = ngettext("%(count)d device", "%(count)d devices", len(names)) % {"count": len(names)}
    return f"{_DEVICES[action][0]} {which}"
