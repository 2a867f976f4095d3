"""Computes the evaluation fingerprint: a hash of everything, besides the entry, on which a verdict depends."""

from __future__ import annotations

from collections.abc import Sequence

from directory import digests
from directory.models import LdapServer
from directory.scripts import server_sandbox


def evaluation_fingerprint(server: LdapServer) -> str:
    """Return the fingerprint of a server's scripts, the sandbox, and the requested attributes."""
    fingerprint = f"{server.configuration_digest} {server_sandbox.version()}"
    # Another version of Rollcall may request other attributes.
    return fingerprint if server.attributes is None else f"{fingerprint} {_hash(server.attributes)}"


def _hash(names: Sequence[str]) -> str:
    return digests.of_text(" ".join(names))[:16]
