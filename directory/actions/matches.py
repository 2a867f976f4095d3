"""Forgets which LDAP entries users were last matched to, so that the next sync matches them anew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from directory.models import KnownId, Match
from directory.sync import known_ids, standing
from directory.sync.known_ids import Noted
from orgs.actions import guard
from orgs.actions.audit import Fact, note
from orgs.actors import Actor


@transaction.atomic
def forget(*, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Let the next sync look for these users by username alone; return how many had a match.

    Raises:
        Refused: when one of them holds more than ``by``: whoever has the username in the directory gets the account.
    """
    guard.refuse_above(user_ids=user_ids, doing="have them matched anew", by=by)
    found = list(
        Match.objects.select_for_update(of=("self",))
        .filter(user__in=user_ids)
        .select_related("user", "server")
        .order_by("pk")
    )
    further = known_ids.of([match.user_id for match in found])
    Match.objects.filter(pk__in=[match.pk for match in found]).delete()
    KnownId.objects.filter(user__in=user_ids).delete()
    standing.drop([match.user_id for match in found])
    note([_fact(match, further[match.user_id]) for match in found], action="match forgotten", by=by, at=at)
    return len(found)


def _fact(match: Match, noted: Noted) -> Fact:
    before = {
        "LDAP server": match.server.name if match.server is not None else "",
        "DN": match.dn,
        "immutable id": match.unique_id,
    }
    if further := sorted(one for one, _ in noted.ids if one != match.unique_id):
        before["further immutable ids"] = ", ".join(further)
    return Fact("user", match.user_id, match.user.username, before=before)
