"""A user, the orgs and roles around them, and what a directory says of them: what the tests of rules begin from."""

from __future__ import annotations

from directory.values.ldap import Identity
from directory.values.plan import Account, LookupResult, MatchedBy, OrgFacts, PlanContext, Presence, StoredUser
from directory.values.scripts import Verdict

SEAN = Account(
    username="sean",
    email="sean@example.com",
    first_name="Sean",
    last_name="Ryan",
    active=True,
    blocked=False,
    pending=False,
    org="Default",
    org_id=2,
    roles=frozenset({"PROe User"}),
)
DEFAULT = OrgFacts(2, "Default", frozenset({"PROe User", "Desktop User"}), servers=(1,))
STAFF = OrgFacts(3, "Staff", frozenset({"PROe User"}), servers=(2, 1))
CONTEXT = PlanContext(
    orgs={"default": DEFAULT, "staff": STAFF, "archive": OrgFacts(4, "Archive", synchronized=False)},
    roles={"proe user": "PROe User", "desktop user": "Desktop User", "org admin": "Org Admin", "sysadmin": "SYSADMIN"},
    admin_roles=frozenset({"SYSADMIN"}),
    grantable={1: frozenset({"PROe User", "Desktop User", "Org Admin"})},
)
HERE = Identity("uid=sean,dc=example", "id-1", ("sean",), ("sean@example.com",), "Sean", "Ryan")
EMPTY_VERDICT = Verdict()


def known(account: Account = SEAN, **facts: bool) -> StoredUser:
    """Return the user as Rollcall knows them."""
    return StoredUser(5, account, **facts)


def found(verdict: Verdict = EMPTY_VERDICT, identity: Identity = HERE, known_id: str = "") -> LookupResult:
    """Return the user as the server 1 has them."""
    return LookupResult(Presence.FOUND, "Corp", 1, identity, verdict, MatchedBy.USERNAME, known_id)
