"""Moves users to another org by hand; devices of users whom its directory does not know have to sign in again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from directory import found_elsewhere
from orgs.actions import locks
from orgs.actions.users import org_moves
from orgs.models import Org, User
from orgs.rules.actors import Actor


@transaction.atomic
def move(*, user_ids: Collection[int], org: Org, by: Actor, at: datetime) -> frozenset[int]:
    """Move users to the org. Return who was moved.

    Raises:
        Refused: when the org is not active; when a user would reach further than ``by``, or the org's default roles
            hold more than ``by``; when the acting person or the last SYSADMIN could not sign in any more.
    """
    # The order of locks: orgs before users.
    locks.orgs([org.pk])
    locks.users(user_ids)
    unknown = User.objects.filter(found_elsewhere.unknown_in(org.pk), pk__among=user_ids)
    strangers = list(unknown.values_list("pk", flat=True))
    return org_moves.move(moves=dict.fromkeys(user_ids, org.pk), strangers=strangers, by=by, at=at)
