"""A TLS server that keeps every byte it decrypts: nothing may come to it whose certificate is not trusted."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.directories import Authority, Certificate

START_TLS_DONE = bytes.fromhex("300c02010178070a010004000400")


class TlsListener:
    """Takes connections with a certificate of this kind; with ``start_tls`` it agrees to StartTLS first.

    ``plain`` is what came before TLS, ``decrypted`` what came inside of it; ``ca_certificate`` is the authority to trust.
    """

    def __init__(self, kind: Certificate, *, start_tls: bool = False) -> None:
        self.plain = self.decrypted = b""
        self.connections = 0
        self._start_tls = start_tls
        authority = Authority()
        self.ca_certificate = authority.pem
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in zip(("certificate", "key"), authority.issue(kind), strict=True):
                (Path(folder) / name).write_text(text)
            self._context.load_cert_chain(f"{folder}/certificate", f"{folder}/key")

    def __enter__(self) -> Self:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"{'ldap' if self._start_tls else 'ldaps'}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, suppress(OSError):
                client.settimeout(3)
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        if self._start_tls:
            self.plain += client.recv(1 << 16)
            client.sendall(START_TLS_DONE)
        with self._context.wrap_socket(client, server_side=True) as secure:
            while more := secure.recv(1 << 16):
                self.decrypted += more
