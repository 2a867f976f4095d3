"""Creates Rollcall's own secrets in files of the data folder."""

from __future__ import annotations

import secrets
from pathlib import Path


def kept_secret(file: Path) -> str:
    """Return the secret in the file; the first call creates it, readable for its owner only."""
    if not file.exists():
        fresh = file.with_name(f"{file.name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(24), "ascii")
        fresh.replace(file)
    return file.read_text("ascii").strip()
