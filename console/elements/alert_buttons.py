"""Buttons built without a template, as lists show hundreds of them."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext

from console.elements.icons import lucide
from console.elements.url_cache import address_of
from directory.models import Alert


def dismiss_button(alert: Alert, token: str) -> SafeString:
    """Return the button that dismisses an alert, in a form with this CSRF token."""
    message = alert.message if len(alert.message) <= 80 else Truncator(alert.message).chars(80)
    return format_html(
        '<form method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button type="submit" class="btn btn-sm" aria-label="{}">{} {}</button></form>',
        address_of("alerts:dismiss", alert.pk),
        token,
        gettext("Dismiss: %(message)s") % {"message": message},
        lucide("check", size=16, **{"class": "me-1", "aria_hidden": "true"}),
        gettext("Dismiss"),
    )
