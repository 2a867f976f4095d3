"""Real Samba domain controllers for tests: Active Directory's LDAP server, each in a folder of its own, on free ports.

A domain is provisioned once for each test process (about 10 s) and copied for each controller; a controller starts in
less than a second and takes some 55 MB. It serves LDAP and nothing else, and only on the loopback address.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.directories import Administered
from tests.server_process import ServerProcess, free_port

SAMBA = "/usr/sbin/samba"
REALM = "CORP.EXAMPLE.COM"
BASE = "DC=corp,DC=example,DC=com"
PASSWORD = "Adm1n! geheim of Samba"
# Samba's ports can't be chosen, and the first ones belong to root.
PORTS = (389, 636, 3268, 3269)
# As ``samba-tool domain provision`` does, without the owners of files on SYSVOL, which only root could give.
PROVISION = f"""
import logging, sys
from samba import dsdb
from samba.auth import system_session
from samba.provision import provision

provision(
    logging.getLogger(), system_session(), targetdir=sys.argv[1], realm={REALM!r}, domain="CORP", hostname="dc1",
    hostip="127.0.0.1", hostip6="::1", adminpass={PASSWORD!r}, serverrole="active directory domain controller",
    dns_backend="NONE", use_rfc2307=True, skip_sysvolacl=True, dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2,
)
"""
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    int (*original)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
    if (address->sa_family == AF_INET) {
        struct sockaddr_in other = *(const struct sockaddr_in *)address;
        char name[32];
        snprintf(name, sizeof name, "PORT_%d", ntohs(other.sin_port));
        const char *port = getenv(name);
        if (port) {
            other.sin_port = htons(atoi(port));
            return original(fd, (struct sockaddr *)&other, length);
        }
    }
    return original(fd, address, length);
}
"""


class Controller(ServerProcess, Administered):
    """One domain controller; ``start`` it, or use it as a context manager."""

    program = "samba"
    admin_dn = f"CN=Administrator,CN=Users,{BASE}"
    reader_dn = admin_dn
    admin_password = reader_password = PASSWORD
    base = BASE

    def __init__(self) -> None:
        super().__init__()
        self.ports = dict.fromkeys(PORTS, 0)

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.ports[389]}"

    @property
    def catalog_url(self) -> str:
        """Return the address of the Global Catalog."""
        return f"ldap://127.0.0.1:{self.ports[3268]}"

    def _fill_folder(self) -> None:
        assert self._folder
        shutil.copytree(template(), self._folder, dirs_exist_ok=True)
        configure(self._folder)

    def _choose_ports(self) -> Sequence[int]:
        self.ports = {port: free_port() for port in PORTS}
        return self.ports[389], self.ports[3268]

    def _command(self) -> Sequence[str]:
        settings = f"--configfile={self._folder}/etc/smb.conf"
        return [SAMBA, "--foreground", "--no-process-group", "--model=single", settings, "--debug-stdout"]

    def _environment(self) -> Mapping[str, str]:
        chosen = {f"PORT_{port}": str(chosen) for port, chosen in self.ports.items()}
        return {**chosen, "LD_PRELOAD": f"{self._folder}/shim.so"}


@functools.cache
def template() -> Path:
    """Return the folder of a domain that was provisioned once, and is copied for each controller."""
    folder = Path(tempfile.mkdtemp(prefix="samba-template-"))
    source = folder / "shim.c"
    source.write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "shim.so", source, "-ldl"], check=True)
    # The interpreter of Debian's own package, which samba-tool uses, too.
    command = ["/usr/bin/python3", "-c", PROVISION, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"the domain is not provisioned: {done.stdout}{done.stderr}")
    return folder


def remove_template() -> None:
    """Remove the folder of the domain, if there is one; the next controller provisions another."""
    if template.cache_info().currsize:
        shutil.rmtree(template(), ignore_errors=True)
        template.cache_clear()


def configure(folder: Path) -> None:
    """Write the settings of a controller whose files are in this folder."""
    folders = ("private", "state", "cache", "bind-dns")
    lines = [
        "[global]",
        f"realm = {REALM}",
        "workgroup = CORP",
        "netbios name = DC1",
        "server role = active directory domain controller",
        "server services = ldap",
        "dcerpc endpoint servers =",
        "interfaces = 127.0.0.1/8",
        "bind interfaces only = yes",
        "ldap server require strong auth = no",
        "tls enabled = no",
        "log level = 1",
        f"lock directory = {folder}/state",
        f"state directory = {folder}/state",
        f"cache directory = {folder}/cache",
        f"private dir = {folder}/private",
        f"binddns dir = {folder}/bind-dns",
        f"pid directory = {folder}/run",
        f"ncalrpc dir = {folder}/run/ncalrpc",
    ]
    for name in (*folders, "run", "etc"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "etc" / "smb.conf").write_text("\n".join(lines) + "\n")
