"""Hashes the source of the rules, so that results of older rules are not used again. Pure.

Whole folders are hashed where possible, so that a new module counts at once. The price: after an upgrade one run may
decide about every user, or evaluate every entry, without need.
"""

from __future__ import annotations

from pathlib import Path

from directory import digests

SYNC = Path(__file__).parent
PROJECT = SYNC.parents[1]
DIRECTORY, ORGS = PROJECT / "directory", PROJECT / "orgs"

# The modules that decide about a user: which entry is found, and what follows from it.
DECIDING = (
    *SYNC.rglob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    *(DIRECTORY / "provisioning").glob("*.py"),
    *DIRECTORY.glob("*.py"),
    DIRECTORY / "ldap" / "entry_identity.py",
    DIRECTORY / "scripts" / "verdict_json.py",
    *ORGS.glob("*.py"),
    *(ORGS / "rules").glob("*.py"),
)
# The modules that decide which user an entry belongs to.
MATCHING = (
    *(SYNC / "identify").glob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    DIRECTORY / "digests.py",
    SYNC / "entries" / "entry_store.py",
    SYNC / "entries" / "entry_values.py",
    SYNC / "read" / "match_fingerprint.py",
    SYNC / "read" / "sqlite_hash_function.py",
    SYNC / "stored" / "plan_json.py",
    DIRECTORY / "ldap" / "entry_identity.py",
    ORGS / "text.py",
)
# The modules that decide what is stored of an entry; the sandbox has a version of its own.
STORING = (
    *(DIRECTORY / "ldap").rglob("*.py"),
    *(DIRECTORY / "values").glob("*.py"),
    DIRECTORY / "scripts" / "verdict_json.py",
    DIRECTORY / "digests.py",
    DIRECTORY / "scripts" / "distributed" / "evaluation_batches.py",
    SYNC / "entries" / "entry_store.py",
    SYNC / "entries" / "entry_values.py",
    SYNC / "stored" / "plan_json.py",
    ORGS / "text.py",
)

# Read when the rules are imported: an upgrade may replace the files while this process runs.
DECISIONS = digests.of_files(DECIDING, below=PROJECT)
MATCHES = digests.of_files(MATCHING, below=PROJECT)
ENTRIES = digests.of_files(STORING, below=PROJECT)
