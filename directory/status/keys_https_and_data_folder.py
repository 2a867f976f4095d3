"""Checks what keeps Rollcall safe: the keys, HTTPS, and the data folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.status.lines import Line, LineState

_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
HSTS_LEAST = 30 * 24 * 3600


def look() -> list[Line]:
    """Return the status lines of settings, keys, HTTPS and the data folder."""
    return [*dangers(), _keys(), _https(), _folder()]


def _folder() -> Line:
    """Check who may read the data folder, which has password hashes, the entries of the directory and keys."""
    title, folder = _("Data folder"), settings.VAR
    own, mode = folder.stat().st_uid == os.geteuid(), stat.S_IMODE(folder.stat().st_mode)
    values = {"folder": folder, "mode": f"{mode:04o}"}
    if not own:
        fact = _("%(folder)s belongs to another user than the one that runs Rollcall (mode %(mode)s).") % values
        return Line(title, LineState.WARNING, fact, _("Give it to that user: chown -R."))
    if mode & _FOR_OTHERS:
        fact = _("Others than its owner may look into %(folder)s (mode %(mode)s).") % values
        return Line(title, LineState.PROBLEM, fact, _("Run chmod -R go= on it."))
    if open_to_others := sorted(
        path.name for path in folder.iterdir() if path.lstat().st_mode & _FOR_OTHERS and _is_kept(path)
    ):
        fact = _("Modes of %(files)s in %(folder)s are open to others.") % (
            values | {"files": ", ".join(open_to_others[:5])}
        )
        return Line(title, LineState.WARNING, fact, _("Run chmod -R go= on it."))
    return Line(title, LineState.OK, _("Only its owner may look into %(folder)s (mode %(mode)s).") % values)


def _is_kept(path: Path) -> bool:
    # A link's own mode has no meaning.
    return not path.is_symlink()


def dangers() -> list[Line]:
    """Return the warnings about settings that only a trial installation may have."""
    if not settings.DEBUG:
        return []
    advice = _("Unset DEBUG: pages of errors show settings and data to everyone.")
    return [Line("DEBUG", LineState.PROBLEM, _("DEBUG is on."), advice)]


def _keys() -> Line:
    title = _("Encryption keys")
    if count := len(settings.ENCRYPTION_KEYS):
        fact = ngettext(
            "One key of your own (ENCRYPTION_KEYS).",
            "%(count)d keys of your own (ENCRYPTION_KEYS); the first encrypts, all decrypt.",
            count,
        )
        return Line(title, LineState.OK, fact % {"count": count})
    kept = settings.VAR / "secret_key"
    if kept.exists() and kept.read_text("ascii").strip() == settings.SECRET_KEY:
        fact = _("Made from the secret key that the first start put into the data folder: keep a copy of that file.")
    else:
        fact = _("Made from your SECRET_KEY.")
    return Line(title, LineState.OK, fact)


def _https() -> Line:
    title = _("HTTPS")
    if not settings.HTTPS:
        return Line(
            title,
            LineState.WARNING,
            _("The console is served without HTTPS: passwords and sessions can be read on the way."),
            _("Put it behind a TLS proxy and set HTTPS=true and BEHIND_PROXY=true."),
        )
    if settings.SECURE_HSTS_SECONDS < HSTS_LEAST:
        return Line(
            title,
            LineState.WARNING,
            _("HTTPS is on, but browsers are not told to insist on it."),
            _("Set HSTS_SECONDS=31536000 once HTTPS works for everyone."),
        )
    return Line(title, LineState.OK, _("HTTPS is on, and browsers insist on it (HSTS)."))
