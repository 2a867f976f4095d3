"""OpenLDAP as companies run it: overlays that compute groups and lock accounts, and glued branches.

Each starts in about a tenth of a second and takes some 15 MB.
"""

from __future__ import annotations

from tests.directories import COMMON_SCHEMAS

SYNCPROV = "moduleload syncprov\noverlay syncprov\nsyncprov-checkpoint 100 10"
REFINT = "overlay refint\nrefint_attributes member"
# memberOf is written into the entries of members, without marking these as changed.
MEMBEROF = "overlay memberof\nmemberof-refint TRUE"
# memberOf is computed at each search; the star has it name the groups of groups, too.
DYNLIST = "moduleload dynlist\noverlay dynlist\ndynlist-attrset groupOfURLs memberURL member+memberOf@groupOfNames*"
DYNAMIC_SCHEMAS = (*COMMON_SCHEMAS, "dyngroup")


def ppolicy(base: str) -> str:
    """Return the lines of the overlay that locks accounts; the policy is the entry ``policy`` below the base."""
    return f'moduleload ppolicy\noverlay ppolicy\nppolicy_default "cn=policy,{base}"'


def policy(base: str, *, seconds: int) -> str:
    """Return LDIF of a policy: three wrong passwords lock an account for so many seconds."""
    return f"""dn: cn=policy,{base}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: {seconds}

"""


def glued(branch: str, root: str) -> str:
    """Return the lines of a database of its own for one branch, which searches of the whole tree go through as well."""
    return f"""database mdb
directory FOLDER/branch
maxsize 1073741824
dbnosync
envflags nosync writemap
suffix "{branch}"
rootdn "{root}"
subordinate
access to * by * read
"""
