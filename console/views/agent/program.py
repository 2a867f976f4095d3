"""Serves the backup program of devices, and its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from console.http.agent_requests import AgentRefusal, agent_address

NAME = "rollcall-agent"


@agent_address("GET", "HEAD")
def program(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django passes it
    """Return the program, one file for all systems."""
    answer = HttpResponse(_content(), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{NAME}"'
    return answer


@agent_address("GET", "HEAD")
def checksum(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django passes it
    """Return the SHA-256 of the program, in the form that ``sha256sum --check`` reads."""
    return HttpResponse(f"{digest()}  {NAME}\n", content_type="text/plain")


def digest() -> str:
    """Return the SHA-256 of the program in hexadecimal digits.

    Raises:
        AgentRefusal: when this installation has no program.
    """
    return hashlib.sha256(_content()).hexdigest()


def _content() -> bytes:
    path = Path(settings.BASE_DIR) / "static" / "agent" / NAME
    try:
        return path.read_bytes()
    except OSError as error:
        raise AgentRefusal(404, "no-program", _("This installation has no backup program.")) from error
