"""Devices of tests that back up for real: with a token, and an archive that has a repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orgs.actions.backups import tokens
from orgs.rules.actors import SYSTEM
from tests.worlds import NOON, device

if TYPE_CHECKING:
    from orgs.models import Device, User


@dataclass(frozen=True, slots=True)
class BackingUp:
    """A device, and what its agent keeps."""

    device: Device
    token: str
    password: str

    @property
    def guid(self) -> str:
        return self.device.guid


def signed_in_device(owner: User, name: str = "laptop") -> BackingUp:
    """Return a device on which its user has signed in."""
    made = device(owner, name)
    issued = tokens.issue(device_id=made.pk, by=SYSTEM, at=NOON)
    return BackingUp(made, issued.token, issued.password)
