"""The tags and filters of templates; they call console.elements and console.presenters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.safestring import SafeString

from console.elements import badges, differences, server_reading_proofs, time_ago
from console.elements.alert_buttons import dismiss_button
from console.elements.badges import Badge
from console.presenters import status
from directory.models import Alert
from orgs.models import Device, User

register = template.Library()

register.simple_tag(time_ago.when)
register.simple_tag(differences.differences)
register.simple_tag(server_reading_proofs.proof_lines)
register.simple_tag(badges.actions)
register.simple_tag(badges.archive_state)
register.simple_tag(badges.run_state)
register.simple_tag(badges.run_kind)
register.simple_tag(badges.status_state)
register.simple_tag(badges.outcome)
register.simple_tag(status.address_of, name="status_address")


@register.simple_tag
def user_states(user: User) -> SafeString:
    """Show the states of a user."""
    return badges.side_by_side(badges.user_states(user))


@register.simple_tag
def device_states(device: Device, owner: User | None = None) -> SafeString:
    """Show the states of a device."""
    return badges.side_by_side(badges.device_states(device, owner))


@register.simple_tag(takes_context=True)
def dismiss_form(context: Mapping[str, Any], alert: Alert) -> SafeString:
    """Show the button that dismisses an alert."""
    return dismiss_button(alert, str(context["csrf_token"]))


@register.simple_tag
def yes_no(value: object) -> Badge:
    """Show a flag as a badge."""
    return badges.YES if value else badges.NO


@register.simple_tag
def badge(name: str) -> Badge:
    """Show the badge with this name."""
    found: Badge = getattr(badges, name)
    return found


@register.filter
def may(viewer: User, permission: str) -> bool:
    """Return whether the viewer holds a permission, to hide buttons from others."""
    return viewer.may(permission)
