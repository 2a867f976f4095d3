"""Decides whom an act on many users leaves out, and why: the same for its preview and for each part of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from directory.actions.bulk.bulk_terms import CUTTING_OFF, BulkTerms
from directory.models import BulkActUser, BulkKind, LeftOut, UserOutcome
from orgs.actions import escalation_guard
from orgs.models import AuditEntry, Custodian, Org, Role, RoleGrant, User
from orgs.models.orgs import OrgQuerySet
from orgs.models.users import UserQuerySet
from orgs.permissions import Permission
from orgs.rules.inheritance import Effective, effective_settings
from orgs.rules.permission_comparison import Holding

# The audit entries after which an act can't be undone any more, by the act that undoes.
_UNDONE_BY = {
    BulkKind.UNBLOCK: (
        "user blocked",
        "user unblocked",
        "user deactivated",
        "deactivation pending",
        "pending deactivation cleared",
    ),
    BulkKind.REACTIVATE: (
        "user deactivated",
        "user reactivated",
        "user blocked",
        "user unblocked",
        "deactivation pending",
        "pending deactivation cleared",
    ),
    BulkKind.MOVE: ("user moved",),
    BulkKind.ADD_ROLE: ("roles set",),
    BulkKind.REMOVE_ROLE: ("roles set",),
}


@dataclass(frozen=True, slots=True)
class Sorted:
    """Users in two parts: those who would be changed, and those who are left out, by the reason."""

    changing: UserQuerySet
    left_out: list[tuple[LeftOut, UserQuerySet]]


def sort_out(users: UserQuerySet, terms: BulkTerms) -> Sorted:
    """Return whom of these users the act changes, and whom it leaves out; a user is left out for the first reason."""
    remaining, left_out = users, []
    for reason, condition in _reasons(terms):
        found = condition(remaining)
        left_out.append((reason, remaining.filter(found)))
        remaining = remaining.exclude(found)
    return Sorted(remaining, left_out)


def reasons_of(user_ids: Collection[int], terms: BulkTerms) -> dict[int, LeftOut]:
    """Return those of these users who are left out, with the reason."""
    remaining: UserQuerySet = User.objects.filter(pk__among=user_ids)
    found: dict[int, LeftOut] = {}
    for reason, condition in _reasons(terms):
        left = remaining.filter(condition(remaining)).order_by().values_list("pk", flat=True)
        found.update(dict.fromkeys(left, reason))
        remaining = User.objects.filter(pk__among=[pk for pk in user_ids if pk not in found])
    return found


Condition = Callable[[UserQuerySet], Q]


def _reasons(terms: BulkTerms) -> Iterator[tuple[LeftOut, Condition]]:
    """Yield the reasons that count for this act, in their order, each with the condition that it is true of a user."""
    if not terms.person.may_everywhere(Permission.USER):
        managed = User.objects.visible_to(terms.person).managed_by(terms.person)
        yield LeftOut.OUTSIDE, lambda _users: ~Q(pk__in=managed.order_by().values("pk"))
    # After their own move or without their own role they could not go on with the others.
    if terms.kind in CUTTING_OFF | {BulkKind.MOVE, BulkKind.REMOVE_ROLE}:
        yield LeftOut.OWN, lambda _users: Q(pk=terms.person.pk)
    if terms.undone is not None:
        yield LeftOut.CHANGED, lambda _users: _changed_since(terms)
        yield LeftOut.TRAIL_TOO_SHORT, lambda _users: ~_in_the_trail(terms)
    yield LeftOut.ALREADY, lambda _users: _already(terms)
    yield from _states_that_do_not_fit(terms)
    if (holding_more := _HOLDING_MORE.get(terms.kind)) is not None:
        yield LeftOut.HOLDS_MORE, lambda users: holding_more(users, terms)
    if terms.kind in CUTTING_OFF or terms.kind == BulkKind.REMOVE_ROLE:
        yield LeftOut.LAST_SYSADMIN, lambda users: _last_sysadmin(users, terms)


def _states_that_do_not_fit(terms: BulkTerms) -> Iterator[tuple[LeftOut, Condition]]:
    if terms.kind == BulkKind.BLOCK:
        yield LeftOut.UNFIT, lambda _users: Q(active=False)
    if terms.kind == BulkKind.REACTIVATE:
        yield LeftOut.ORG_OUT_OF_USE, lambda _users: Q(active=False, org__active=False)
    if terms.moves_back:
        yield LeftOut.ORG_OUT_OF_USE, lambda _users: ~_goes_back_to(terms, Org.objects.active())
        yield LeftOut.OUTSIDE, lambda _users: ~_goes_back_to(terms, terms.orgs_managed())


def _already(terms: BulkTerms) -> Q:
    """Return the condition that the act would change nothing."""
    if terms.undone is not None and terms.kind == BulkKind.REACTIVATE:
        # Users on hold were blocked instead, with a pending deactivation.
        return Q(active=True, pending=False)
    if terms.moves_back:
        return Q(org=Subquery(terms.undone_rows().values("org_before")[:1]))
    return _ALREADY[terms.kind](terms)


def _is_custodian(terms: BulkTerms) -> Q:
    rows = Custodian.objects.filter(user=OuterRef("pk"), matter=terms.matter, released_at=None)
    return Q(Exists(rows))


def _holds_role(terms: BulkTerms) -> Q:
    return Q(Exists(RoleGrant.objects.filter(user=OuterRef("pk"), role=terms.role)))


def _changed_since(terms: BulkTerms) -> Q:
    """Return the condition that the undone act has not changed the user, or somebody else has done so since."""
    undone = terms.undone
    # By keys, not by times: whoever waits for the user's lock has looked at the clock before.
    own = AuditEntry.objects.filter(
        object_type="user", object_id=OuterRef("object_id"), bulk_act_id=undone.pk if undone else 0
    )
    later = AuditEntry.objects.filter(
        object_type="user",
        object_id=OuterRef("pk"),
        action__in=_UNDONE_BY[terms.kind],
        pk__gt=Subquery(own.order_by("-pk").values("pk")[:1]),
    )
    by_others = later.filter(Q(bulk_act_id=None) | ~Q(bulk_act_id=undone.pk if undone else None))
    changed = terms.undone_rows().filter(outcome__in=(UserOutcome.DONE, UserOutcome.BLOCKED_INSTEAD))
    return ~Q(Exists(changed)) | Q(Exists(by_others))


def _in_the_trail(terms: BulkTerms) -> Q:
    """Return the condition that the trail still has what the undone act did to the user, and so all that came later.

    Retention removes the old entries about an object from its first one on, so no gap comes after an entry that is left.
    """
    own = AuditEntry.objects.filter(
        object_type="user", object_id=OuterRef("pk"), bulk_act_id=terms.undone.pk if terms.undone else 0
    )
    return Q(Exists(own))


def _goes_back_to(terms: BulkTerms, orgs: OrgQuerySet) -> Q:
    ids = list(orgs.values_list("pk", flat=True))
    return Q(Exists(terms.undone_rows().filter(org_before__in=ids)))


def _among(user_ids: Collection[int]) -> Q:
    return Q(pk__in=sorted(user_ids))


def _administrators(users: UserQuerySet) -> list[int]:
    """Return those of these users who hold more than personal permissions: only they can hold more than somebody else."""
    return list(users.holding_more_than_personal().order_by().values_list("pk", flat=True))


def _above(users: UserQuerySet, terms: BulkTerms) -> Q:
    return _among(escalation_guard.above(user_ids=_administrators(users), by=terms.by))


def _gaining_by_move(users: UserQuerySet, terms: BulkTerms) -> Q:
    administrators = _administrators(users)
    targets = terms.targets(administrators)
    paths = dict(Org.objects.filter(pk__in=set(targets.values())).values_list("pk", "path"))
    current = escalation_guard.holdings(administrators)
    after = {pk: Holding(current[pk].permissions, paths[org]) for pk, org in targets.items() if org in paths}
    return _among(escalation_guard.gains(after=after, before=current, by=terms.by)) | _into_greater_orgs(terms)


def _into_greater_orgs(terms: BulkTerms) -> Q:
    """Return the condition that a move back leads to an org whose default roles hold more than the person."""
    actor = escalation_guard.acting(terms.by)
    if not terms.moves_back or actor is None:
        return Q(pk__in=[])
    rows = BulkActUser.objects.filter(bulk_act=terms.undone).order_by()
    orgs = effective_settings()
    beyond = [
        pk
        for pk in rows.values_list("org_before", flat=True).distinct()
        if pk in orgs and escalation_guard.not_grantable(actor, _default_roles(orgs[pk]), org_path=orgs[pk].path)
    ]
    return Q(Exists(terms.undone_rows().filter(org_before__in=beyond)))


def _default_roles(org: Effective) -> QuerySet[Role]:
    return Role.objects.filter(name__in=org.default_roles)


def _role_beyond(users: UserQuerySet, terms: BulkTerms) -> Q:
    """Return the condition that the person does not hold all of the role in the user's org.

    Somebody who gets a role and has its permissions already gains nothing. Only administrators can have them: the action
    compares each of these.
    """
    actor = escalation_guard.acting(terms.by)
    orgs = Org.objects.filter(pk__in=users.order_by().values("org")).values_list("pk", "path")
    if actor is None or terms.role is None:
        return Q(pk__in=[])
    beyond = [pk for pk, path in orgs if escalation_guard.not_grantable(actor, [terms.role], org_path=path)]
    condition = Q(org__in=beyond)
    if beyond and terms.kind == BulkKind.ADD_ROLE:
        condition &= ~Q(pk__in=_administrators(users.filter(org__in=beyond)))
    return condition


def _last_sysadmin(users: UserQuerySet, terms: BulkTerms) -> Q:
    """Return the condition for the SYSADMIN who has to stay, if the act would leave none: the last one to be changed."""
    if terms.kind == BulkKind.REMOVE_ROLE and not (terms.role and terms.role.holds_admin):
        return _among(())
    sysadmins = set(User.objects.sysadmins().values_list("pk", flat=True))
    losing = set(users.sysadmins().order_by().values_list("pk", flat=True))
    return _among({max(losing)} if losing and losing == sysadmins else ())


_ALREADY: dict[BulkKind, Callable[[BulkTerms], Q]] = {
    BulkKind.BLOCK: lambda _terms: Q(blocked=True),
    BulkKind.UNBLOCK: lambda _terms: Q(blocked=False),
    BulkKind.DEACTIVATE: lambda _terms: Q(active=False) | Q(pending=True),
    BulkKind.REACTIVATE: lambda _terms: Q(active=True),
    BulkKind.MOVE: lambda terms: Q(org=terms.org),
    BulkKind.ADD_ROLE: _holds_role,
    BulkKind.REMOVE_ROLE: lambda terms: ~_holds_role(terms),
    BulkKind.HOLD: _is_custodian,
}
_HOLDING_MORE: dict[BulkKind, Callable[[UserQuerySet, BulkTerms], Q]] = {
    BulkKind.UNBLOCK: _above,
    BulkKind.REACTIVATE: _above,
    BulkKind.MOVE: _gaining_by_move,
    BulkKind.ADD_ROLE: _role_beyond,
    BulkKind.REMOVE_ROLE: _role_beyond,
}
