"""A console and a store that answer what a test wants, and note what the agent sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GUID = "123456789012345678"
TOKEN = "token-that-nobody-sees"
REPOSITORY_PASSWORD = "repository-password-that-nobody-sees"
ALLOWED = {"allowed": True, "code": "", "message": "", "retry_after": 0, "ask_again_seconds": 1, "jobs": []}
BLOCKED = {
    **ALLOWED,
    "allowed": False,
    "code": "user-blocked",
    "message": "Your account is blocked. Ask your administrator.",
}


@dataclass(slots=True)
class FakeConsole:
    """What it answers, by method and path: a status with a body; and the bodies that came, by path."""

    address: str
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    bodies: dict[str, list[Any]] = field(default_factory=dict)
    authorizations: dict[str, list[str]] = field(default_factory=dict)

    def sends(self, line: str, status: int, body: Any = "") -> None:
        self.answers[line] = (status, body)

    def refuses(self, line: str, status: int, code: str, message: str) -> None:
        self.sends(line, status, {"code": code, "message": message})

    def received(self, path: str) -> list[Any]:
        return self.bodies.get(path, [])

    def registration(self, **changes: Any) -> dict[str, Any]:
        return {
            "guid": GUID,
            "device": "laptop",
            "token": TOKEN,
            "repository_password": REPOSITORY_PASSWORD,
            "key_holder": "rollcall",
            "store": self.address,
            "org": "Research",
            "user": "ada",
            "new_user": True,
            "new_device": True,
            **changes,
        }


class Handler(BaseHTTPRequestHandler):
    """Answers from the table of its console."""

    console: FakeConsole
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *arguments: Any) -> None:
        pass

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.console.bodies.setdefault(self.path, []).append(json.loads(content) if content else None)
        self.console.authorizations.setdefault(self.path, []).append(self.headers.get("Authorization", ""))
        status, body = self.console.answers.get(f"{self.command} {self.path}", (404, "no such page"))
        answer = (body if isinstance(body, str) else json.dumps(body)).encode() if status != 204 else b""
        refused = self.command == "HEAD" and isinstance(body, dict)
        self.send_response(status, body["message"] if refused else None)
        if refused:
            self.send_header("X-Rollcall-Reason", body["code"])
        if status in {301, 302, 307}:
            self.send_header("Location", str(body))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)


@contextmanager
def fake_console() -> Iterator[FakeConsole]:
    """Run a console until the end of the block; at first it allows everything, and there is a repository."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {}))
    server.daemon_threads = True
    console = FakeConsole(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass.console = console  # type: ignore[attr-defined]
    for way in ("register", "replace", "deploy"):
        console.sends(f"POST /agent/{way}", 200, console.registration())
    console.sends("GET /agent/me", 200, ALLOWED)
    console.sends("POST /agent/report", 204)
    console.sends(f"HEAD /backup/{GUID}/config", 200)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield console
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
