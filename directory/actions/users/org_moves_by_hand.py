"""Moves users to other orgs by hand; devices of users whom the new org's directory does not know have to sign in again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from directory import found_elsewhere
from orgs.actions import locks
from orgs.actions.users import org_moves
from orgs.models import Org
from orgs.rules.actors import Actor


def move(*, user_ids: Collection[int], org: Org, by: Actor, at: datetime) -> frozenset[int]:
    """Move users to the org. Return who was moved.

    Raises:
        Refused: as ``move_each`` does.
    """
    return move_each(moves=dict.fromkeys(user_ids, org.pk), by=by, at=at)


@transaction.atomic
def move_each(*, moves: Mapping[int, int], by: Actor, at: datetime) -> frozenset[int]:
    """Move users (keys) into orgs (values). Return who was moved.

    Raises:
        Refused: when an org is not active; when a user would reach further than ``by``, or the org's default roles
            hold more than ``by``; when the acting person or the last SYSADMIN could not sign in any more.
    """
    # The order of locks: orgs before users.
    locks.orgs(moves.values())
    locks.users(moves)
    return org_moves.move(moves=moves, strangers=found_elsewhere.strangers_in(moves), by=by, at=at)
