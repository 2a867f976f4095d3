"""Looks at what keeps Rollcall safe: the keys, and how the console is served."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from directory.status.lines import Line, State

HSTS_LEAST = 30 * 24 * 3600


def look() -> list[Line]:
    """Return what there is to say about keys and transport."""
    return [*dangers(), _keys(), _https()]


def dangers() -> list[Line]:
    """Return what must not be so where the console is more than tried out; settings alone tell of it."""
    if not settings.DEBUG:
        return []
    advice = _("Unset DEBUG: pages of errors show settings and data to everyone.")
    return [Line("DEBUG", State.PROBLEM, _("DEBUG is on."), advice)]


def _keys() -> Line:
    title = _("Encryption keys")
    if count := len(settings.ENCRYPTION_KEYS):
        fact = ngettext(
            "One key of your own (ENCRYPTION_KEYS).",
            "%(count)d keys of your own (ENCRYPTION_KEYS); the first encrypts, all decrypt.",
            count,
        )
        return Line(title, State.OK, fact % {"count": count})
    kept = settings.VAR / "secret_key"
    if kept.exists() and kept.read_text("ascii").strip() == settings.SECRET_KEY:
        fact = _("Made from the secret key that the first start put into the data folder: keep a copy of that file.")
    else:
        fact = _("Made from your SECRET_KEY.")
    return Line(title, State.OK, fact)


def _https() -> Line:
    title = _("HTTPS")
    if not settings.HTTPS:
        return Line(
            title,
            State.WARNING,
            _("The console is served without HTTPS: passwords and sessions can be read on the way."),
            _("Put it behind a TLS proxy and set HTTPS=true and BEHIND_PROXY=true."),
        )
    if settings.SECURE_HSTS_SECONDS < HSTS_LEAST:
        return Line(
            title,
            State.WARNING,
            _("HTTPS is on, but browsers are not told to insist on it."),
            _("Set HSTS_SECONDS=31536000 once HTTPS works for everyone."),
        )
    return Line(title, State.OK, _("HTTPS is on, and browsers insist on it (HSTS)."))
