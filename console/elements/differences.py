"""Shows the differences between before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext

LABELS = {
    "username": "username",
    "email": "email",
    "first_name": "first name",
    "last_name": "last name",
    "active": "active",
    "blocked": "blocked",
    "pending": "deactivation pending",
    "org": "org",
    "roles": "roles",
}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return "–" if value in {None, ""} else str(value)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | SafeString:
    """Return each value that differs, as before → after."""
    pairs = {key: (before.get(key), after.get(key)) for key in {**before, **after} if key != "org_id"}
    # Skip a change from one kind of empty value to another.
    keys = [key for key, (old, new) in pairs.items() if old != new and _shown(old) != _shown(new)]
    if not keys:
        return "–"
    arrow = f'<span aria-hidden="true">→</span><span class="visually-hidden">{conditional_escape(gettext("becomes"))}</span>'
    lines = (
        f'<li><span class="text-secondary">{conditional_escape(LABELS.get(key) or key.replace("_", " "))}:</span> '
        f"<del>{conditional_escape(_shown(before.get(key)))}</del> {arrow} "
        f"<ins>{conditional_escape(_shown(after.get(key)))}</ins></li>"
        for key in keys
    )
    return SafeString(f'<ul class="differences">{"".join(lines)}</ul>')
