"""Refuses changes that leave no active SYSADMIN."""

from __future__ import annotations

from collections.abc import Collection

from orgs.actions import locks
from orgs.actions.errors import Refused
from orgs.models import User


def refuse_to_lose(*, losing: Collection[int], gaining: Collection[int] = ()) -> None:
    """Refuse to take the role or the account from the last active SYSADMIN, unless one of ``gaining`` becomes one.

    The caller has locked the users by ``locks.users``: of two losses at once, the second sees the first.
    """
    if not losing or not locks.admin_grants().filter(user__among=losing).exists():
        return
    holders = set(User.objects.sysadmins().values_list("pk", flat=True))
    leaving = holders & set(losing)
    heirs = User.objects.filter(pk__among=gaining, active=True, blocked=False).exclude(pk__among=losing)
    if leaving and not holders - leaving and not heirs.exists():
        name = User.objects.get(pk=min(leaving)).username
        raise Refused(f"{name} is the last active user with the SYSADMIN role, and someone has to hold it")
