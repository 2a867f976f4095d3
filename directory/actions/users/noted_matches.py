"""Changes the stored matches of users: forgets them, or gives up the LDAP server on which users were last found."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from directory import found_elsewhere
from directory.found_elsewhere import FoundOnServer
from directory.input_errors import Refused
from directory.models import KnownId, LastSeen, LdapServer, Match
from directory.sync.identify import known_ids
from directory.sync.identify.known_ids import KnownInDirectories
from directory.sync.stored import decision_cache
from orgs.actions import escalation_guard, locks
from orgs.actions.audit import Fact, note
from orgs.rules.actors import Actor


@transaction.atomic
def forget(*, user_ids: Collection[int], by: Actor, at: datetime) -> int:
    """Make the next sync search for these users only by username; return how many had a match.

    Raises:
        Refused: when a user holds more than ``by``: the person with this username in the directory gets the account.
    """
    escalation_guard.refuse_above(user_ids=user_ids, doing="have them matched anew", by=by)
    locks.users(user_ids)
    found = list(
        Match.objects.select_for_update(of=("self",))
        .filter(user__in=user_ids)
        .select_related("user", "server")
        .order_by("pk")
    )
    further = known_ids.of([match.user_id for match in found])
    Match.objects.filter(pk__in=[match.pk for match in found]).delete()
    KnownId.objects.filter(user__in=user_ids).delete()
    LastSeen.objects.filter(user__in=user_ids).delete()
    decision_cache.drop([match.user_id for match in found])
    note([_fact(match, further[match.user_id]) for match in found], action="match forgotten", by=by, at=at)
    return len(found)


@transaction.atomic
def give_up(*, server: FoundOnServer, user_ids: Collection[int] | None = None, by: Actor, at: datetime) -> int:
    """Decide that users are gone from a server that their orgs do not use: all of them, or only ``user_ids``.

    Their ids stay stored, but the server of their match is removed. They count as absent when the next complete reading of
    their orgs' servers does not find them. Return the number of users.

    Raises:
        Refused: when none of them is left: they were last found elsewhere, or their orgs use that server now.
    """
    ids = server.matches().values_list("user", flat=True) if user_ids is None else user_ids
    locks.users(list(ids))
    # Look again under the lock: users may have moved to other orgs.
    now = next((group for group in found_elsewhere.groups() if _is_same(group, server)), None)
    found = list(now.matches().select_for_update(of=("self",))) if now is not None else []
    chosen = [match for match in found if user_ids is None or match.user_id in user_ids]
    if not chosen:
        raise Refused(f"nobody of them was last found in {server.name} and is of an org that does not ask it")
    people = [match.user_id for match in chosen]
    LastSeen.objects.filter(user__in=people, server__in={match.server_id for match in chosen} - {None}).delete()
    Match.objects.filter(pk__in=[match.pk for match in chosen]).update(server=None, deleted_server="")
    decision_cache.drop(people)
    further = known_ids.of(people)
    note(
        [_fact(match, further[match.user_id]) for match in chosen],
        action="gone from LDAP server",
        by=by,
        at=at,
    )
    return len(chosen)


def _is_same(group: FoundOnServer, other: FoundOnServer) -> bool:
    return (group.server_id, group.name) == (other.server_id, other.name)


def keep_name(*, server: LdapServer) -> None:
    """Store the server's name in the matches of its users: the server is about to be deleted."""
    Match.objects.filter(server=server).update(deleted_server=server.name)


def _fact(match: Match, known: KnownInDirectories) -> Fact:
    before = {
        "LDAP server": match.server.name if match.server is not None else match.deleted_server,
        "DN": match.dn,
        "immutable id": match.unique_id,
    }
    if further := sorted(unique_id for unique_id, _ in known.ids if unique_id != match.unique_id):
        before["further immutable ids"] = ", ".join(further)
    return Fact("user", match.user_id, match.user.username, before=before)
