"""Confirms an act on many users, which then waits for a worker, and cancels it; limits hold a large act back first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from directory.actions.bulk.bulk_terms import CUTTING_OFF, WITH_ARGUMENT, BulkTerms, problem, terms_of
from directory.actions.bulk.waking import wake_worker
from directory.input_errors import Refused
from directory.models import BulkAct, BulkKind, BulkState
from directory.models.bulk.bulk_acts import CONFIRMED_WITHIN, BulkActQuerySet
from directory.values.bulk import bulk_limits
from directory.values.bulk.bulk_limits import BulkFigures
from orgs.actions import locks
from orgs.actions.audit import Fact, note
from orgs.models import Matter, Org, Role, User
from orgs.rules.actors import Actor

# Acts of this time count together.
TOGETHER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Argument:
    """The org, the role or the matter that an act needs."""

    org: Org | None = None
    role: Role | None = None
    matter: Matter | None = None


@dataclass(frozen=True, slots=True)
class BulkConfirmation:
    """What the person has confirmed: the typed number, and whether their password was entered just now."""

    typed: int | None = None
    password_entered: bool = False


def figures(act: BulkAct, terms: BulkTerms, *, at: datetime) -> BulkFigures:
    """Return the numbers that the limits of an act are about."""
    earlier = [] if act.undo_of_id is not None else list(_earlier(act, terms, at))
    return BulkFigures(
        people=act.total,
        earlier=sum(_concerned(each) for each in earlier),
        earlier_admins=sum(_concerned(each) for each in earlier if each.role is not None and each.role.holds_admin),
        active=User.objects.managed_by(terms.person).filter(active=True).count(),
        cuts_off=terms.kind in CUTTING_OFF,
        grants_admin=terms.kind == BulkKind.ADD_ROLE and terms.role is not None and terms.role.holds_admin,
    )


def _earlier(act: BulkAct, terms: BulkTerms, at: datetime) -> BulkActQuerySet:
    """Return the person's acts of the last 24 hours that count together with this one: all that shut people out, too."""
    kinds = CUTTING_OFF if terms.kind in CUTTING_OFF else {terms.kind}
    acts = BulkAct.objects.filter(
        started_by=act.started_by_id, kind__in=kinds, confirmed_at__gt=at - TOGETHER, undo_of=None
    )
    return acts.exclude(pk=act.pk).exclude(state=BulkState.PREPARED).select_related("role")


def _concerned(act: BulkAct) -> int:
    """Return whom a confirmed act has changed or may still change."""
    return act.total - act.left_out - act.failed if act.live else act.done


def with_argument(terms: BulkTerms, argument: Argument) -> BulkTerms:
    """Return the terms with the argument that was chosen; an undo keeps its own."""
    if terms.undone is not None:
        return terms
    return replace(terms, org=argument.org, role=argument.role, matter=argument.matter)


@transaction.atomic
def confirm(*, act: BulkAct, argument: Argument, confirmed: BulkConfirmation, by: Actor, at: datetime) -> BulkAct:
    """Put a prepared act into the queue of the workers.

    Raises:
        Refused: when somebody else has prepared it, it was confirmed before or too long ago, its argument is missing or
            not for this person, or the number or the password that a large act needs is missing.
    """
    # The order of locks, as in a part: roles, the act, orgs, users. The act comes to name the role and the org.
    if argument.role is not None:
        locks.roles()
    stored = BulkAct.objects.select_for_update().get(pk=act.pk)
    if stored.started_by_id != by.user_id or stored.state != BulkState.PREPARED:
        raise Refused("this act was confirmed already, or belongs to somebody else")
    if stored.created_at <= at - CONFIRMED_WITHIN:
        raise Refused("this act was prepared too long ago: choose the users again")
    terms = with_argument(terms_of(stored), argument)
    needed = WITH_ARGUMENT.get(terms.kind)
    if needed and not terms.moves_back and getattr(terms, needed) is None:
        raise Refused("something is missing: choose it first")
    if reason := problem(terms):
        raise Refused(reason)
    if terms.org is not None:
        locks.orgs([terms.org.pk])
    # Of two acts that one person confirms at the same moment, the second counts the first.
    locks.users([terms.person.pk])
    numbers = figures(stored, terms, at=at)
    stored.limits = bulk_limits.passed(numbers)
    if bulk_limits.needs_count(numbers):
        if confirmed.typed != stored.total:
            raise Refused(f"type {stored.total}, the number of chosen users, to confirm")
        stored.typed_count = confirmed.typed
    if needs_password(stored) and not confirmed.password_entered:
        raise Refused("this act passes a limit, or is about roles: enter your password first")
    stored.org, stored.role, stored.matter = terms.org, terms.role, terms.matter
    stored.state, stored.confirmed_at = BulkState.QUEUED, at
    stored.save()
    about = {"act": stored.kind, "users": stored.total} | _argument_in_words(stored)
    note([Fact("bulk act", stored.pk, str(stored), after=about)], action="bulk act confirmed", by=by, at=at)
    transaction.on_commit(lambda: wake_worker(stored.pk))
    return stored


def needs_password(act: BulkAct) -> bool:
    """Return whether the password has to be asked for: roles are given and taken so, and limits are passed so."""
    return bool(act.limits) or WITH_ARGUMENT.get(BulkKind(act.kind)) == "role"


def _argument_in_words(act: BulkAct) -> dict[str, object]:
    values = {"org": act.org, "role": act.role, "matter": act.matter}
    words: dict[str, object] = {name: str(value) for name, value in values.items() if value is not None}
    if act.undo_of_id is not None:
        words["undo of"] = act.undo_of_id
    return words | ({"limits": act.limits} if act.limits else {})


@transaction.atomic
def cancel(*, act: BulkAct, by: Actor, at: datetime) -> BulkAct:
    """Cancel an act: one that waits ends at once, another one after its present part; who is done by then stays so.

    Raises:
        Refused: when it has ended.
    """
    stored = BulkAct.objects.select_for_update().get(pk=act.pk)
    if not stored.live:
        raise Refused(f"{stored} has ended: it is {stored.get_state_display()}")
    stored.cancel_requested = True
    if stored.state == BulkState.QUEUED and stored.lease_until is None:
        stored.state, stored.finished_at = BulkState.CANCELLED, at
    stored.save(update_fields=["cancel_requested", "state", "finished_at"])
    note([Fact("bulk act", stored.pk, str(stored))], action="bulk act cancelled", by=by, at=at)
    return stored
