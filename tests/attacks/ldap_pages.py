"""The form of an LDAP server as a browser sends it, the command that reads JSON, and ears that note what they are sent."""

from __future__ import annotations

import html
import json
import re
import socket
import threading
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, Self

from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from directory.models import LdapServer


class Ear:
    """A listener on this machine that keeps all it is sent, and says ``banner`` to whoever connects."""

    def __init__(self, banner: bytes = b"") -> None:
        self.received = b""
        self.connections = 0
        self._banner = banner
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = int(self._listener.getsockname()[1])
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._open.append(client)
                thread = threading.Thread(target=self._listen, args=(client,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _listen(self, client: socket.socket) -> None:
        with suppress(OSError):
            if self._banner:
                client.sendall(self._banner)
            while more := client.recv(1 << 16):
                self.received += more
                if self._banner:
                    client.shutdown(socket.SHUT_WR)


def filled_in(client: Client, server: LdapServer) -> dict[str, Any]:
    """Return what the form of a stored server holds, as a browser sends it."""
    form = client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"]
    sent: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if isinstance(value, list):
            sent[field.html_name] = [getattr(item, "pk", item) for item in value]
        elif value is not None and value is not False and value != "":
            sent[field.html_name] = value
    return sent


def as_typed(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings as the form's fields hold them; a flag that is off is sent by no browser."""
    typed = {}
    for name, value in values.items():
        if isinstance(value, bool):
            typed[name] = "on" if value else ""
        elif isinstance(value, list):
            typed[name] = "\n".join(value)
        else:
            typed[name] = "" if value is None else value
    return typed


def on_the_page(text: bytes) -> str:
    """Return what a page says, on one line."""
    inside = text.decode().partition("<main")[2] or text.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inside)).split())


def alert_of(text: bytes) -> str:
    """Return the first alert of a page that is filled in already (the empty one waits for scripts)."""
    alerts = re.findall(r'<div class="note note-danger" role="alert">(.*?)</div>\s*</div>', text.decode(), re.DOTALL)
    return on_the_page(b"<main" + alerts[0].encode()) if alerts else ""


def applied(path: Path, content: Any) -> tuple[int, str]:
    """Run ``ldapserver apply`` on this content; return its exit code and what it said on standard error."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    err = StringIO()
    try:
        call_command("ldapserver", "apply", str(path), stdout=StringIO(), stderr=err)
    except CommandError as error:
        return error.returncode, str(error)
    return 0, err.getvalue()
