"""Real 389 Directory Servers for tests, each in a folder of its own, on a free port of the loopback address.

What ``dscreate`` would do is done by hand here, as that leaves files all over the system: the settings come from the
server's own template. A server starts in about 3 s and takes some 150 MB.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.directories import Administered, aged, hashed, to_ldif
from tests.server_process import ServerProcess, free_port

NS_SLAPD = "/usr/sbin/ns-slapd"
TEMPLATE = Path("/usr/share/dirsrv/data/template-dse.ldif")
# The rest of the schema is the server's own, which it finds by itself.
SCHEMA = "dn: cn=schema\nobjectClass: top\nobjectClass: ldapSubentry\nobjectClass: subschema\ncn: schema\n"
BASE = "dc=example,dc=com"
FOLDERS = ("schema", "lock", "tmp", "cert", "ldif", "bak", "run", "log", "db")
ACCESS = (
    '(targetattr != "userPassword")(version 3.0; acl "the reader reads"; allow (read, search, compare)'
    f' userdn = "ldap:///cn=reader,{BASE}";)'
)
BACKEND = f"""
dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userRoot
nsslapd-suffix: {BASE}
nsslapd-directory: FOLDER/db/userRoot

dn: cn="{BASE}",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: {BASE}
nsslapd-state: backend
nsslapd-backend: userRoot

"""


class Instance(ServerProcess, Administered):
    """One 389 Directory Server; ``start`` it, or use it as a context manager.

    ``ldif`` is imported before the start as if it had been written long ago. ``member_of``, ``referential`` and
    ``changelog`` are its plugins: memberOf with groups of groups, links that follow their entries, and the retro
    changelog with RFC 4533. ``locked_seconds`` is how long three wrong passwords lock an account.
    """

    program = "ns-slapd"
    admin_dn = "cn=Directory Manager"
    admin_password = "Adm1n! geheim"
    reader_dn = f"cn=reader,{BASE}"
    reader_password = "Read3r? geheim"
    base = BASE

    def __init__(
        self,
        *,
        ldif: str = "",
        member_of: bool = True,
        referential: bool = True,
        changelog: bool = False,
        locked_seconds: int = 0,
    ) -> None:
        super().__init__()
        self._ldif = ldif
        self._plugins = {
            "MemberOf Plugin": member_of,
            "referential integrity postoperation": referential,
            "Retro Changelog Plugin": changelog,
            "Content Synchronization": changelog,
            # It would look at the whole suffix for bytes that are no ASCII.
            "7-bit check": False,
        }
        self._locked_seconds = locked_seconds
        self.port = 0

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def _fill_folder(self) -> None:
        self._write_configuration()
        self._load(aged(self._root_entries() + self._ldif))

    def _choose_ports(self) -> Sequence[int]:
        assert self._folder
        self.port = free_port()
        settings = self._folder / "dse.ldif"
        lines = settings.read_text().splitlines()
        lines = [f"nsslapd-port: {self.port}" if line.startswith("nsslapd-port:") else line for line in lines]
        settings.write_text("\n".join(lines) + "\n")
        return (self.port,)

    def _command(self) -> Sequence[str]:
        return [NS_SLAPD, "-D", f"{self._folder}", "-i", f"{self._folder}/run/pid", "-d", "0"]

    def _words(self, folder: Path) -> str:
        log = folder / "log" / "errors"
        return super()._words(folder) + (log.read_text() if log.exists() else "")

    def _write_configuration(self) -> None:
        folder = self._folder
        assert folder
        for name in FOLDERS:
            (folder / name).mkdir()
        (folder / "schema" / "99user.ldif").write_text(SCHEMA)
        (folder / "slapd-collations.conf").touch()
        words = {
            **{f"{name}_dir": str(folder / name) for name in FOLDERS},
            "db_home_dir": str(folder / "db"),
            "config_dir": str(folder),
            "inst_dir": str(folder),
            "fqdn": "localhost",
            "ds_port": "0",
            "ds_user": getpass.getuser(),
            "rootdn": self.admin_dn,
            "ds_passwd": hashed(self.admin_password),
            "ds_suffix": BASE,
            "ldapi_enabled": "off",
            "ldapi": str(folder / "run" / "ldapi"),
            "ldapi_autobind": "off",
            "db_lib": "bdb",
        }
        text = TEMPLATE.read_text()
        for word, value in words.items():
            text = text.replace(f"%{word}%", value)
        text = text.rstrip("\n") + "\n" + BACKEND.replace("FOLDER", str(folder))
        text = text.replace("cn: config\nobjectclass:top\n", f"cn: config\n{self._settings()}objectclass:top\n", 1)
        (folder / "dse.ldif").write_text("\n\n".join(map(self._switched, text.split("\n\n"))))

    def _settings(self) -> str:
        lines = [
            "nsslapd-listenhost: 127.0.0.1",
            "nsslapd-allow-hashed-passwords: on",
            "nsslapd-accesslog-logging-enabled: off",
            "nsslapd-enable-upgrade-hash: off",
        ]
        if self._locked_seconds:
            lines += [
                "passwordLockout: on",
                "passwordMaxFailure: 3",
                f"passwordLockoutDuration: {self._locked_seconds}",
            ]
        return "\n".join(lines) + "\n"

    def _switched(self, entry: str) -> str:
        """Return the entry of a plugin switched on or off as wanted, and any other as it is."""
        for name, on in self._plugins.items():
            if entry.lower().lstrip().startswith(f"dn: cn={name.lower()},"):
                state = "on" if on else "off"
                entry = "\n".join(
                    f"nsslapd-pluginenabled: {state}" if line.lower().startswith("nsslapd-pluginenabled:") else line
                    for line in entry.splitlines()
                )
        return entry

    def _root_entries(self) -> str:
        reader = {"objectClass": ["organizationalRole", "simpleSecurityObject"], "cn": "reader"}
        root = {"objectClass": "domain", "dc": "example", "aci": ACCESS}
        return to_ldif(BASE, root) + to_ldif(self.reader_dn, {**reader, "userPassword": hashed(self.reader_password)})

    def _load(self, ldif: str) -> None:
        assert self._folder
        source = self._folder / "ldif" / "first.ldif"
        source.write_text(ldif)
        command = [NS_SLAPD, "ldif2db", "-D", str(self._folder), "-n", "userRoot", "-i", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
        log = self._folder / "log" / "errors"
        assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
