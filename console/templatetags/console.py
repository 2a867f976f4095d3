"""What templates show the same way everywhere: times, badges, sizes, before and after."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.forms import BoundField
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext

from console.presenters import badges, reading_proofs, status
from console.presenters.badges import Badge
from console.templatetags.icons import lucide
from console.url_cache import address_of
from directory.models import Alert, Run, RunServer
from directory.status import Line, LineState
from orgs.models import Archive, Device, User

register = template.Library()


@register.simple_tag
def when(moment: datetime | None, never: str = "–") -> str | SafeString:
    """Show a time as how long ago it is; the exact one stands in the title, in the viewer's zone."""
    if moment is None:
        return never
    local = timezone.localtime(moment)
    exact = f"{_exact(local.replace(tzinfo=None, microsecond=0), get_language())} {local:%Z}"
    return SafeString(
        f'<time datetime="{local.isoformat()}" title="{conditional_escape(exact)}">'
        f"{conditional_escape(naturaltime(moment))}</time>"
    )


# A list shows hundreds of times, and is looked at again and again.
@functools.lru_cache(maxsize=5000)
def _exact(local: datetime, _language: str | None) -> str:
    return date_format(local, "DATETIME_FORMAT")


@register.simple_tag(takes_context=True)
def dismiss_form(context: Mapping[str, Any], alert: Alert) -> SafeString:
    """Show the button that dismisses an alert."""
    return dismiss_button(alert, str(context["csrf_token"]))


def dismiss_button(alert: Alert, token: str) -> SafeString:
    """Return the button that dismisses an alert, in a form with this token: a list shows hundreds."""
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


@register.simple_tag
def user_states(user: User) -> SafeString:
    """Show the states of a user."""
    return badges.side_by_side(badges.user_states(user))


@register.simple_tag
def device_states(device: Device) -> SafeString:
    """Show the states of a device."""
    return badges.side_by_side(badges.device_states(device))


@register.simple_tag
def archive_state(archive: Archive) -> Badge:
    """Show the state of an archive."""
    return badges.archive_state(archive)


@register.simple_tag
def proof_lines(reading: RunServer) -> list[str]:
    """Show what proves that a server was read to its end."""
    return reading_proofs.proof_lines(reading)


@register.simple_tag
def run_state(run: Run) -> Badge:
    """Show where a run is."""
    return badges.run_state(run)


@register.simple_tag
def run_kind(run: Run) -> Badge:
    """Show whether a run is a simulation."""
    return badges.run_kind(run)


@register.simple_tag
def status_state(value: LineState) -> Badge:
    """Show how a part of Rollcall is."""
    return badges.status_state(value)


@register.simple_tag
def status_address(line: Line) -> str:
    """Return the page of what a line of the status is about."""
    return status.address_of(line)


@register.simple_tag
def outcome(value: str) -> Badge:
    """Show how a user fared in a run."""
    return badges.outcome(value)


@register.simple_tag
def actions(values: Iterable[str]) -> SafeString:
    """Show what a run does to a user."""
    return badges.side_by_side(badges.action(value) for value in values)


@register.simple_tag
def yes_no(value: object) -> Badge:
    """Show a flag."""
    return badges.YES if value else badges.NO


@register.simple_tag
def badge(name: str) -> Badge:
    """Show one of the badges that have a name of their own."""
    found: Badge = getattr(badges, name)
    return found


@register.filter
def may(viewer: User, permission: str) -> bool:
    """Return whether the viewer holds a permission, for buttons that others need not see."""
    return viewer.may(permission)


@register.filter
def unset(field: BoundField) -> bool:
    """Return whether a form field is neither filled in nor wrong."""
    return not field.value() and not field.errors


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


@register.simple_tag
def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | SafeString:
    """Show what differs, each as before → after."""
    pairs = {key: (before.get(key), after.get(key)) for key in {**before, **after} if key != "org_id"}
    # What was empty and is empty in another way is no difference to read.
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
