"""Carries out an act for some of its users by the actions that single acts use, and leaves out whom a rule refuses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DataError, IntegrityError, transaction

from directory.actions.bulk.bulk_terms import BulkTerms
from directory.actions.users import org_moves_by_hand, reactivation_by_hand
from directory.models import BulkActUser, BulkKind, LeftOut, UserOutcome
from orgs.actions import legal_holds, locks
from orgs.actions.errors import Refused
from orgs.actions.users import blocking, deactivation, pending_deactivation, role_grants
from orgs.models import Matter, User


@dataclass(frozen=True, slots=True)
class UserResult:
    """What an act came to for one user."""

    outcome: UserOutcome
    reason: str = ""
    detail: str = ""


def lock(user_ids: Collection[int], terms: BulkTerms) -> None:
    """Lock everything that the act depends on, in the order of all actions: roles, orgs, matters, users."""
    match terms.kind:
        case BulkKind.ADD_ROLE | BulkKind.REMOVE_ROLE:
            locks.roles()
        case BulkKind.MOVE:
            locks.orgs(set(terms.targets(user_ids).values()))
        case BulkKind.REACTIVATE:
            # With the users.
            locks.orgs_of_users(user_ids)
            return
        case BulkKind.HOLD:
            # As in an edit of the matter: a sync that holds users may write events of it meanwhile.
            list(Matter.objects.select_for_update(no_key=True).filter(pk=terms.matter.pk if terms.matter else 0))
        case _:
            pass
    locks.users(user_ids)


def do(user_ids: Sequence[int], terms: BulkTerms, *, at: datetime) -> dict[int, UserResult]:
    """Do the act to all of these users at once; if a rule forbids it, halve them again and again to find whom.

    The caller has locked them.
    """
    if not user_ids:
        return {}
    try:
        with transaction.atomic(), locks.holding(user_ids):
            # Not as a list: Django looks at each value of a list.
            instead = _act(dict.fromkeys(user_ids), terms, at)
    except (Refused, IntegrityError, DataError) as error:
        if len(user_ids) > 1:
            middle = len(user_ids) // 2
            return do(user_ids[:middle], terms, at=at) | do(user_ids[middle:], terms, at=at)
        if isinstance(error, Refused):
            return {user_ids[0]: UserResult(UserOutcome.LEFT_OUT, LeftOut.RULE, str(error))}
        return {user_ids[0]: UserResult(UserOutcome.FAILED, "", "the database refuses it")}
    outcomes = {True: UserResult(UserOutcome.BLOCKED_INSTEAD), False: UserResult(UserOutcome.DONE)}
    return {pk: outcomes[pk in instead] for pk in user_ids}


def _act(user_ids: Collection[int], terms: BulkTerms, at: datetime) -> frozenset[int]:
    """Call the action; return the users who were blocked instead, because they are on legal hold."""
    by = terms.by
    match terms.kind:
        case BulkKind.BLOCK:
            blocking.block(user_ids=user_ids, by=by, at=at)
        case BulkKind.UNBLOCK:
            blocking.unblock(user_ids=user_ids, by=by, at=at)
        case BulkKind.DEACTIVATE:
            return deactivation.deactivate(user_ids=user_ids, by=by, at=at).on_hold
        case BulkKind.REACTIVATE:
            _reactivate(user_ids, terms, at)
        case BulkKind.MOVE:
            org_moves_by_hand.move_each(moves=terms.targets(user_ids), by=by, at=at)
        case BulkKind.ADD_ROLE:
            role_grants.change_roles(user_ids=user_ids, added=_role(terms), by=by, at=at)
        case BulkKind.REMOVE_ROLE:
            role_grants.change_roles(user_ids=user_ids, removed=_role(terms), by=by, at=at)
        case BulkKind.HOLD:
            if terms.matter is None:
                raise Refused("the matter is not there any more")
            legal_holds.add_custodians(matter=terms.matter, user_ids=user_ids, by=by, at=at)
    return frozenset()


def _role(terms: BulkTerms) -> list[int]:
    if terms.role is None:
        raise Refused("the role does not exist any more")
    return [terms.role.pk]


def _reactivate(user_ids: Collection[int], terms: BulkTerms, at: datetime) -> None:
    """Reactivate users; an undo also takes back what was done to users on hold, who were blocked instead."""
    waiting: set[int] = set()
    if terms.undone is not None:
        waiting = set(User.objects.filter(pk__among=user_ids, active=True, pending=True).values_list("pk", flat=True))
        rows = BulkActUser.objects.filter(bulk_act=terms.undone, user__among=waiting, blocked_before=False)
        unblocked = set(rows.values_list("user_id", flat=True))
        blocking.unblock(user_ids=unblocked, by=terms.by, at=at)
        pending_deactivation.clear_pending(user_ids=waiting - unblocked, by=terms.by, at=at)
    reactivation_by_hand.reactivate(user_ids=[pk for pk in user_ids if pk not in waiting], by=terms.by, at=at)
