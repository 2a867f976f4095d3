"""Caches the icons of the lucide package: a page shows dozens, and the package builds each one anew."""

from __future__ import annotations

import functools

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide as make

register = template.Library()


@register.simple_tag
@functools.lru_cache(maxsize=1000)
def lucide(name: str, *, size: int | None = 24, **attributes: object) -> SafeString:
    """Return an icon as SVG; for an unknown name the error of the package is raised."""
    return SafeString(make(name, size=size, **attributes))
