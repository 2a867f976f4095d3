"""Notes which devices came by which deployment policy, and the latest attempts that were refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.models import DeployedDevice, DeploymentPolicy, DeploymentRefusal, Device
from orgs.rules.actors import Actor

# How many refusals of each policy are kept.
MOST_REFUSALS = 100


def locked(policy_id: int) -> DeploymentPolicy | None:
    """Return a policy as it is now, which stays so until the transaction ends; None if it is gone.

    Lock it before roles, orgs and users. Of two computers at once, the second counts the device of the first.
    """
    rows = DeploymentPolicy.objects.select_for_update(of=("self",)).select_related("org")
    return rows.filter(pk=policy_id).first()


def add(
    *, policy: DeploymentPolicy, device_id: int, address: str, new_user: bool, by: Actor, at: datetime
) -> DeployedDevice:
    """Note, in the caller's transaction, that a new device came by a policy."""
    device = Device.objects.get(pk=device_id)
    made = DeployedDevice.objects.create(
        policy=policy, policy_name=policy.name, device=device, at=at, address=address[:64], new_user=new_user
    )
    after = {"policy": policy.name, "address": made.address, "new_user": new_user}
    note([Fact("device", device.pk, device.name, after=after)], action="device deployed", by=by, at=at)
    return made


def count_of_user(user_id: int, *, within: timedelta, at: datetime) -> int:
    """Return how many devices of a user came by any policy lately."""
    return DeployedDevice.objects.filter(device__user=user_id, at__gt=at - within).count()


@transaction.atomic
def keep_refusal(*, policy_id: int, refusal: DeploymentRefusal) -> None:
    """Keep a refused attempt, and forget the oldest ones of the policy; nothing if the policy is gone."""
    if locked(policy_id) is None:
        return
    refusal.policy_id = policy_id
    refusal.save()
    kept = DeploymentRefusal.objects.filter(policy=policy_id).order_by("-at", "-pk")
    if too_old := list(kept.values_list("pk", flat=True)[MOST_REFUSALS:]):
        DeploymentRefusal.objects.filter(pk__in=too_old).delete()
