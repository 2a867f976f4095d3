"""Registers a computer by a deployment policy, without a password: always as a new device with an empty archive.

The policy's token lies on every computer, so whoever reads it may pretend to be anybody. What it yields therefore is worth
nothing to a stranger: no device, archive or password that exists, and no device of an account that administers anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from directory.actions.deployment import many_devices
from directory.actions.deployment.live_entries import require_live_entry
from directory.actions.self_service import accounts
from directory.actions.self_service.accounts import AWAY, BUSY, NotMade
from directory.input_errors import Refused
from directory.provisioning.decision_values import Decision
from orgs.actions import device_registration, locks
from orgs.actions.backups import new_archives
from orgs.actions.backups.tokens import SignedInDevice
from orgs.actions.deployment import deployed_devices
from orgs.actions.device_registration import Computer
from orgs.backups import deployment_gate, gate
from orgs.models import CreatedBy, DeploymentPolicy, KeyHolder, Org, User
from orgs.permissions import PERSONAL
from orgs.rules.actors import Actor
from orgs.rules.local_sign_in import password_counts
from orgs.text import fold

_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Deployed:
    """A new device of this user; ``new_user`` if the account was made with it."""

    user: User
    device: SignedInDevice
    new_user: bool


class NotDeployed(Exception):  # it is what happened, not an error
    """Nothing was registered: the HTTP status, a code, a sentence for the person, and the reason for logs."""

    def __init__(self, refusal: gate.Refusal, reason: str = "") -> None:
        super().__init__(reason or str(refusal.sentence))
        self.refusal = refusal


def register(*, policy: DeploymentPolicy, username: str, computer: Computer, address: str, at: datetime) -> Deployed:
    """Register a computer for a person whom the directory has now; the account is made first where it is missing.

    Raises:
        NotDeployed: when the policy, the directory or the account forbids it; nothing was written then.
    """
    _refuse_policy(policy, address, at)
    user = User.objects.select_related("org").filter(username_key=fold(username)).first()
    try:
        if user is None:
            decision = accounts.decided(username=username, org=policy.org, way=CreatedBy.DEPLOYMENT, at=at, proof=None)
            _refuse_target(decision, policy)
        else:
            decision = None
            _refuse_user(user, policy)
            require_live_entry(user, at=at)
        return _carry_out(policy, user, decision, computer, address, at)
    except NotMade as problem:
        status, retry_after = (503, _RETRY_SECONDS) if problem.code in {AWAY, BUSY} else (403, 0)
        refusal = gate.Refusal(status, problem.code, problem.sentence, retry_after)
        raise NotDeployed(refusal, problem.reason) from problem
    except Refused as reason:
        raise NotDeployed(gate.Refusal(409, "refused", f"{capfirst(str(reason))}."), str(reason)) from reason


@transaction.atomic
def _carry_out(  # what is registered, where it comes from, and what was decided before
    shown: DeploymentPolicy,
    user: User | None,
    decision: Decision | None,
    computer: Computer,
    address: str,
    at: datetime,
) -> Deployed:
    policy = deployed_devices.locked(shown.pk)
    # The directory takes its time: the policy may be gone, or its token renewed.
    if policy is None or policy.sha256 != shown.sha256:
        raise NotDeployed(deployment_gate.WRONG_POLICY)
    _refuse_policy(policy, address, at)
    locks.roles()
    if decision is not None:
        user = accounts.make(decision, way=CreatedBy.DEPLOYMENT, at=at)
    if user is None:
        raise NotDeployed(deployment_gate.WRONG_POLICY)
    locks.users([user.pk])
    user = User.objects.select_related("org").get(pk=user.pk)
    # Again, as it may have changed since; an account that was made just now is unmade with the transaction.
    _refuse_user(user, policy)
    by = Actor(label=f"deployment: {policy.name}")
    made = device_registration.register(user_id=user.pk, computer=computer, by=by, at=at, deployed=True)
    deployed_devices.add(
        policy=policy,
        device_id=made.device.device_id,
        address=address,
        new_user=decision is not None,
        by=by,
        at=at,
    )
    many_devices.look(user=user, at=at)
    return Deployed(user, made.device, new_user=decision is not None)


def _refuse_policy(policy: DeploymentPolicy, address: str, at: datetime) -> None:
    if (refusal := deployment_gate.refusal(policy, address=address, at=at)) is not None:
        raise NotDeployed(refusal)


def _refuse_target(decision: Decision, policy: DeploymentPolicy) -> None:
    """Refuse a person whom the org name script puts into an org that the policy does not reach."""
    target = Org.objects.named(decision.org).first()
    # An org that is missing is made below the policy's org.
    if target is not None and not policy.reaches(target):
        raise NotDeployed(_other_org(), f"the org name script returns {target.name}")


def _refuse_user(user: User, policy: DeploymentPolicy) -> None:
    # First: a policy says nothing about people whom it does not reach.
    if not policy.reaches(user.org):
        raise NotDeployed(_other_org(), f"{user.username} belongs to {user.org.name}")
    if not user.active:
        raise NotDeployed(gate.USER_INACTIVE)
    if user.blocked:
        raise NotDeployed(gate.USER_BLOCKED)
    # One answer for both: whoever tries usernames must not learn who administers Rollcall.
    if password_counts(user):
        raise NotDeployed(_password_needed(), "no directory decides about this account")
    if not user.permission_keys() <= PERSONAL:
        raise NotDeployed(_password_needed(), "the account holds more than a plain backup user")
    if new_archives.of_org(user.org_id) == KeyHolder.USER:
        raise NotDeployed(_user_held_key(), f"users of {user.org.name} hold the keys of their archives")


def _user_held_key() -> gate.Refusal:
    sentence = _(
        "You hold the key of your backups yourself, so register this computer yourself: rollcall-agent register."
    )
    return gate.Refusal(403, "user-held-key", sentence)


def _password_needed() -> gate.Refusal:
    sentence = _("This account registers its computers with its password only: run “rollcall-agent register”.")
    return gate.Refusal(403, "password-needed", sentence)


def _other_org() -> gate.Refusal:
    sentence = _("This deployment policy is not for your part of the company. Ask your administrator.")
    return gate.Refusal(403, "other-org", sentence)
