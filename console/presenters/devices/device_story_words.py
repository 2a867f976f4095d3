"""The words and icons for what happened to a device and its archives."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_WORDS: dict[str, tuple[Promise, str]] = {
    "device deactivated": (_("deactivated the device"), "monitor-off"),
    "device reactivated": (_("reactivated the device"), "rotate-ccw"),
    "device put back": (_("put the device back into its state of before"), "undo-2"),
    "device blocked": (_("blocked the device"), "ban"),
    "device unblocked": (_("unblocked the device"), "lock-open"),
    "device deauthorized": (_("deauthorized the device"), "log-out"),
    "device authorized": (_("authorized the device"), "key-round"),
    "device registered": (_("registered the computer"), "monitor-smartphone"),
    "device signed in": (_("signed in on the device"), "log-in"),
    "device deployed": (_("registered the device by a deployment policy"), "monitor-down"),
    "device replaced": (_("put another computer in its place"), "replace"),
    "device took the place of another": (_("put this computer in place of another device"), "replace"),
    "device lost its computer": (_("made its computer a device of its own again"), "monitor-off"),
    "device lost its place": (_("put a newer computer in the place that this one had"), "replace"),
    "files downloaded": (_("downloaded files from its archive"), "download"),
    "restore requested": (_("asked the computer to restore files"), "folder-down"),
    "restore cancelled": (_("cancelled a restore that the computer was asked for"), "circle-x"),
    "restore done": (_("has restored files, as it was asked for"), "folder-check"),
    "restore failed": (_("could not restore files, as it was asked for"), "triangle-alert"),
    "restore expired": (_("ended a restore that the computer did not come for"), "clock"),
    "archive begun": (_("began an empty archive"), "archive"),
    "archive kept longer": (_("kept the archive longer"), "calendar-plus"),
    "archive dates put back": (_("put the dates of the archive back"), "undo-2"),
    "snapshots forgotten": (_("forgot old snapshots of the archive"), "scissors"),
    "archive found damaged": (_("found damage in the archive"), "archive-x"),
    "archive found sound": (_("found the archive sound again"), "archive-restore"),
    "archive expired": (_("let the archive expire"), "circle-x"),
}


def words_of(action: str) -> tuple[str, str]:
    """Return the sentence, without its subject, and the icon of an action of the audit trail."""
    sentence, icon = _WORDS.get(action, (action, "scroll-text"))
    return str(sentence), icon
