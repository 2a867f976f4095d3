"""Serves the backup program of devices, and its SHA-256."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from console.http.agent_requests import AgentRefusal, agent_address
from console.presenters import agent_program
from console.presenters.agent_program import NAME, AgentProgram


@agent_address("GET", "HEAD")
def program(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django passes it
    """Return the program, one file for all systems."""
    answer = HttpResponse(_served().content, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{NAME}"'
    return answer


@agent_address("GET", "HEAD")
def checksum(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django passes it
    """Return the SHA-256 of the program, in the form that ``sha256sum --check`` reads."""
    return HttpResponse(f"{_served().sha256}  {NAME}\n", content_type="text/plain")


def _served() -> AgentProgram:
    found = agent_program.served()
    if found is None:
        raise AgentRefusal(404, "no-program", _("This installation has no backup program."))
    return found
