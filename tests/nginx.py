"""Debian's nginx in front of a store of a test, with the configuration that docs/nginx.md documents."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.backups import BackingUp
from tests.directories import Authority
from tests.server_process import ServerProcess, free_port
from tests.tree import ROOT

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
MISSING = "nginx is not installed: .ci/setup test installs it"
DOCUMENTED = ROOT / "docs" / "nginx" / "rollcall.conf"
MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    access_log off;
    {temporary}
    include {folder}/rollcall.conf;
}}
"""


class Nginx(ServerProcess):
    """nginx with TLS; ``store`` and ``console`` are the ports of what is behind it."""

    program = "nginx"

    def __init__(self, *, store: int, archives: Path, console: int = 9) -> None:
        super().__init__()
        self._store, self._console, self._archives = store, console, archives
        self.authority = Authority()
        self.port = self.console_port = 0

    @property
    def ca_file(self) -> Path:
        """The certificate that clients have to trust."""
        assert self._folder
        return self._folder / "ca.pem"

    def url(self, device: BackingUp) -> str:
        """Return the repository's address for restic, with the token."""
        return f"rest:https://{device.guid}:{device.token}@localhost:{self.port}/backup/{device.guid}/"

    def connection(self) -> ssl.SSLSocket:
        """Return a new connection to the store's name, in TLS."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=30), server_hostname="localhost"
        )

    def raw(self, request: bytes) -> bytes:
        """Send these very bytes, and return all that comes."""
        answer = b""
        with self.connection() as connection:
            connection.sendall(request)
            with suppress(ConnectionResetError, ssl.SSLEOFError):
                while part := connection.recv(65536):
                    answer += part
        return answer

    def _fill_folder(self) -> None:
        assert self._folder
        certificate, key = self.authority.issue("good")
        for name, text in (("ca.pem", self.authority.pem), ("rollcall.pem", certificate), ("rollcall.key", key)):
            (self._folder / name).write_text(text)
        (self._folder / "uploads").mkdir()

    def _choose_ports(self) -> Sequence[int]:
        assert self._folder
        self.console_port, self.port = free_port(), free_port()
        text = DOCUMENTED.read_text("ascii")
        for number in (self.console_port, self.port):
            assert "listen 443 ssl;" in text
            text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{number} ssl;", 1)
        for documented, here in (
            ("127.0.0.1:8000", f"127.0.0.1:{self._console}"),
            ("127.0.0.1:8010", f"127.0.0.1:{self._store}"),
            ("/etc/ssl/rollcall.pem", f"{self._folder}/rollcall.pem"),
            ("/etc/ssl/private/rollcall.key", f"{self._folder}/rollcall.key"),
            ("/srv/rollcall/nginx", f"{self._folder}/uploads"),
            ("/srv/rollcall/archives/", f"{self._archives}/"),
        ):
            assert documented in text, documented
            text = text.replace(documented, here)
        (self._folder / "rollcall.conf").write_text(text)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n    ".join(f"{kind}_temp_path {self._folder}/{kind};" for kind in kinds)
        # The user who runs the tests, as documented: nobody else may read archives.
        user = f"user {pwd.getpwuid(os.geteuid()).pw_name};" if os.geteuid() == 0 else ""
        (self._folder / "nginx.conf").write_text(MAIN.format(folder=self._folder, user=user, temporary=temporary))
        return [self.console_port, self.port]

    def _command(self) -> Sequence[str]:
        assert self._folder
        return [str(NGINX), "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]

    def _words(self, folder: Path) -> str:
        log = folder / "error.log"
        return super()._words(folder) + (log.read_text(errors="replace") if log.exists() else "")
