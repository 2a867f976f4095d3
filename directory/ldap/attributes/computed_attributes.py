"""Lists attributes that change without marking the entry as changed: an incremental reading would miss that. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

# Attributes with the reason; each comment says where that is documented.
TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    # MS-ADTS 3.1.1.4.5: constructed attributes. Some only change together with a change that marks the entry, such as
    # canonicalName, primaryGroupToken and modifyTimestamp; these are left out.
    (
        "Active Directory computes it when it is read",
        (
            "msDS-User-Account-Control-Computed", "msDS-UserPasswordExpiryTimeComputed", "msDS-ResultantPSO",
            "msDS-PSOApplied", "tokenGroups", "tokenGroupsGlobalAndUniversal", "tokenGroupsNoGCAcceptable",
            "msDS-TokenGroupNames", "msDS-TokenGroupNamesGlobalAndUniversal", "msDS-TokenGroupNamesNoGCAcceptable",
            "msds-memberOfTransitive", "msds-memberTransitive", "msDS-isRODC", "msDS-RevealedListBL",
        ),
    ),
    # MS-ADA1 to MS-ADA3: FLAG_ATTR_NOT_REPLICATED. Each controller keeps its own values, and uSNChanged does not grow
    # with them.
    (
        "each controller of Active Directory keeps its own",
        ("lastLogon", "lastLogoff", "badPwdCount", "badPasswordTime", "logonCount"),
    ),
    # 389 Directory Server, Administration Guide: roles and classes of service are computed when an entry is read. Its
    # password policy keeps the others in the entry, and does not mark it if passwordIsGlobalPolicy is off.
    (
        "389 Directory Server computes it, from roles, classes of service or the password policy",
        (
            "nsRole", "nsAccountLock", "passwordExpirationTime", "passwordExpWarned", "passwordRetryCount",
            "retryCountResetTime", "accountUnlockTime", "passwordGraceUserTime", "lastLoginTime", "pwdPolicySubentry",
        ),
    ),
    # slapo-ppolicy(5), slapo-lastbind(5): the provider marks the entry (tried with 2.5.13), a replica does not.
    (
        "a replica of OpenLDAP keeps its own",
        (
            "pwdAccountLockedTime", "pwdFailureTime", "pwdLastSuccess", "pwdGraceUseTime", "pwdAccountTmpLockoutEnd",
            "authTimestamp",
        ),
    ),
    # Oracle Unified Directory and OpenDJ compute these from the password policy.
    ("the server computes it from its password policy", ("ds-pwp-account-disabled", "ds-pwp-password-expiration-time")),
    # RFC 3672, and similar attributes of servers: they depend on the entries below.
    ("the server computes it from what is below", ("hasSubordinates", "numSubordinates", "numAllSubordinates")),
)  # fmt: skip
REASONS = {name.lower(): why for why, names in TABLE for name in names}
# Attributes that Active Directory's schema calls constructed, but that only change when the entry is marked as changed
# (MS-ADTS 3.1.1.4.5).
MARKING = frozenset(
    name.lower()
    for name in (
        "canonicalName", "createTimestamp", "modifyTimestamp", "primaryGroupToken", "msDS-PrincipalName", "parentGUID",
        "structuralObjectClass", "subSchemaSubEntry", "objectClasses", "attributeTypes", "fromEntry", "entryTTL",
        "allowedAttributes", "allowedChildClasses", "memberOf", "msDS-User-Account-Control",
    )
)  # fmt: skip
# The words for it on pages, in runs and in documents.
UNMARKED = "without marking the entry as changed"
BY_SCHEMA = "the server's schema says that it is computed"
BY_SETTING = "the server's settings say so"
# Stands in the setting before an attribute that does mark the entry on this server, although the table lists it.
EXCEPT = "-"
# Matches a comparison in a filter, such as (nsAccountLock=true) or (userAccountControl:1.2.840.113556.1.4.803:=2).
COMPARED = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9-]*)[^=()]*=")


def names_in_filter(search_filter: str) -> tuple[str, ...]:
    """Return the attributes that a filter compares."""
    return tuple(dict.fromkeys(COMPARED.findall(search_filter)))


def why_full(named: Iterable[str], *, setting: Sequence[str], by_schema: Collection[str]) -> str:
    """Return why these named attributes need a full reading each time; empty if they do not.

    ``setting`` are names that an administrator adds, or takes out with a ``-`` before them. ``by_schema`` are the
    attributes that the server computes, by its own schema.
    """
    given = [name.strip().lower() for name in setting]
    left_out = {name.removeprefix(EXCEPT) for name in given if name.startswith(EXCEPT)}
    reasons = {**dict.fromkeys((name.lower() for name in by_schema), BY_SCHEMA), **REASONS}
    reasons |= dict.fromkeys((name for name in given if not name.startswith(EXCEPT)), BY_SETTING)
    for name in named:
        if (why := reasons.get(name.lower())) and name.lower() not in left_out:
            way_out = f"; where it does not, put {EXCEPT}{name} into “attributes that change {UNMARKED}”"
            return (
                f"the mapping, the filter or a script names {name}, which changes {UNMARKED} ({why})"
                f"{'' if why == BY_SETTING else way_out}"
            )
    return ""
