"""Shows times relative to now, such as "2 hours ago"."""

from __future__ import annotations

import functools
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language


def when(moment: datetime | None, never: str = "–") -> str | SafeString:
    """Return how long ago a time was; the tooltip has the exact time in the viewer's time zone."""
    if moment is None:
        return never
    local = timezone.localtime(moment)
    exact = f"{_exact(local.replace(tzinfo=None, microsecond=0), get_language())} {local:%Z}"
    return SafeString(
        f'<time datetime="{local.isoformat()}" title="{conditional_escape(exact)}">'
        f"{conditional_escape(naturaltime(moment))}</time>"
    )


# Cached: a list shows hundreds of times, and is loaded often.
@functools.lru_cache(maxsize=5000)
def _exact(local: datetime, _language: str | None) -> str:
    return date_format(local, "DATETIME_FORMAT")
