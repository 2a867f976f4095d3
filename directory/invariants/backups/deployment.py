"""I18: tokens of deployment policies are hashes and in no text, and policies brought no device that they could not bring."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from directory.models import Alert, Mail
from orgs.actions.deployment.deployment_policies import TOKEN_PREFIX
from orgs.backups.gate import digest
from orgs.models import AuditEntry, BackupReport, DeployedDevice, DeploymentPolicy, DeploymentRefusal, Device

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]+")
_KIND, _ADDED, _DEPLOYED = "deployment policy", "deployment policy added", "device deployed"
_FIELDS = ("name", "networks", "device_limit", "every_org", "enabled", "expires_at")
# A registration has the time at which it began; an edit that it has waited for may be younger.
_LONGEST_REGISTRATION = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """What a policy allowed from a moment on."""

    since: datetime
    enabled: bool
    expires_at: datetime
    device_limit: int

    def allows(self, device: DeployedDevice, number: int) -> bool:
        """Return whether the policy could bring this device, its ``number``-th one."""
        return self.enabled and device.at < self.expires_at and number <= self.device_limit


def tokens_are_hashes(_at: datetime) -> Iterator[str]:
    """A stored token is a SHA-256, and no text that somebody reads holds the token itself."""
    stored = dict(DeploymentPolicy.objects.order_by("pk").values_list("sha256", "pk"))
    for sha256, pk in stored.items():
        if not _SHA256.fullmatch(sha256):
            yield f"the token of deployment policy {pk} is no SHA-256"
    for rows, columns in _texts():
        for pk, *values in rows.order_by("pk").values_list("pk", *columns).iterator():
            for token in set(_TOKEN.findall(json.dumps(values))):
                if (policy := stored.get(digest(token))) is not None:
                    yield f"{rows.model._meta.verbose_name} {pk} holds the token of deployment policy {policy}"


def _texts() -> Iterator[tuple[QuerySet[Any], tuple[str, ...]]]:
    """Yield the rows with texts into which a token could come: those of installers, and those about policies."""
    of_policies = AuditEntry.objects.filter(object_type__in=[_KIND, "device", "user"])
    yield of_policies, ("object_label", "actor_label", "before", "after")
    yield DeploymentRefusal.objects.all(), ("username", "device_name", "sentence")
    yield Device.objects.all(), ("name", "os", "app_version")
    yield BackupReport.objects.exclude(message=""), ("message",)
    yield Alert.objects.all(), ("message",)
    yield Mail.objects.all(), ("subject", "body")


def as_the_audit_trail_has_them(_at: datetime) -> Iterator[str]:
    """Policies have the values that the audit trail leads to, and the devices that it says each of them has brought."""
    trail = _trail()
    for policy in DeploymentPolicy.objects.order_by("pk"):
        state: dict[str, Any] = {}
        for _, _, after in trail[policy.pk]:
            state |= after
        if "expires_at" in state:
            # One moment can be written in several time zones.
            state["expires_at"] = datetime.fromisoformat(state["expires_at"])
        current = {name: getattr(policy, name) for name in _FIELDS}
        for name, value in current.items():
            if name in state and state[name] != value:
                yield (
                    f"deployment policy {policy.pk}: {name} is {value!r}, but the audit trail leaves it at {state[name]!r}"
                )
    noted = DeployedDevice.objects.filter(device=OuterRef("object_id"))
    there = Device.objects.filter(pk=OuterRef("object_id"))
    brought = AuditEntry.objects.filter(Exists(there), ~Exists(noted), object_type="device", action=_DEPLOYED)
    for device in brought.order_by("pk").values_list("object_id", flat=True):
        yield f"device {device} came by deployment, but no row says by which policy"


def came_as_the_policy_allowed(_at: datetime) -> Iterator[str]:
    """No device came by a policy that was disabled, had expired, or had brought as many as it may."""
    trail = _trail()
    devices = defaultdict[int, list[DeployedDevice]](list)
    for device in DeployedDevice.objects.filter(policy__isnull=False).order_by("policy", "at", "pk"):
        devices[device.policy_id or 0].append(device)
    for policy, brought in devices.items():
        versions = _versions(trail[policy])
        for number, device in enumerate(brought, 1):
            if versions and not any(each.allows(device, number) for each in _valid_at(versions, device.at)):
                yield (
                    f"device {device.device_id} is number {number} of deployment policy {policy}, which did not allow it at "
                    f"{device.at:%Y-%m-%d %H:%M}"
                )


def _trail() -> Mapping[int, list[tuple[datetime, str, dict[str, Any]]]]:
    entries = defaultdict[int, list[tuple[datetime, str, dict[str, Any]]]](list)
    rows = AuditEntry.objects.filter(object_type=_KIND).order_by("pk")
    for pk, at, action, after in rows.values_list("object_id", "at", "action", "after"):
        entries[pk].append((at, action, after))
    return entries


def _versions(entries: list[tuple[datetime, str, dict[str, Any]]]) -> list[PolicyVersion]:
    """Return what a policy allowed, from its beginning on; nothing where the trail no longer reaches back to that."""
    if not entries or entries[0][1] != _ADDED:
        return []
    state: dict[str, Any] = {"enabled": True}
    versions = []
    for at, _, after in entries:
        state |= after
        expires_at = datetime.fromisoformat(state["expires_at"])
        versions.append(PolicyVersion(at, bool(state["enabled"]), expires_at, int(state["device_limit"])))
    return versions


def _valid_at(versions: list[PolicyVersion], at: datetime) -> Iterator[PolicyVersion]:
    """Yield the version at a moment, and those that began or ended so near to it that they may have counted."""
    following = [each.since for each in versions[1:]]
    for version, ended_at in zip(versions, [*following, None], strict=True):
        begun = version.since <= at + _LONGEST_REGISTRATION
        if begun and (ended_at is None or ended_at > at - _LONGEST_REGISTRATION):
            yield version
