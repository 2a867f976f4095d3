"""Opens the sandbox for the scripts of a server, with the limits that the settings allow."""

from __future__ import annotations

from django.conf import settings

from directory.models import LdapServer
from directory.sync.sandbox import Sandbox, SandboxLimits, engine_version
from directory.sync.values import Scripts


def limits() -> SandboxLimits:
    """Return what scripts may use here."""
    return SandboxLimits(allow_weak=settings.ALLOW_WEAK_SANDBOX)


def version() -> str:
    """Return what decides, besides a script and an entry, what the script says: another version may say another thing."""
    return engine_version()


def sandbox(server: LdapServer, scripts: Scripts | None = None) -> Sandbox:
    """Return a sandbox with the server's scripts, or with others in their place; use it as a context manager."""
    return Sandbox(server.scripts if scripts is None else scripts, server.always_list_attributes, limits())
