"""Each preset on the server that it is for: who is active there, who is not, and what is nobody at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ldap
import pytest

from directory.models import RunState, StoredEntry
from directory.servers.presets import BY_KEY
from orgs.models import User
from tests import overlays
from tests.directories import COMMON_SCHEMAS, Administered, Directory, Values
from tests.netscape import BASE, Instance
from tests.servers import active_directory
from tests.servers.active_directory import ACCOUNT_DISABLED, NORMAL_ACCOUNT
from tests.servers.test_computed_attributes import CLEANERS, DISABLED, LOCKS
from tests.worlds import NO_LIMITS, ldap_server, org, simulate, simulate_and_sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ORG = "Research, Labs"
ENABLED: dict[str, Values] = {
    "userAccountControl": str(NORMAL_ACCOUNT),
    "unicodePwd": '"Passw0rd! of all"'.encode("utf-16-le"),
}
# A day in 1970, and one in 2225, by each way of counting.
LONG_AGO, FAR_OFF = "116444736000000000", "197000000000000000"


def synchronize(key: str, directory: Administered, base: str, usernames: Iterable[str]) -> dict[str, User]:
    """Have a preset's settings, and nothing else, decide about users of these names."""
    org(ORG)
    users = {name: user(name, first_name="F", last_name="L", email=f"{name}@example.com") for name in usernames}
    settings: dict[str, Any] = {
        **BY_KEY[key].settings,
        "search_base": base,
        "bind_dn": directory.reader_dn,
        "bind_password": directory.reader_password,
    }
    ldap_server(directory.url, **settings, **NO_LIMITS)
    run = simulate_and_sync()
    assert run.state == RunState.APPLIED, (run.error, run.held_back)
    assert run.counts["scriptErrors"] == 0
    assert not simulate().changes.filter(outcome="planned").exists()
    return {name: User.objects.select_related("org").get(pk=made.pk) for name, made in users.items()}


def names_read() -> set[str]:
    """Return the usernames that entries have which the filter found."""
    return {
        name for identity in StoredEntry.objects.values_list("identity", flat=True) for name in identity["usernames"]
    }


def active(users: dict[str, User]) -> set[str]:
    return {name for name, found in users.items() if found.active}


@pytest.mark.parametrize("key", ["samba", "active-directory"])
def test_on_a_domain_controller(key: str) -> None:
    with active_directory.domain() as company:
        base = company.base

        def adds(rdn: str, kind: str, **attributes: Values) -> str:
            dn = f"{rdn},OU=Research\\, Labs,{base}"
            company.directory.add(dn, {"objectClass": kind, **attributes})
            return dn

        company.directory.add(f"OU=Research\\, Labs,{base}", {"objectClass": "organizationalUnit"})
        number = base.partition(",")[0].removeprefix("OU=Company")
        expires = {"ann": "0", "bob": FAR_OFF, "cid": LONG_AGO, "dan": "9223372036854775807"}
        for name, at in expires.items():
            adds(f"CN={name}\\, of {number}", "user", sAMAccountName=name, accountExpires=at, **ENABLED)
        off: dict[str, Values] = {**ENABLED, "userAccountControl": str(NORMAL_ACCOUNT | ACCOUNT_DISABLED)}
        adds(f"CN=eda {number}", "user", sAMAccountName="eda", **off)
        adds(f"CN=fox {number}", "inetOrgPerson", sAMAccountName="fox", **ENABLED)
        # What is no person, though of the class user, or of the category person.
        adds(f"CN=pc {number}", "computer", sAMAccountName=f"pc{number}$", userAccountControl="4096")
        adds(f"CN=contact {number}", "contact", mail="contact@example.com")
        adds(f"CN=team {number}", "group", sAMAccountName=f"team{number}")
        managed: dict[str, Values] = {"msDS-ManagedPasswordInterval": "30"}
        adds(
            f"CN=svc {number}",
            "msDS-GroupManagedServiceAccount",
            sAMAccountName=f"svc{number}$",
            dNSHostName="svc.example.com",
            userAccountControl="4096",
            **managed,
        )
        mine = ("ann", "bob", "cid", "dan", "eda", "fox")

        users = synchronize(key, company.directory, base, mine)

        assert names_read() == {*mine, *company.dns}
        assert active(users) == {"ann", "bob", "dan", "fox"}
        assert {name for name, found in users.items() if found.org.name == ORG} == {"ann", "bob", "dan", "fox"}


