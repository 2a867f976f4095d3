"""Requests to the store as attackers send them, and a repository that they are after."""

from __future__ import annotations

import socket

from django.conf import settings

from tests.backups import BackingUp
from tests.store_server import basic

SECRET = b"the config of another device"
VICTIM = "223456789012345678"


def make_victim() -> None:
    """Make the repository of another device."""
    victim = settings.ARCHIVES / VICTIM
    victim.mkdir(exist_ok=True)
    (victim / "config").write_bytes(SECRET)


def raw(port: int, device: BackingUp, method: str, address: str, body: bytes = b"") -> bytes:
    """Return all that is answered at a port to these very bytes."""
    head = f"{method} {address} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(device)}\r\nConnection: close\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode("utf-8", "surrogateescape") + body
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


def stored_files() -> set[tuple[str, bytes]]:
    """Return all files below the folder of archives, with their contents."""
    found = (path for path in settings.ARCHIVES.rglob("*") if path.is_file())
    return {(str(path), path.read_bytes()) for path in found}
