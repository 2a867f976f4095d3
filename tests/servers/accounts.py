"""Accounts that a directory does not let in, each with the right password: what an administrator does for that, by make."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from directory.values.sign_in.directory_passwords import PasswordReason
from tests import overlays
from tests.directories import Directory
from tests.netscape import BASE as NETSCAPE_BASE
from tests.netscape import Instance
from tests.samba import BASE as DOMAIN
from tests.samba import Controller
from tests.servers import active_directory
from tests.servers.company import LOCKED_SECONDS, PASSWORD, Company
from tests.servers.netscape import Netscape

LONG_AGO = "20240131080000Z"
BASE = "dc=example,dc=com"


@dataclass(frozen=True)
class Closing:
    """What is done to an account, and the reason that a sign-in with the right password has then."""

    name: str
    happens: Callable[[Company, str], None]
    reason: PasswordReason

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _set(**values: str) -> Callable[[Company, str], None]:
    return lambda company, name: company.directory.modify(company.dns[name], values)


# OpenLDAP, with the overlay ppolicy.

POLICY = f"""dn: cn=policy,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 3600
pwdMustChange: TRUE

dn: cn=short,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: short
pwdAttribute: userPassword
pwdMaxAge: 1

"""


def _expires_by_policy(company: Company, name: str) -> None:
    company.directory.modify(
        company.dns[name], {"userPassword": PASSWORD, "pwdPolicySubentry": f"cn=short,{company.base}"}
    )
    time.sleep(2)


OPENLDAP = (
    Closing("locked by wrong passwords", lambda company, name: company.locks(name), PasswordReason.WRONG),
    Closing("locked by an administrator", _set(pwdAccountLockedTime="000001010000Z"), PasswordReason.WRONG),
    Closing("password expired", _expires_by_policy, PasswordReason.EXPIRED),
    Closing("password to be changed", _set(pwdReset="TRUE"), PasswordReason.MUST_CHANGE),
)


@contextmanager
def openldap() -> Iterator[Company]:
    """A company whose slapd has password policies."""
    company = Company(Directory(base=BASE), BASE)
    extra = "\n".join([overlays.ppolicy(BASE), overlays.REFINT])
    with Directory(base=BASE, ldif=POLICY + company.ldif(member_of=False), extra=extra) as directory:
        company.directory = directory
        yield company


# 389 Directory Server.


def _has_to_be_changed(company: Company, name: str) -> None:
    company.directory.modify("cn=config", {"passwordMustChange": "on"})
    company.directory.modify(company.dns[name], {"userPassword": PASSWORD})


def _expires_by_date(company: Company, name: str) -> None:
    company.directory.modify("cn=config", {"passwordExp": "on"})
    company.directory.modify(company.dns[name], {"passwordExpirationTime": LONG_AGO})


NETSCAPE = (
    Closing("locked by wrong passwords", lambda company, name: company.locks(name), PasswordReason.LOCKED),
    Closing("account inactivated", _set(nsAccountLock="TRUE"), PasswordReason.DISABLED),
    Closing("password expired", _expires_by_date, PasswordReason.EXPIRED),
    Closing("password to be changed", _has_to_be_changed, PasswordReason.MUST_CHANGE),
)


@contextmanager
def netscape() -> Iterator[Company]:
    """A company on a 389 Directory Server that locks accounts for an hour."""
    company = Netscape(Instance(), NETSCAPE_BASE, nests=True)
    with Instance(ldif=company.ldif(member_of=True), locked_seconds=3600) as directory:
        company.directory = directory
        yield company


# Samba, as Active Directory.


# When a password was set is the domain's own knowledge: LDAP changes it to now or never only.
SET_LONG_AGO = """
import sys
import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

settings = LoadParm(filename_for_non_global_lp=sys.argv[1])
domain = SamDB(url=sys.argv[2], session_info=system_session(), lp=settings)
change = ldb.Message(ldb.Dn(domain, sys.argv[3]))
change["pwdLastSet"] = ldb.MessageElement("130000000000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
domain.modify(change, controls=[f"local_oid:{dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID}:0"])
"""


def _expires_by_age(company: Company, name: str) -> None:
    directory = company.directory
    assert isinstance(directory, Controller)
    folder = directory._folder
    files = (f"{folder}/etc/smb.conf", f"{folder}/private/sam.ldb")
    command = ["/usr/bin/python3", "-c", SET_LONG_AGO, *files, company.dns[name]]
    subprocess.run(command, check=True, capture_output=True)


SAMBA = (
    Closing("locked by wrong passwords", lambda company, name: company.locks(name), PasswordReason.LOCKED),
    Closing("account disabled", lambda company, name: company.disables(name), PasswordReason.DISABLED),
    Closing("account expired", _set(accountExpires="133500000000000000"), PasswordReason.ACCOUNT_EXPIRED),
    Closing("outside of the logon hours", _set(logonHours="\0" * 21), PasswordReason.NOT_NOW),
    Closing("from another computer only", _set(userWorkstations="ELSEWHERE"), PasswordReason.NOT_HERE),
    Closing("password to be changed", _set(pwdLastSet="0"), PasswordReason.MUST_CHANGE),
    Closing("password expired", _expires_by_age, PasswordReason.EXPIRED),
)


@contextmanager
def samba() -> Iterator[Company]:
    """A company in a branch of a domain that locks accounts for longer than a test takes."""
    with active_directory.domain() as company:
        company.directory.modify(DOMAIN, {"lockoutDuration": _ticks(hours=1)})
        try:
            yield company
        finally:
            company.directory.modify(DOMAIN, {"lockoutDuration": _ticks(seconds=LOCKED_SECONDS)})


def _ticks(*, hours: int = 0, seconds: int = 0) -> str:
    return str(-10_000_000 * (3600 * hours + seconds))
