"""Hashes the source of the rules, so that nothing that an older version of them has made or decided is kept. Pure.

Whole folders are taken where that can be: a module that is new there counts at once. It costs one run after an upgrade
that decides about everybody, or asks the scripts about every entry, which it would not have had to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SYNC = Path(__file__).parent
PROJECT = SYNC.parents[1]
DIRECTORY, ORGS = PROJECT / "directory", PROJECT / "orgs"

# What decides about a user: who was found, and what follows from it.
DECIDING = (
    *SYNC.rglob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    *(DIRECTORY / "provisioning").glob("*.py"),
    *DIRECTORY.glob("*.py"),
    DIRECTORY / "ldap" / "identity.py",
    DIRECTORY / "scripts" / "verdict_json.py",
    *ORGS.glob("*.py"),
    *(ORGS / "rules").glob("*.py"),
)
# What decides whose entry one is.
MATCHING = (
    *(SYNC / "identify").glob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    SYNC / "entries" / "entry_store.py",
    SYNC / "entries" / "entry_values.py",
    SYNC / "read" / "match_fingerprint.py",
    SYNC / "read" / "sqlite_hashes.py",
    SYNC / "stored" / "serialization.py",
    DIRECTORY / "ldap" / "identity.py",
    ORGS / "text.py",
)
# What decides what is stored of an entry, beside the sandbox, which has a version of its own.
STORING = (
    *(DIRECTORY / "ldap").rglob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    DIRECTORY / "scripts" / "verdict_json.py",
    DIRECTORY / "scripts" / "distributed" / "evaluation_batches.py",
    SYNC / "entries" / "entry_store.py",
    SYNC / "entries" / "entry_values.py",
    SYNC / "stored" / "serialization.py",
    ORGS / "text.py",
)


def of(paths: Iterable[Path]) -> str:
    """Return one hash of the names and the contents of these files, in whatever order they come."""
    parts = sorted((path.relative_to(PROJECT).as_posix(), path.read_bytes()) for path in set(paths))
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


# Read once, when the rules themselves are: an upgrade may replace the files while this process runs.
DECISIONS = of(DECIDING)
MATCHES = of(MATCHING)
ENTRIES = of(STORING)
