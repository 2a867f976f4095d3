"""Sixty users in step with a real directory behind a proxy, and what the next undisturbed sync makes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from directory.invariants import broken
from directory.models import LdapServer, Run, RunState
from orgs.actions.users import user_creation, user_profiles
from orgs.models import CreatedBy, User
from orgs.rules.actors import SYSTEM
from tests.catalogue import Row, noted
from tests.directories import Directory, to_ldif
from tests.faults.proxy import Fault, Proxy
from tests.state import Rows, changed_users, lost, snapshot
from tests.worlds import NOON, device, ldap_server, org, simulate, sync

BASE = "dc=example,dc=com"
UNIT = f"ou=People,{BASE}"
STAFF = 60
PAGE = 10
# Who has left, who is not active any more, and who has changed to another org since the last sync.
LEAVERS = ("p001", "p002", "p003")
INACTIVE = ("p004", "p005")
MOVER = "p006"
ACTIVE = 'function (entry) { return entry.employeeType != "inactive" }'
ORG_NAME = "function (entry) { return entry.departmentNumber }"
# Only those rows that are about waiting wait; no other may be decided by a slow machine.
LONG_TIMEOUT, SHORT_TIMEOUT = 60, 3
AFTERNOON = NOON + timedelta(hours=3)


def first_often(names: Iterable[Any]) -> list[Any]:
    """Return parameters of which every push tries the first, and the whole catalogue all."""
    first, *rest = names
    return [first, *(pytest.param(name, marks=pytest.mark.whole) for name in rest)]


def person(number: int, **attributes: str) -> tuple[str, dict[str, Any]]:
    """Return the DN and the attributes of one of the staff."""
    uid = f"p{number:03}"
    entry = {
        "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson"],
        "uid": uid,
        "cn": uid,
        "sn": uid.upper(),
        "mail": f"{uid}@example.com",
        "departmentNumber": "Default",
        "employeeType": "staff",
        **attributes,
    }
    return f"uid={uid},{UNIT}", entry


def staff(count: int = STAFF) -> str:
    """Return LDIF of an OU with so many people."""
    unit = to_ldif(UNIT, {"objectClass": "organizationalUnit", "ou": "People"})
    return unit + "".join(to_ldif(*person(number)) for number in range(1, count + 1))


def dn_of(uid: str) -> str:
    """Return the DN of one of the staff."""
    return f"uid={uid},{UNIT}"


@dataclass
class World:
    """A directory, the proxy before it, and the states between which a run may move the users.

    ``before`` is what Rollcall holds when a fault happens, ``twin`` what it would hold after an undisturbed sync.
    """

    directory: Directory
    proxy: Proxy
    before: Rows = field(default_factory=dict)
    twin: Rows = field(default_factory=dict)

    def server(self, url: str = "", **values: Any) -> LdapServer:
        """Save the LDAP server; without an address it is the proxy."""
        settings = {
            "search_base": UNIT,
            "search_filter": "(objectClass=inetOrgPerson)",
            "bind_dn": self.directory.reader_dn,
            "bind_password": self.directory.reader_password,
            "page_size": PAGE,
            "connect_timeout": 10,
            "operation_timeout": LONG_TIMEOUT,
            "active_script": ACTIVE,
            "org_name_script": ORG_NAME,
            # What is not named keeps its value, and a test may have set it.
            "start_tls": False,
            "ca_certificate": "",
            "search_scope": "subtree",
            "username_attribute": "uid",
            "canary": "",
            **values,
        }
        return ldap_server(url or self.proxy.url, **settings)

    def settle(self) -> None:
        """Make the users and bring them in step, then let the directory change."""
        default = org("Default")
        org("Staff")
        names = [f"p{number:03}" for number in range(1, STAFF + 1)]
        made = user_creation.create(
            users=[user_creation.NewUser(user_profiles.Profile(name), default.pk, frozenset()) for name in names],
            created_by=CreatedBy.HAND,
            by=SYSTEM,
            at=NOON,
        )
        for owner in made[:10]:
            device(owner)
        self.server()
        simulate()
        assert sync().state == RunState.APPLIED
        for uid in LEAVERS:
            self.directory.delete(dn_of(uid))
        for uid in INACTIVE:
            self.directory.modify(dn_of(uid), {"employeeType": "inactive"})
        self.directory.modify(dn_of(MOVER), {"departmentNumber": "Staff"})
        self.before = snapshot()
        with transaction.atomic():
            assert sync().state == RunState.APPLIED
            self.twin = snapshot()
            transaction.set_rollback(True)
        expected = {user.username for user in User.objects.filter(pk__in=changed_users(self.before, self.twin))}
        assert expected == {*LEAVERS, *INACTIVE, MOVER}

    @contextmanager
    def row(self, name: str, *, how: str, expected: str) -> Iterator[Row]:
        """Collect one row of the catalogue; whatever was armed is over at its end."""
        try:
            with noted("faults", f"LDAP: {name}", how=how, expected=expected) as row:
                yield row
        finally:
            self.proxy.heal()

    def sync(self, *, timeout: int = LONG_TIMEOUT) -> Run:
        """Synchronize with this time-out for each answer, in seconds."""
        LdapServer.objects.update(operation_timeout=timeout)
        return sync()

    def disturbed(self, fault: Fault, *, timeout: int = LONG_TIMEOUT) -> Run:
        """Synchronize while something goes wrong, which is over when this returns."""
        self.proxy.arm(fault)
        run = self.sync(timeout=timeout)
        assert self.proxy.happened, "nothing went wrong"
        self.proxy.heal()
        return run

    def saw(self, row: Row, run: Run, result: str = "", *, rightly: Collection[str] = ()) -> None:
        """Note what a run did: no user may be anything but as before, or as an undisturbed sync leaves them.

        ``rightly`` names others whom it had to change, as the directory said something new of them.
        """
        now = snapshot()
        intended = set(User.objects.filter(username__in=rightly).values_list("pk", flat=True))
        row.saw(result or outcome_of(run), wrongly_changed=len(self.wrong(now) - intended), lost=lost(self.before, now))
        assert not broken(at=AFTERNOON)

    def wrong(self, now: Rows) -> set[int]:
        """Return the users who are neither as before nor as an undisturbed sync leaves them."""
        return changed_users(self.before, now) & changed_users(undated(self.twin), undated(now))

    def restart(self) -> None:
        """Start a directory that was killed or stopped; its data are as they were."""
        self.directory.start()
        self.proxy.target = self.directory.port

    def unchanged(self) -> bool:
        """Return whether every user is as before."""
        return not changed_users(self.before, snapshot())

    def recovers(self) -> None:
        """Synchronize undisturbed: everybody has to be as if nothing had gone wrong."""
        run = self.sync()
        assert run.state == RunState.APPLIED, (run.error, run.held_back)
        assert not changed_users(undated(self.twin), undated(snapshot()))
        assert not broken(at=AFTERNOON)


def outcome_of(run: Run) -> str:
    """Return what a run says of itself, as an administrator reads it."""
    words = run.error or " ".join(run.held_back) or " ".join(run.warnings)
    return f"{run.state}: {words}" if words else str(run.state)


def undated(rows: Rows) -> Rows:
    """Return rows without their points in time, which no two runs share."""
    return {
        label: {
            pk: {name: value for name, value in row.items() if not isinstance(value, datetime)}
            for pk, row in found.items()
        }
        for label, found in rows.items()
    }
