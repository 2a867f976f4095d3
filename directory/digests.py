"""Makes the digests by which values, texts and source files are compared. Pure.

docs/decisions/0034-each-hash-has-one-place.md lists all hashes of Rollcall with their purposes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def of_json(value: object) -> str:
    """Return a digest of a JSON value, as 64 hexadecimal digits; the order of lists and of keys counts."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def of_text(text: str) -> str:
    """Return a digest of a text, as 64 hexadecimal digits; octets that are no text count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def of_files(paths: Iterable[Path], *, below: Path) -> str:
    """Return one digest of the names below a folder and the contents of these files, whatever their order."""
    parts = sorted((path.relative_to(below).as_posix(), path.read_bytes()) for path in set(paths))
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()
