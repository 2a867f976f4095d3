"""Wraps the pages on which people change their own way in: never cached, and only after the password was entered again."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from console.security.access import confirmed, require
from orgs.permissions import Permission

Page = Callable[..., HttpResponseBase]


def own_page(page: Page) -> Page:
    """Make this a page that shows something and asks (GET), then changes the viewer's own account (POST)."""
    guarded: Page = require(Permission.CONSOLE_LOGIN)(confirmed(page))
    return never_cache(require_http_methods(["GET", "HEAD", "POST"])(guarded))
