"""The address to which devices back up, where the operator has not said another one."""

from __future__ import annotations

from urllib.parse import urlsplit


def beside(console_address: str, port: int) -> str:
    """Return the address of another port on the host of the console."""
    parts = urlsplit(console_address)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
