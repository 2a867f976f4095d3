"""A whole Rollcall for tests of backups: console and store as processes, cold storage on another file system, a directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings as django_settings
from django.test import override_settings
from django.utils import timezone

from console.process import services
from directory.invariants import broken
from directory.models import LdapServer
from orgs.actions.backups import sizes
from orgs.backups.storage_roots import StorageRoots, storage_roots
from tests.archive_folders import other_disk
from tests.browser.conftest import database_url
from tests.faults.processes import Process, wait_for
from tests.server_process import accepts
from tests.servers.company import Company
from tests.settings import FOLDER
from tests.store_server import StoreServer, running_store
from tests.stored_archives import make_roots
from tests.tree import ROOT
from tests.worlds import NO_LIMITS, ldap_server


@dataclass(frozen=True, slots=True)
class BackupSite:
    """One company with Rollcall: people register their computers at ``address``."""

    address: str
    company: Company
    server: LdapServer
    store: StoreServer
    environment: Mapping[str, str]

    @property
    def roots(self) -> StorageRoots:
        """Where archives are."""
        return storage_roots()

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` as an administrator does; it has to end well. Return what it prints."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def counts_sizes(self) -> None:
        """Count what is stored, as the worker does every five minutes."""
        sizes.count_due(clock=timezone.now, stay=lambda: None)

    def troubles(self) -> list[str]:
        """Return which rules about the data are broken."""
        return [str(each) for each in broken(at=timezone.now())]


@contextmanager
def backup_site(company: Company, folder: Path, *, port: int) -> Iterator[BackupSite]:
    """Run a Rollcall for a company whose directory listens at ``port``, until the end of the block."""
    with other_disk() as disk:
        cold = disk / "cold storage"
        with override_settings(ARCHIVES=folder / "archives", COLD_STORAGE=cold):
            make_roots(folder / "archives", cold)
            places = {"ARCHIVES": str(folder / "archives"), "COLD_STORAGE": str(cold)}
            with running_store(**places) as store:
                web_port = services.free_port()
                address = f"http://127.0.0.1:{web_port}"
                environment = {
                    "DJANGO_SETTINGS_MODULE": "console.settings",
                    "DATABASE_URL": database_url(),
                    "SECRET_KEY": django_settings.SECRET_KEY,
                    "ROLLCALL_VAR": str(FOLDER),
                    "LOG_FILE": str(folder / "rollcall.log"),
                    "REDIS_URL": django_settings.REDIS_URL,
                    "LDAP_LOOPBACK": "true",
                    "LDAP_PORTS": str(port),
                    "CONSOLE_ADDRESS": address,
                    "STORE_ADDRESS": f"http://127.0.0.1:{store.port}",
                    **places,
                }
                service = services.web(services.LOOPBACK, web_port)
                console = Process("console", list(service.command), environment, folder)
                try:
                    wait_for(lambda: accepts(web_port) or not console.runs, "the console answers")
                    assert console.runs, console.log
                    yield BackupSite(address, company, _server(company), store, environment)
                finally:
                    console.kill()


def _server(company: Company) -> LdapServer:
    directory = company.directory
    return ldap_server(
        directory.url,
        **{
            "search_base": company.base,
            "bind_dn": directory.reader_dn,
            "bind_password": directory.reader_password,
            **NO_LIMITS,
            **company.settings,
        },
    )
