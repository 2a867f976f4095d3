"""Edits what a matter says: name, reference, policy, org, notes; unless somebody else has since the person began."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orgs.actions.audit import Fact, note
from orgs.actions.errors import Refused
from orgs.actions.matters import matter_scope, policies
from orgs.actions.matters.matter_events import note_matter
from orgs.models import Matter, MatterEventKind, Org, PreservationPolicy
from orgs.rules.actors import Actor


@dataclass(frozen=True, slots=True)
class MatterText:
    """What a person writes about a matter; without an org it belongs to all orgs."""

    name: str
    reference: str = ""
    notes: str = ""
    policy: PreservationPolicy | None = None
    org: Org | None = None


class MatterChangedMeanwhile(Refused):
    """Somebody else has saved the matter since the form was opened, so nothing was written."""


def version(matter: Matter) -> str:
    """Return a hash of what can be edited, to notice a change by somebody else."""
    values = [matter.name, matter.reference, matter.notes, matter.preservation_policy_id, matter.org_id]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


@transaction.atomic
def edit(*, matter_id: int, text: MatterText, known: str, by: Actor, at: datetime) -> bool:
    """Save what a matter says; return whether that is a change. ``known`` is the version from which the edit began.

    Raises:
        MatterChangedMeanwhile: when the matter has another version by now.
        Refused: when the name is empty, or the matter or its new org is not of the acting person's part.
    """
    # Policies are locked before matters: an edit of a policy locks both, too.
    policy = _locked_policy(text)
    matter = locked(matter_id)
    matter_scope.refuse_matter(matter, by=by)
    if version(matter) != known:
        raise MatterChangedMeanwhile(
            f"somebody else has changed {matter.name} since you began: compare, and save again"
        )
    before = _values(matter)
    _write(matter, text, policy, by=by)
    after = _values(matter)
    changed = [name for name in after if before[name] != after[name]]
    if not changed:
        return False
    matter.save()
    before, after = ({name: values[name] for name in changed} for values in (before, after))
    note([Fact("matter", matter.pk, matter.name, before=before, after=after)], action="matter edited", by=by, at=at)
    note_matter(
        matter.pk, MatterEventKind.EDITED, by=by, at=at, details={name: [before[name], after[name]] for name in changed}
    )
    return True


def new_matter(text: MatterText, *, by: Actor, at: datetime) -> Matter:
    """Store a new matter, without audit row and event.

    Raises:
        Refused: when the name is empty, the policy is gone, or the org is not one of the acting person's part.
    """
    matter = Matter(opened_at=at)
    _write(matter, text, _locked_policy(text), by=by)
    matter.save()
    return matter


def _locked_policy(text: MatterText) -> PreservationPolicy | None:
    return policies.locked(text.policy.pk) if text.policy is not None else None


def _write(matter: Matter, text: MatterText, policy: PreservationPolicy | None, *, by: Actor) -> None:
    if not text.name.strip():
        raise Refused("a matter needs a name")
    if text.org != matter.org or matter.pk is None:
        matter_scope.refuse_owner(text.org, by=by)
    matter.name, matter.reference, matter.notes = text.name.strip(), text.reference.strip(), text.notes
    matter.org = text.org
    if policy is not None:
        matter.preservation_policy, matter.policy = policy, policy.name
    elif matter.preservation_policy is not None:
        matter.preservation_policy, matter.policy = None, ""


def locked(matter_id: int) -> Matter:
    """Return a matter, which stays open or closed until the transaction ends.

    The lock lets others refer to the matter: a sync that holds users writes events of their matters.
    """
    return Matter.objects.select_for_update(no_key=True).get(pk=matter_id)


def _values(matter: Matter) -> dict[str, str]:
    return {
        "name": matter.name,
        "reference": matter.reference,
        "policy": matter.policy,
        "org": matter.org.name if matter.org else "",
        "notes": matter.notes,
    }
