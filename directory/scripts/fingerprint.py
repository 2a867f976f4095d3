"""Hashes everything, beside the entry, that a verdict depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from directory.models import LdapServer
from directory.scripts import server_sandbox


def evaluation_fingerprint(server: LdapServer) -> str:
    """Return what names the scripts of a server, the sandbox, and the attributes that are requested: a verdict goes by these."""
    fingerprint = f"{server.configuration_digest} {server_sandbox.version()}"
    # Another version of Rollcall may request other attributes.
    return fingerprint if server.attributes is None else f"{fingerprint} {_hash(server.attributes)}"


def _hash(names: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
