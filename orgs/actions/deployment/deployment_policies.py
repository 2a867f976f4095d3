"""Makes, edits, enables, disables and deletes deployment policies, and renews their tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.deployment import policy_scope, policy_values
from orgs.actions.deployment.policy_values import PolicyValues
from orgs.actions.errors import Refused, if_taken_meanwhile
from orgs.backups.gate import digest
from orgs.models import DeploymentPolicy, Org
from orgs.rules.actors import Actor

TOKEN_BYTES = 32
# Lets programs that look for secrets in files recognize a token.
TOKEN_PREFIX = "rollcall-deploy-"  # noqa: S105  # the beginning of every token, no secret


class DeploymentPolicyChangedMeanwhile(Refused):
    """Somebody else has saved the policy since the form was opened, so nothing was written."""


@dataclass(frozen=True, slots=True)
class PolicyWithToken:
    """A policy and its new token, which is nowhere else."""

    policy: DeploymentPolicy
    token: str = field(repr=False)


@transaction.atomic
def add(*, org: Org, values: PolicyValues, by: Actor, at: datetime) -> PolicyWithToken:
    """Make a policy by which computers register into this org and those below it.

    Raises:
        Refused: when a value can't be; when the org follows no directory, or does not belong to the acting person's part.
    """
    org = Org.objects.select_for_update(no_key=True).get(pk=org.pk)
    policy_scope.refuse_org(org, by=by)
    policy_scope.refuse_org_without_directory(org)
    token = _new_token()
    policy = DeploymentPolicy(
        name=policy_values.checked_name(values.name),
        org=org,
        sha256=digest(token),
        token_at=at,
        every_org=policy_scope.reaches_every_org(by),
        expires_at=policy_values.checked_expiry(values.expires_at, at=at),
        networks=policy_values.checked_networks(values.networks),
        device_limit=policy_values.checked_limit(values.device_limit),
        created_at=at,
        author=by.label[:255],
    )
    with if_taken_meanwhile(lambda: policy_values.checked_name(policy.name)):
        policy.save()
    note([_fact(policy, after=_values(policy))], action="deployment policy added", by=by, at=at)
    return PolicyWithToken(policy, token)


@transaction.atomic
def edit(*, policy_id: int, values: PolicyValues, known: str, by: Actor, at: datetime) -> bool:
    """Change name, expiry, networks and number of a policy; return whether that is a change. Its org stays.

    ``known`` is the version from which the edit began.

    Raises:
        DeploymentPolicyChangedMeanwhile: when the policy has another version by now.
        Refused: when a value can't be; outside the person's part; when the token reaches further than the person does.
    """
    policy = _locked(policy_id, by=by)
    _refuse_to_widen(policy, by=by)
    if policy_values.version(policy) != known:
        raise DeploymentPolicyChangedMeanwhile(
            f"somebody else has changed {policy.name} since you began: compare, and save again"
        )
    before = _values(policy)
    policy.name = policy_values.checked_name(values.name, except_for=policy.pk)
    if values.expires_at != policy.expires_at:
        policy.expires_at = policy_values.checked_expiry(values.expires_at, at=at)
    policy.networks = policy_values.checked_networks(values.networks)
    policy.device_limit = policy_values.checked_limit(values.device_limit)
    if before == _values(policy):
        return False
    with if_taken_meanwhile(lambda: policy_values.checked_name(policy.name, except_for=policy.pk)):
        policy.save(update_fields=["name", "expires_at", "networks", "device_limit"])
    note([_fact(policy, before=before, after=_values(policy))], action="deployment policy edited", by=by, at=at)
    return True


@transaction.atomic
def renew_token(*, policy_id: int, by: Actor, at: datetime) -> PolicyWithToken:
    """Give a policy a new token; the one of before counts no longer, devices that came by it stay.

    The new token reaches as far as the acting person does, as nobody else gets it.

    Raises:
        Refused: outside the person's part.
    """
    policy, token = _locked(policy_id, by=by), _new_token()
    before = {"every_org": policy.every_org}
    policy.sha256, policy.token_at = digest(token), at
    policy.every_org = policy_scope.reaches_every_org(by)
    policy.save(update_fields=["sha256", "token_at", "every_org"])
    fact = _fact(policy, before=before, after={"every_org": policy.every_org})
    note([fact], action="deployment token renewed", by=by, at=at)
    return PolicyWithToken(policy, token)


@transaction.atomic
def enable(*, policy_id: int, by: Actor, at: datetime) -> bool:
    """Let computers register by this policy again; return whether that is a change.

    Raises:
        Refused: outside the person's part; when the org follows no directory; when the token reaches further than the person does.
    """
    policy = _locked(policy_id, by=by)
    _refuse_to_widen(policy, by=by)
    policy_scope.refuse_org_without_directory(policy.org)
    return _set_enabled(policy, enabled=True, by=by, at=at)


@transaction.atomic
def disable(*, policy_id: int, by: Actor, at: datetime) -> bool:
    """Let no computer register by this policy; return whether that is a change. Devices that came by it stay.

    Raises:
        Refused: outside the person's part.
    """
    return _set_enabled(_locked(policy_id, by=by, gives=False), enabled=False, by=by, at=at)


@transaction.atomic
def delete(*, policy_id: int, by: Actor, at: datetime) -> None:
    """Delete a policy and its refusals; devices that came by it stay.

    Raises:
        Refused: outside the person's part.
    """
    policy = _locked(policy_id, by=by, gives=False)
    before = _values(policy) | {"devices": policy.deployed_devices.count()}
    note([_fact(policy, before=before)], action="deployment policy deleted", by=by, at=at)
    policy.delete()


def _locked(policy_id: int, *, by: Actor, gives: bool = True) -> DeploymentPolicy:
    """Return a policy of the person's part, which stays as it is until the transaction ends.

    Who only takes a way in away (``gives`` is false) may hold less than the default roles of the org do.
    """
    policy = DeploymentPolicy.objects.select_for_update(of=("self",)).select_related("org").filter(pk=policy_id).first()
    if policy is None:
        raise Refused("this deployment policy is not there any more")
    if gives:
        policy_scope.refuse_org(policy.org, by=by)
    else:
        policy_scope.refuse_outside(policy.org, by=by)
    return policy


def _refuse_to_widen(policy: DeploymentPolicy, *, by: Actor) -> None:
    """Refuse to let a token go on that reaches orgs which the person does not administer: it may be known to them."""
    if policy.every_org and not policy_scope.reaches_every_org(by):
        raise Refused(
            f"{policy.name} reaches every org, as who made its token administers all of them: renew the token first, then it "
            f"reaches {policy.org.name} and the orgs below"
        )


def _set_enabled(policy: DeploymentPolicy, *, enabled: bool, by: Actor, at: datetime) -> bool:
    if policy.enabled == enabled:
        return False
    policy.enabled = enabled
    policy.save(update_fields=["enabled"])
    action = "deployment policy enabled" if enabled else "deployment policy disabled"
    note([_fact(policy, before={"enabled": not enabled}, after={"enabled": enabled})], action=action, by=by, at=at)
    return True


def _new_token() -> str:
    return f"{TOKEN_PREFIX}{secrets.token_urlsafe(TOKEN_BYTES)}"


def _values(policy: DeploymentPolicy) -> dict[str, object]:
    return {
        "name": policy.name,
        "org": policy.org.name,
        "expires_at": policy.expires_at.isoformat(),
        "networks": list(policy.networks),
        "device_limit": policy.device_limit,
        "every_org": policy.every_org,
    }


def _fact(
    policy: DeploymentPolicy, *, before: Mapping[str, object] | None = None, after: Mapping[str, object] | None = None
) -> Fact:
    return Fact("deployment policy", policy.pk, policy.name, before=before or {}, after=after or {})