def test_on_389_directory_server() -> None:
    people, labs = f"ou=People,{BASE}", f"ou=Research\\, Labs,{BASE}"
    with Instance() as directory:
        for branch in (people, labs, f"ou=Services,{BASE}"):
            directory.add(branch, {"objectClass": "organizationalUnit"})
        for dn, attributes in LOCKS.items():
            directory.add(dn, attributes)
        for name, lock in {"ann": "", "bob": "false", "cid": "true", "dan": "TRUE", "ada": ""}.items():
            lines = {"nsAccountLock": lock} if lock else {}
            person = {"objectClass": ("inetOrgPerson", "posixAccount", "inetUser"), "cn": name, "sn": name, "uid": name}
            numbers = {"uidNumber": "1", "gidNumber": "1", "homeDirectory": "/"}
            directory.add(f"uid={name},{labs if name == 'bob' else people}", {**person, **numbers, **lines})
        # The role locks ada.
        directory.modify(DISABLED, {"nsRoleDN": CLEANERS})
        no_name = {"objectClass": "inetOrgPerson", "cn": "A Customer", "sn": "Customer"}
        directory.add(f"cn=A Customer,{people}", no_name)
        service = {"objectClass": ("account", "simpleSecurityObject"), "uid": "svc", "userPassword": "Passw0rd! of it"}
        directory.add(f"uid=svc,ou=Services,{BASE}", service)
        host = {"objectClass": ("device", "ieee802Device"), "cn": "pc1"}
        directory.add(f"cn=pc1,{people}", host)

        users = synchronize("389-ds", directory, BASE, ("ann", "bob", "cid", "dan", "ada"))

    assert names_read() == {"ann", "bob", "cid", "dan", "ada"}
    assert active(users) == {"ann", "bob"}
    assert (users["ann"].org.name, users["bob"].org.name) == ("Default", ORG)


def test_on_openldap() -> None:
    base = "dc=example,dc=com"
    people, labs = f"ou=People,{base}", f"ou=Research\\, Labs,{base}"
    ldif = overlays.policy(base, seconds=3600)
    with Directory(base=base, ldif=ldif, schemas=COMMON_SCHEMAS, extra=overlays.ppolicy(base)) as directory:
        for branch in (people, labs, f"ou=Services,{base}"):
            directory.add(branch, {"objectClass": "organizationalUnit"})
        for name, ends in {"ann": "", "bob": "93000", "cid": "100", "dan": "", "eve": "-1", "fay": ""}.items():
            classes = ("inetOrgPerson", "posixAccount", "shadowAccount")
            person = {"objectClass": classes, "cn": name, "sn": name, "uid": name, "userPassword": "Passw0rd! of all"}
            numbers = {"uidNumber": "1", "gidNumber": "1", "homeDirectory": "/"}
            lines = {"shadowExpire": ends} if ends else {}
            directory.add(f"uid={name},{labs if name == 'bob' else people}", {**person, **numbers, **lines})
        directory.modify(f"uid=dan,{people}", {"pwdAccountLockedTime": "000001010000Z"})
        for _ in range(4):
            with pytest.raises(ldap.INVALID_CREDENTIALS):
                ldap.initialize(directory.url).simple_bind_s(f"uid=fay,{people}", "not the password")
        directory.add(f"cn=A Customer,{people}", {"objectClass": "inetOrgPerson", "cn": "A Customer", "sn": "Customer"})
        service = {"objectClass": ("account", "simpleSecurityObject"), "uid": "svc", "userPassword": "Passw0rd! of it"}
        directory.add(f"uid=svc,ou=Services,{base}", service)
        directory.add(
            f"cn=pc1,{people}", {"objectClass": ("device", "ipHost"), "cn": "pc1", "ipHostNumber": "10.0.0.1"}
        )

        users = synchronize("openldap", directory, base, ("ann", "bob", "cid", "dan", "eve", "fay"))

    assert names_read() == {"ann", "bob", "cid", "dan", "eve", "fay"}
    # Fay is locked out for an hour only.
    assert active(users) == {"ann", "bob", "eve", "fay"}
    assert (users["ann"].org.name, users["bob"].org.name) == ("Default", ORG)
    # A customer without a username is nobody, and nothing to be warned of.
    assert StoredEntry.objects.count() == 6
