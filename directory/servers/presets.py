"""Presets for common kinds of directories: filter, mapping, always lists and scripts to begin with. Pure.

A preset is a proposal: it fills in a form or is printed as a file, and an administrator saves it. The role name scripts
leave roles alone until an administrator writes which group gives which role.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from directory.values.scripts import ACTIVE, ORG_NAME, SCRIPTS, Script

GLOBAL_CATALOG_PORTS = frozenset({3268, 3269})
ALWAYS_LISTS = (
    "memberOf", "objectClass", "proxyAddresses", "member", "uniqueMember", "memberUid", "otherMailbox",
    "mailAlternateAddress", "groups", "isMemberOf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preset:
    """The preset of one kind of directory: ``settings`` are fields of an LDAP server, ``example`` is a connection to edit.

    ``facts`` are the facts behind it, with their sources.
    """

    key: str
    name: str
    settings: Mapping[str, object]
    example: Mapping[str, object]
    facts: tuple[str, ...]

    def as_file(self) -> dict[str, object]:
        """Return the preset in the form that ``ldapserver apply`` reads."""
        return {"name": self.name, **self.example, **self.settings}


_NOT_DISABLED_NOR_EXPIRED = """\
function (entry) {
    // Bit 2 of userAccountControl: the account is disabled.
    if (entry.userAccountControl & 2) {
        return false;
    }
    const ends = ldap.time(entry.accountExpires);
    return ends == null || ends > new Date();
}"""
_NOT_DISABLED = """\
function (entry) {
    // Bit 2 of userAccountControl: the account is disabled. The Global Catalog has no accountExpires.
    return !(entry.userAccountControl & 2);
}"""
_NOT_LOCKED_BY_TEXT = """\
function (entry) {
    // The texts TRUE or FALSE, in small letters too, or nothing.
    return String(entry.nsAccountLock).toUpperCase() !== "TRUE";
}"""
_NOT_LOCKED_FOR_GOOD = """\
function (entry) {
    // This time means locked by an administrator; any other one is a lock-out after wrong passwords, which passes.
    if (entry.pwdAccountLockedTime === "000001010000Z") {
        return false;
    }
    // Days since 1970.
    const ends = Number(entry.shadowExpire);
    return !(ends > 0) || ends * 86400000 > Date.now();
}"""
_ORG_OF_OU_BELOW_PEOPLE = """\
function (entry) {
    // The OU that the person is in, unless that is where everybody is; then the user stays in their org.
    const ou = ldap.value(entry.dn, "ou") || "";
    return ["people", "users", "accounts"].includes(ou.toLowerCase()) ? null : ou;
}"""
_TREE = {
    "search_base": "dc=example,dc=com",
    "bind_dn": "cn=rollcall,ou=Services,dc=example,dc=com",
    "bind_password": "to be changed",
}


def _settings(search_filter: str, username: str, active: str, org: str, *always: str) -> Mapping[str, object]:
    own: Mapping[Script[Any], str] = {ACTIVE: active, ORG_NAME: org}
    return MappingProxyType(
        {
            "search_scope": "subtree",
            "search_filter": search_filter,
            "username_attribute": username,
            "email_attribute": "mail",
            "first_name_attribute": "givenName",
            "last_name_attribute": "sn",
            # Empty: objectGUID, entryUUID, ipaUniqueID and nsUniqueId are tried.
            "unique_id_attribute": "",
            "always_list_attributes": [*ALWAYS_LISTS, *always],
            **{script.column: own.get(script, script.sample) for script in SCRIPTS},
        }
    )


_PEOPLE_OF_DOMAINS = "(&(objectCategory=person)(objectClass=user))"
_DOMAIN_FACTS = (
    (
        "Computers are of the class user too, and contacts of the category person: both conditions together are people "
        "(Microsoft: Active Directory, search filter syntax)."
    ),
    "An account is disabled while bit 2 of userAccountControl is set (MS-ADTS, 2.2.16: ACCOUNTDISABLE).",
)
_EXPIRY = "0 and the largest number in accountExpires mean that an account never expires (MS-ADA1, accountExpires)."
PRESETS = (
    Preset(
        "active-directory",
        "Active Directory",
        _settings(
            _PEOPLE_OF_DOMAINS, "sAMAccountName", _NOT_DISABLED_NOR_EXPIRED, ORG_NAME.sample, "servicePrincipalName"
        ),
        {"urls": ["ldaps://dc1.example.com", "ldaps://dc2.example.com"], **_TREE},
        (*_DOMAIN_FACTS, _EXPIRY),
    ),
    Preset(
        "openldap",
        "OpenLDAP",
        _settings("(&(objectClass=inetOrgPerson)(uid=*))", "uid", _NOT_LOCKED_FOR_GOOD, _ORG_OF_OU_BELOW_PEOPLE),
        {"urls": ["ldaps://ldap.example.com"], **_TREE},
        (
            "Address books hold customers of the same class without a uid (RFC 2798, 3): they are nobody who signs in.",
            "pwdAccountLockedTime 000001010000Z means locked until an administrator unlocks it (slapo-ppolicy(5)).",
            "shadowExpire is the day on which the account ends, counted from 1970-01-01 (RFC 2307, 3.1; shadow(5)).",
            (
                "Entries have memberOf only with the overlay memberof or dynlist (slapo-memberof(5)); without one, turn “resolve "
                "groups” on and use entry.groups."
            ),
        ),
    ),
    Preset(
        "389-ds",
        "389 Directory Server, FreeIPA",
        _settings(
            "(&(objectClass=inetOrgPerson)(uid=*))", "uid", _NOT_LOCKED_BY_TEXT, _ORG_OF_OU_BELOW_PEOPLE, "nsRole"
        ),
        {
            "urls": ["ldaps://ds.example.com"],
            **_TREE,
            "bind_dn": "uid=rollcall,cn=sysaccounts,cn=etc,dc=example,dc=com",
        },
        (
            "nsAccountLock true stops the account; a lock by a role is computed (port389.org: How to inactivate accounts).",
            (
                "FreeIPA keeps people in cn=users,cn=accounts and copies of them, of another class, in cn=compat "
                "(freeipa.org: LDAP directory layout)."
            ),
        ),
    ),
    Preset(
        "samba",
        "Samba AD",
        _settings(
            _PEOPLE_OF_DOMAINS, "sAMAccountName", _NOT_DISABLED_NOR_EXPIRED, ORG_NAME.sample, "servicePrincipalName"
        ),
        {"urls": ["ldaps://dc1.example.com"], **_TREE},
        (
            *_DOMAIN_FACTS,
            _EXPIRY,
            "To sign in by DN and password takes TLS, unless “ldap server require strong auth” says otherwise (smb.conf(5)).",
        ),
    ),
    Preset(
        "global-catalog",
        "Global Catalog",
        _settings(_PEOPLE_OF_DOMAINS, "sAMAccountName", _NOT_DISABLED, ORG_NAME.sample, "servicePrincipalName"),
        {"urls": ["ldaps://dc1.example.com:3269"], **_TREE, "search_base": ""},
        (
            *_DOMAIN_FACTS,
            (
                "Ports 3268 and 3269 hold all domains of a forest with a part of their attributes: accountExpires is not among "
                "them, and of groups only universal ones of other domains (MS-ADTS, 3.1.1.1.8; MS-ADSC)."
            ),
        ),
    ),
    Preset(
        "google",
        "Google Secure LDAP",
        _settings("(objectClass=inetOrgPerson)", "uid", ACTIVE.sample, _ORG_OF_OU_BELOW_PEOPLE),
        {"urls": ["ldaps://ldap.google.com"], "search_base": "dc=example,dc=com"},
        (
            (
                "People are uid=…,ou=Sales,ou=Users,dc=example,dc=com, of the class inetOrgPerson, with memberOf and entryUuid "
                "(support.google.com/a/answer/9188164: Secure LDAP schema)."
            ),
            (
                "Each client needs the certificate and key that the Admin console makes for it "
                "(support.google.com/a/answer/9089736: Connect LDAP clients)."
            ),
        ),
    ),
)
BY_KEY: Mapping[str, Preset] = MappingProxyType({preset.key: preset for preset in PRESETS})


def suggested(product: str, *, is_domain: bool, host: str = "", port: int = 0) -> Preset | None:
    """Return the preset for a server by its root DSE and address; None when none fits.

    ``product`` has the vendor's name and version. ``is_domain``: the server has Active Directory's capability.
    """
    words = product.lower()
    if host.lower() == "ldap.google.com":
        return BY_KEY["google"]
    if is_domain and port in GLOBAL_CATALOG_PORTS:
        return BY_KEY["global-catalog"]
    if "samba" in words:
        return BY_KEY["samba"]
    if is_domain:
        return BY_KEY["active-directory"]
    if "389" in words or "fedora" in words or "red hat" in words:
        return BY_KEY["389-ds"]
    return BY_KEY["openldap"] if "openldap" in words else None
