"""Checks what a person writes into a deployment policy: name, expiry, networks, most devices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from orgs.actions.errors import Refused
from orgs.models import DeploymentPolicy
from orgs.rules.addresses import network_of

LONGEST_DAYS = 366
MOST_DEVICES = 100_000
MOST_NETWORKS = 100


@dataclass(frozen=True, slots=True)
class PolicyValues:
    """What can be edited of a policy; ``networks`` are addresses or networks as people write them, empty for everywhere."""

    name: str
    expires_at: datetime
    device_limit: int
    networks: tuple[str, ...] = ()


def version(policy: DeploymentPolicy) -> str:
    """Return a hash of what can be edited, to notice a change by somebody else."""
    values = [policy.name, policy.expires_at.timestamp(), policy.device_limit, policy.networks]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def checked_name(name: str, *, except_for: int = 0) -> str:
    """Return the name without superfluous blanks.

    Raises:
        Refused: when it is empty or taken, in any letter case.
    """
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise Refused("a deployment policy needs a name")
    if DeploymentPolicy.objects.filter(name__iexact=name).exclude(pk=except_for).exists():
        raise Refused(f"there is a deployment policy {name} already")
    return name


def checked_expiry(expires_at: datetime, *, at: datetime) -> datetime:
    """Return when the policy expires.

    Raises:
        Refused: when that is over, or more than a year away: the token lies on every computer.
    """
    if expires_at <= at:
        raise Refused("the day on which the policy expires is over: choose a later one")
    if expires_at > at + timedelta(days=LONGEST_DAYS):
        raise Refused("a deployment policy expires within a year: choose an earlier day, and extend it then")
    return expires_at


def checked_limit(device_limit: int) -> int:
    """Return how many devices the policy may bring.

    Raises:
        Refused: when that is none, or more than there are.
    """
    if not 1 <= device_limit <= MOST_DEVICES:
        raise Refused(f"a deployment policy brings between 1 and {MOST_DEVICES} devices")
    return device_limit


def checked_networks(lines: Iterable[str]) -> list[str]:
    """Return networks in their common form, each once; a single address is a network of one.

    Raises:
        Refused: with the first line that is neither an address nor a network.
    """
    networks: list[str] = []
    for line in lines:
        try:
            network = str(network_of(line.strip()))
        except ValueError:
            raise Refused(f"this is no network: {line}. Write it as 10.20.0.0/16 or 2001:db8::/32") from None
        if network not in networks:
            networks.append(network)
    if len(networks) > MOST_NETWORKS:
        raise Refused(f"{MOST_NETWORKS} networks are the most of a deployment policy")
    return networks
