"""I14: second factors are those that their users have set up, and recovery codes stand beside one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from allauth.mfa.models import Authenticator

from directory.invariants.audit_trail import begins_later
from orgs.models import AuditEntry
from orgs.rules.second_factors import FACTORS

_SET_UP, _REMOVED, _RESET = "second factor set up", "second factor removed", "second factor reset"


def codes_beside_a_factor(_at: datetime) -> Iterator[str]:
    """Recovery codes are only there for users who have a second factor: alone they would ask for what nobody set up."""
    having = Authenticator.objects.filter(type__in=FACTORS).values("user")
    alone = Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES).exclude(user__in=having)
    for user, name in alone.order_by("pk").values_list("user", "user__username"):
        yield f"user {user} ({name}) has recovery codes, but no second factor"


def as_the_trail_has_them(_at: datetime) -> Iterator[str]:
    """Every user has as many second factors as the audit trail leads to."""
    if begins_later():
        return
    expected = Counter[int]()
    trail = AuditEntry.objects.filter(object_type="user", action__in=(_SET_UP, _REMOVED, _RESET)).order_by("pk")
    for user, action in trail.values_list("object_id", "action").iterator():
        if action == _RESET:
            expected[user] = 0
        else:
            expected[user] += 1 if action == _SET_UP else -1
    present = Counter(Authenticator.objects.filter(type__in=FACTORS).order_by().values_list("user", flat=True))
    for user in sorted(expected.keys() | present.keys()):
        if expected[user] != present[user]:
            yield f"user {user} has {present[user]} second factors, but the audit trail leads to {expected[user]}"
