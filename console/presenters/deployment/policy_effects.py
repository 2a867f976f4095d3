"""What an act on a deployment policy would change, with counts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from console.elements.effects import Effect
from orgs.models import DeploymentPolicy


def renewing_the_token(policy: DeploymentPolicy) -> list[Effect]:
    """Return the effects of a new token."""
    text = _("The present token counts no longer: computers that still get it are refused.")
    return [Effect(_("End"), 1, text, "key-round", "out"), _stay(policy)]


def enabling(policy: DeploymentPolicy) -> list[Effect]:
    """Return the effects of letting computers register again."""
    return [Effect(_("Open"), 1, _("Computers with its token register again."), "circle-check", "back"), _stay(policy)]


def disabling(policy: DeploymentPolicy) -> list[Effect]:
    """Return the effects of letting no computer register."""
    text = _("Computers with its token are refused until it is enabled again.")
    return [Effect(_("Refuse"), 1, text, "ban", "out"), _stay(policy)]


def deleting(policy: DeploymentPolicy) -> list[Effect]:
    """Return the effects of a deletion."""
    text = _("Its token counts no longer. It does not come back, and its refusals are gone.")
    return [Effect(_("Delete"), 1, text, "trash-2", "out"), _stay(policy)]


def _stay(policy: DeploymentPolicy) -> Effect:
    count = policy.deployed_devices.count()
    return Effect(_("Stay"), count, _("Devices that came by it go on as they are."), icon="monitor")
