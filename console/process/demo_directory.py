"""The demo's LDAP server: a slapd in the data folder, loaded from an LDIF file."""

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

# Not Debian's msuser.schema: its memberOf hides the overlay's and can't be searched for.
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
    """The demo's LDAP server, in a folder of its own."""

    home: Path

    @property
    def ldif(self) -> Path:
        """The LDIF file that is loaded once."""
        return self.home / "demo.ldif"

    @property
    def loaded(self) -> bool:
        """Whether the data are loaded completely."""
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
        """Create the missing ones of the folders, the passwords of administrator and people, and the configuration."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = kept_secret(self.home / "password")
        kept_secret(self.home / "people-password")
        (self._folder / "account.schema").write_text(_SCHEMA, "ascii")
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(
            _CONFIGURATION.format(
                schemas=SCHEMAS, folder=self._folder, suffix=SUFFIX, admin=ADMIN_DN, password=password
            ),
            "utf-8",
        )

    def load(self) -> None:
        """Load the LDIF file into the stopped server; start again if an earlier attempt was interrupted.

        Raises:
            subprocess.CalledProcessError: when slapadd refuses the file; the reason is on stderr.
        """
        data = self._folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        subprocess.run([_program("slapadd"), "-q", "-f", self._configuration, "-l", self.ldif], check=True)
        self._done.touch()

    def command(self, port: int) -> list[str]:
        """Return the command that runs the server in the foreground."""
        return [_program("slapd"), "-d", "0", "-h", f"ldap://127.0.0.1:{port}", "-f", str(self._configuration)]


def _program(name: str) -> str:
    # Debian installs slapd in a folder that is not on the PATH of ordinary users.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") or name
