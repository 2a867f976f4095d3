"""Asks the console as a backup program on a device does."""

from __future__ import annotations

from typing import Any

from django.test import Client

from orgs.models import Org

ADDRESS = "198.51.100.7"


def ask(path: str, body: Any = None, *, token: str = "", address: str = ADDRESS, **headers: Any) -> Any:
    """Return the answer to a request of a program; with a body it is a POST of JSON."""
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    headers["REMOTE_ADDR"] = address
    client = Client(enforce_csrf_checks=True)
    if body is None:
        return client.get(f"/agent/{path}", **headers)
    return client.post(f"/agent/{path}", body, content_type="application/json", **headers)


def register(username: str, password: str, *, org: str = "Default", address: str = ADDRESS, **more: Any) -> Any:
    """Register a computer with the key of an org."""
    key = Org.objects.get(name=org).registration_key
    body = {"key": key, "username": username, "password": password, "name": "laptop", "os": "Debian 13"}
    return ask("register", body | {"agent_version": "1.0"} | more, address=address)


def code_of(answer: Any) -> str:
    """Return the code of a refusal."""
    return str(answer.json()["code"])
