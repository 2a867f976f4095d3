"""What templates show the same way everywhere: times, badges, sizes, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.forms import BoundField
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from console import badges, reading_proofs, status_page
from console.badges import Badge
from directory.models import Run, RunServer
from directory.status import Line, State
from orgs.models import Archive, Device, User

register = template.Library()


@register.simple_tag
def when(moment: datetime | None, never: str = "–") -> str | SafeString:
    """Show a time as how long ago it is; the exact one stands in the title, in the viewer's zone."""
    if moment is None:
        return never
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'DATETIME_FORMAT')} {local:%Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, naturaltime(moment))


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
def status_state(value: State) -> Badge:
    """Show how a part of Rollcall is."""
    return badges.status_state(value)


@register.simple_tag
def status_address(line: Line) -> str:
    """Return the page of what a line of the status is about."""
    return status_page.address_of(line)


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
    """Tell whether the viewer holds a permission, for buttons that others need not see."""
    return viewer.may(permission)


@register.filter
def unset(field: BoundField) -> bool:
    """Tell whether a form field is neither filled in nor wrong."""
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


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "–"
    return "–" if value in {None, ""} else str(value)


@register.simple_tag
def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | SafeString:
    """Show what differs, each as before → after."""
    keys = [key for key in {**before, **after} if key != "org_id" and before.get(key) != after.get(key)]
    if not keys:
        return "–"
    arrow = gettext("becomes")
    rows = (
        (LABELS.get(key, key.replace("_", " ")), _told(before.get(key)), arrow, _told(after.get(key))) for key in keys
    )
    lines = format_html_join(
        "",
        '<li><span class="text-secondary">{}:</span> <del>{}</del> '
        '<span aria-hidden="true">→</span><span class="visually-hidden">{}</span> <ins>{}</ins></li>',
        rows,
    )
    return format_html('<ul class="differences">{}</ul>', lines)
