"""Decides whether a deployment policy lets a computer register from an address now: for the agent, pages and actions."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from orgs.backups.gate import Refusal, digest
from orgs.models import DeploymentPolicy
from orgs.rules.addresses import address_of, network_of

WRONG_POLICY: Final = Refusal(401, "wrong-policy", _("This deployment token is not valid. Take the present one."))
DISABLED: Final = Refusal(403, "policy-disabled", _("This deployment policy is disabled. Ask your administrator."))
EXPIRED: Final = Refusal(403, "policy-expired", _("This deployment policy has expired. Ask your administrator."))
OUTSIDE_NETWORKS: Final = Refusal(
    403, "outside-networks", _("This deployment policy does not count in the network of this computer.")
)
FULL: Final = Refusal(
    403, "policy-full", _("This deployment policy has brought as many devices as it may. Ask your administrator.")
)
ORG_INACTIVE: Final = Refusal(
    403, "policy-disabled", _("The org of this deployment policy is deactivated. Ask your administrator.")
)


def of_token(token: str) -> DeploymentPolicy | None:
    """Return the policy with this token, with its org; None if none has it."""
    return DeploymentPolicy.objects.select_related("org").filter(sha256=digest(token)).first()


def refusal(policy: DeploymentPolicy, *, address: str, at: datetime) -> Refusal | None:
    """Return why no computer may register from this address now; None if one may."""
    if not policy.enabled:
        return DISABLED
    if not policy.org.active:
        return ORG_INACTIVE
    if at >= policy.expires_at:
        return EXPIRED
    if not within_networks(address, policy.networks):
        return OUTSIDE_NETWORKS
    return FULL if policy.deployed_devices.count() >= policy.device_limit else None


def within_networks(address: str, networks: list[str]) -> bool:
    """Return whether the address lies in one of the networks, or there are none; what is no address lies in none."""
    if not networks:
        return True
    try:
        found = address_of(address)
    except ValueError:
        return False
    return any(found in network_of(network) for network in networks)
