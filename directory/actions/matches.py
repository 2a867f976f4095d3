"""Forgets which LDAP entries users were last matched to, so that the next sync matches them anew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from directory.models import Match
from directory.sync import standing
from orgs.actions.audit import Fact, note
from orgs.actors import Actor


@transaction.atomic
def forget(*, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Let the next sync look for these users by username alone; return how many had a match."""
    found = list(
        Match.objects.select_for_update(of=("self",))
        .filter(user__in=user_ids)
        .select_related("user", "server")
        .order_by("pk")
    )
    Match.objects.filter(pk__in=[match.pk for match in found]).delete()
    standing.drop([match.user_id for match in found])
    note([_fact(match) for match in found], action="match forgotten", by=by, at=at)
    return len(found)


def _fact(match: Match) -> Fact:
    before = {
        "LDAP server": match.server.name if match.server is not None else "",
        "DN": match.dn,
        "immutable id": match.unique_id,
    }
    return Fact("user", match.user_id, match.user.username, before=before)
