"""Shows as a badge whether computers may register by a deployment policy, and why not."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from console.elements.badges import DISABLED, ENABLED, Badge
from orgs.models import DeploymentPolicy

EXPIRED = Badge(_("Expired"), "hourglass", "quiet")
FULL = Badge(_("Full"), "circle-check-big", "warn")
ORG_OUT_OF_USE = Badge(_("Org deactivated"), "circle-off", "quiet")


def state_of(policy: DeploymentPolicy, *, device_count: int, at: datetime) -> Badge:
    """Return the state of a policy that has brought so many devices; its org has to be loaded."""
    if not policy.enabled:
        return DISABLED
    if not policy.org.active:
        return ORG_OUT_OF_USE
    if at >= policy.expires_at:
        return EXPIRED
    return FULL if device_count >= policy.device_limit else ENABLED
