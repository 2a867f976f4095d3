"""OpenLDAP as companies run it: overlays that compute groups and lock accounts, glued branches, and proxies in front of it.

Each starts in about a tenth of a second and takes some 15 MB.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.directories import COMMON_SCHEMAS, Directory

SYNCPROV = "moduleload syncprov\noverlay syncprov\nsyncprov-checkpoint 100 10"
REFINT = "overlay refint\nrefint_attributes member"
# memberOf is written into the entries of members, without a sign at their stamps.
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


class Proxy(Directory):
    """A slapd without entries of its own, which asks others; ``database`` are its lines, and ``origin`` what it hides.

    Whoever binds here binds there, so that its accounts are those of the origin.
    """

    def __init__(self, origin: Directory, database: Sequence[str]) -> None:
        super().__init__(base=origin.base)
        self.reader_dn, self.admin_dn = origin.reader_dn, origin.admin_dn
        self._database = database

    def load(self, ldif: str) -> None:
        """Load nothing: all entries are elsewhere."""

    def _write_configuration(self) -> None:
        assert self._folder
        lines = [
            *(f"include {self._schema(name)}" for name in self._schemas),
            "modulepath /usr/lib/ldap",
            *(f"moduleload {name}" for name in ("back_ldap", "back_meta", "rwm", "memberof")),
            f"pidfile {self._folder}/slapd.pid",
            "sizelimit unlimited",
            *self._database,
        ]
        (self._folder / "slapd.conf").write_text("\n".join(lines) + "\n")


def back_ldap(origin: Directory) -> Proxy:
    """Return a proxy that hands everything on."""
    lines = ["database ldap", f'suffix "{origin.base}"', f'uri "{origin.url}/"', "rebind-as-user yes"]
    return Proxy(origin, lines)


def back_meta(origin: Directory) -> Proxy:
    """Return a proxy that can join several directories into one; here it has one."""
    lines = ["database meta", f'suffix "{origin.base}"', f'uri "{origin.url}/{origin.base}"', "rebind-as-user yes"]
    return Proxy(origin, lines)
