"""Opens the sandbox for the scripts of a server, with the limits that the settings allow."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from directory.models import LdapServer
from directory.scripts.sandbox.engine_version import engine_version
from directory.scripts.sandbox.resource_limits import SandboxLimits
from directory.scripts.sandbox.sandbox import Sandbox
from directory.values.scripts import RequestedAttributes, Scripts

NOT_NAMED = "as its name does not stand in a script: write it out, or have the server ask for all attributes"
NOT_STORED = "as no script had its name when the entries were read: save the script and simulate a synchronization"


def limits() -> SandboxLimits:
    """Return the limits of scripts on this installation."""
    return SandboxLimits(allow_weak=settings.ALLOW_WEAK_SANDBOX)


def version() -> str:
    """Return the version of engine and sandbox: another version may return another verdict."""
    return engine_version()


def sandbox(server: LdapServer) -> Sandbox:
    """Return a sandbox with the server's scripts, for entries as they are read; use it as a context manager."""
    return _sandbox(server, server.scripts, server.attributes, NOT_NAMED)


def sandbox_for_stored(server: LdapServer, scripts: Scripts, attributes: Sequence[str] | None) -> Sandbox:
    """Return a sandbox with these scripts for a server's stored entries, which have only these attributes (None: all)."""
    return _sandbox(server, scripts, attributes, NOT_STORED)


def _sandbox(server: LdapServer, scripts: Scripts, attributes: Sequence[str] | None, advice: str) -> Sandbox:
    requested = None if attributes is None else RequestedAttributes(tuple(attributes), advice)
    return Sandbox(scripts, server.always_lists, limits(), requested)
