"""A console of its own: its processes, its database, its data folder."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from directory.values import server_limits
from tests.bench.machine import ROOT
from tests.bench.measuring import Measured, run
from tests.seed_scripts import ACTIVE_EMPLOYEE_TYPE, ORG_NAME, ROLE_NAME

# No limit holds a benchmark back.
LIMITS = {limit.setting: limit.off for limit in server_limits.LIMITS}
SEED_SCRIPTS = {
    "active_script": ACTIVE_EMPLOYEE_TYPE,
    "org_name_script": ORG_NAME,
    "role_name_script": ROLE_NAME,
}
ORGS = ("Default", "Staff", "Students", "North", "South")
ROLES = ("PROe User", "Desktop User", "All Org Admin", "All Org Manager")


class Console:
    """One console without its web server: whatever is asked of it is a process of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.database_url = database_url
        own = {
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "ROLLCALL_VAR": str(folder / "var"),
            "DATABASE_URL": database_url,
            "LDAP_LOOPBACK": "true",
            "LDAP_PORTS": "1-65535",
            "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
            # An installed console compiles its modules once, not at each start, whatever the shell of this one says.
            "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self.environment = {**os.environ, **own}

    def manage(self, *arguments: str, stdin: str = "") -> Measured:
        """Run ``manage.py``; raises CommandFailed."""
        return run([sys.executable, "manage.py", *arguments], environment=self.environment, folder=ROOT, stdin=stdin)

    def inside(self, module: str, *arguments: str) -> Any:
        """Run a module of ``tests.bench.inside`` with this console's settings and return what it prints as JSON."""
        command = [sys.executable, "-m", "tests.bench.inside", module, *arguments]
        return json.loads(run(command, environment=self.environment, folder=ROOT).output.splitlines()[-1])

    def follow(self, url: str, base: str, scripts: Mapping[str, object]) -> None:
        """Set the LDAP server ``Corp``, which all orgs follow, with these scripts and settings; raises CommandFailed."""
        server = {
            "name": "Corp",
            "urls": [url],
            "search_base": base,
            "orgs": list(ORGS),
            "grantable_roles": list(ROLES),
            **LIMITS,
            **scripts,
        }
        self.manage("ldapserver", "apply", "-", stdin=json.dumps(server))

    def sync(self, *, simulated: bool = False) -> tuple[Measured, dict[str, Any]]:
        """Run a sync to its end and return how it went and what it says of itself; raises CommandFailed."""
        measured = self.manage("ldapsync", "--json", *(["--simulate"] if simulated else []))
        summary: dict[str, Any] = json.loads(measured.output.splitlines()[-1])
        return measured, summary


def migrate(folder: Path, database_url: str) -> None:
    """Put the console's tables into an empty database."""
    Console(folder, database_url).manage("migrate", "-v0")
