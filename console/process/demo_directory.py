"""The demo's LDAP server: a slapd of our own under the data folder, loaded from an LDIF file."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from console.process.secret_files import kept_secret

SUFFIX = "dc=kestrel,dc=example"
ADMIN_DN = f"cn=admin,{SUFFIX}"
SCHEMAS = Path("/etc/ldap/schema")

# Debian's msuser.schema has userAccountControl too, but its memberOf shadows the overlay's and can't be searched for.
_SCHEMA = """\
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl'
    EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName'
    EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.11.5 NAME 'directoryAccount' SUP top AUXILIARY
    MAY ( userAccountControl $ sAMAccountName ) )
"""

_CONFIGURATION = """\
include "{schemas}/core.schema"
include "{schemas}/cosine.schema"
include "{schemas}/inetorgperson.schema"
include "{schemas}/nis.schema"
include "{folder}/account.schema"
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile "{folder}/slapd.pid"
argsfile "{folder}/slapd.args"
sizelimit unlimited

database mdb
maxsize 1073741824
suffix "{suffix}"
rootdn "{admin}"
rootpw "{password}"
directory "{folder}/data"
index objectClass,uid,mail,memberOf,entryUUID,userAccountControl eq
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""


@dataclass(frozen=True, slots=True)
class DemoDirectory:
    """Where everything of the demo's LDAP server lies."""

    home: Path

    @property
    def ldif(self) -> Path:
        """What the server is loaded from, once."""
        return self.home / "demo.ldif"

    @property
    def loaded(self) -> bool:
        """Whether the server has its data, all of it."""
        return self._done.exists()

    @property
    def _done(self) -> Path:
        return self._folder / "loaded"

    @property
    def _folder(self) -> Path:
        return self.home / "slapd"

    @property
    def _configuration(self) -> Path:
        return self._folder / "slapd.conf"

    def prepare(self) -> None:
        """Make the folders, the administrator's password and the configuration, as far as they aren't there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = kept_secret(self.home / "password")
        (self._folder / "account.schema").write_text(_SCHEMA, "ascii")
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(
            _CONFIGURATION.format(
                schemas=SCHEMAS, folder=self._folder, suffix=SUFFIX, admin=ADMIN_DN, password=password
            ),
            "utf-8",
        )

    def load(self) -> None:
        """Load the LDIF file into the stopped server, anew if an earlier attempt was cut off.

        Raises:
            subprocess.CalledProcessError: when slapadd refuses the file; it has said why on stderr.
        """
        data = self._folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        subprocess.run([_program("slapadd"), "-q", "-f", self._configuration, "-l", self.ldif], check=True)
        self._done.touch()

    def command(self, port: int) -> list[str]:
        """Return the command that serves it in the foreground."""
        return [_program("slapd"), "-d", "0", "-h", f"ldap://127.0.0.1:{port}", "-f", str(self._configuration)]


def _program(name: str) -> str:
    # Debian keeps slapd where an ordinary user's PATH does not look.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or name
