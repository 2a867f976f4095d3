"""Adds, edits and deletes preservation policies."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.matters import matter_scope
from orgs.models import Matter, Org, PreservationPolicy
from orgs.rules.actors import Actor


class PolicyChangedMeanwhile(Refused):
    """Somebody else has saved the policy since the form was opened, so nothing was written."""


@transaction.atomic
def add(*, name: str, kept: str = "", org: Org | None = None, by: Actor, at: datetime) -> PreservationPolicy:
    """Add a policy; without an org it is one of all orgs.

    Raises:
        Refused: when the name is empty or taken, or the org is not one of the acting person's part.
    """
    matter_scope.refuse_owner(org, by=by)
    policy = PreservationPolicy(name=_name(name, org, except_for=0), kept=kept, org=org)
    policy.save()
    note([_fact(policy, after=_values(policy))], action="preservation policy added", by=by, at=at)
    return policy


@transaction.atomic
def edit(*, policy_id: int, name: str, kept: str, known: tuple[str, str], by: Actor, at: datetime) -> bool:
    """Change the name of a policy and what it says; return whether that is a change.

    ``known`` has both as they were when the edit began.

    Raises:
        PolicyChangedMeanwhile: when somebody else has changed it since.
        Refused: when the name is empty or taken; outside the person's part.
    """
    policy = locked(policy_id)
    matter_scope.refuse_policy(policy, by=by)
    before = _values(policy)
    if (policy.name, policy.kept) != known:
        raise PolicyChangedMeanwhile(
            f"somebody else has changed {policy.name} since you began: compare, and save again"
        )
    # Policies that an upgrade has made may differ in case only: such a name may stay.
    if name.split() != policy.name.split():
        policy.name = _name(name, policy.org, except_for=policy.pk)
    policy.kept = kept
    if before == _values(policy):
        return False
    policy.save(update_fields=["name", "kept"])
    Matter.objects.filter(preservation_policy=policy).update(policy=policy.name)
    note([_fact(policy, before=before, after=_values(policy))], action="preservation policy edited", by=by, at=at)
    return True


@transaction.atomic
def delete(*, policy_id: int, by: Actor, at: datetime) -> None:
    """Delete a policy that no matter uses.

    Raises:
        Refused: when a matter uses it, open or closed; outside the person's part.
    """
    policy = locked(policy_id)
    matter_scope.refuse_policy(policy, by=by)
    if Matter.objects.filter(preservation_policy=policy).exists():
        raise Refused(f"{policy.name} is the policy of a matter: give the matter another policy first")
    note([_fact(policy, before=_values(policy))], action="preservation policy deleted", by=by, at=at)
    policy.delete()


def locked(policy_id: int) -> PreservationPolicy:
    """Return a policy, which stays as it is until the transaction ends.

    Raises:
        Refused: when it is not there any more.
    """
    policy = PreservationPolicy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise Refused("this preservation policy is not there any more")
    return policy


def _name(name: str, org: Org | None, *, except_for: int) -> str:
    name = " ".join(name.split())
    if not name:
        raise Refused("a preservation policy needs a name")
    others = PreservationPolicy.objects.filter(name__iexact=name, org=org).exclude(pk=except_for)
    if others.exists():
        raise Refused(f"there is a preservation policy {name} already")
    return name


def _values(policy: PreservationPolicy) -> dict[str, object]:
    return {"name": policy.name, "kept": policy.kept, "org": policy.org.name if policy.org else ""}


def _fact(
    policy: PreservationPolicy, *, before: dict[str, object] | None = None, after: dict[str, object] | None = None
) -> Fact:
    return Fact("preservation policy", policy.pk, policy.name, before=before or {}, after=after or {})
