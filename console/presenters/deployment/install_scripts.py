"""Makes the commands that install the agent and register a computer by a deployment policy, with their values quoted."""

from __future__ import annotations

import functools
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.presenters import agent_program

# What stands in the place of the token once that is not shown any more; a shell and PowerShell take it as plain text.
PLACEHOLDER = "THE-TOKEN-OF-THE-POLICY"
_SCRIPTS = Path(__file__).parent / "scripts"
# PowerShell takes each of these as the end of a text in single quotes, unless it stands there twice.
_QUOTES = "'\u2018\u2019\u201a\u201b"


@dataclass(frozen=True, slots=True)
class InstallScript:
    """One script: ``key`` names it on the page, ``run_as`` says who runs it and how."""

    key: str
    title: str | Promise
    run_as: str | Promise
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InstallPage:
    """What the page of commands shows; ``sha256`` is empty where the agent is missing here.

    ``detections`` find the person at a computer; each installer holds the one of its system.
    """

    server: str
    sha256: str
    installers: tuple[InstallScript, ...]
    detections: tuple[InstallScript, ...]

    placeholder: str = PLACEHOLDER

    @property
    def encrypted(self) -> bool:
        """Whether the address is one that the agent takes: anything but https would show passwords of repositories."""
        return self.server.startswith("https://")


def page(*, token: str = "") -> InstallPage:
    """Return the scripts for the address of this console; without the token they have a placeholder."""
    server, agent = settings.CONSOLE_ADDRESS, agent_program.served()
    sha256 = agent.sha256 if agent else ""
    values = {"server": server, "sha256": sha256, "token": token or PLACEHOLDER}
    return InstallPage(
        server=server,
        sha256=sha256,
        installers=(
            InstallScript(
                "linux",
                _("Linux: shell"),
                _("Run it as root, by hand or with the tool that manages your computers."),
                _shell("Installs rollcall-agent on Linux, and registers this computer.", values, "linux"),
            ),
            InstallScript(
                "macos",
                _("macOS: Jamf"),
                _(
                    "Jamf runs it as root. Parameters 4 (address) and 5 (token) can stay empty; what stands there counts instead, and "
                    "everybody at the Mac can read it while the script runs."
                ),
                _shell("Installs rollcall-agent on macOS, and registers this Mac.", values, "macos"),
            ),
            InstallScript(
                "windows",
                _("Windows: Intune or SCCM"),
                _(
                    "Run it as SYSTEM with 64-bit PowerShell. It ends with 1618 where nobody has signed in, to be tried again."
                ),
                _powershell("Installs rollcall-agent on Windows, and registers this computer.", values),
            ),
        ),
        detections=(
            InstallScript(
                "linux-person", _("Linux"), _("The person of the session at seat0."), _part("linux_person.sh")
            ),
            InstallScript("macos-person", _("macOS"), _("The console user, by scutil."), _part("macos_person.sh")),
            InstallScript("windows-person", _("Windows"), _("The owner of explorer.exe."), _part("windows_person.ps1")),
        ),
    )


@functools.cache
def _part(name: str) -> str:
    return (_SCRIPTS / name).read_text("utf-8")


def _shell(about: str, values: dict[str, str], system: str) -> str:
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    parts = "\n".join(_part(name) for name in (f"{system}_person.sh", f"{system}.sh", "install.sh"))
    return f"#!/bin/sh\n# {about}\nset -eu\n{assignments}\n{parts}"


def _powershell(about: str, values: dict[str, str]) -> str:
    assignments = "".join(f"${name} = {powershell_quoted(value)}\n" for name, value in values.items())
    beginning = f"# {about}\n$ErrorActionPreference = 'Stop'\n$ProgressPreference = 'SilentlyContinue'\n"
    return f"{beginning}{assignments}\n{_part('windows_person.ps1')}\n{_part('windows.ps1')}"


def powershell_quoted(text: str) -> str:
    """Return a text as PowerShell reads it in single quotes: nothing in it is a variable or the end of the text."""
    return "'" + "".join(sign * 2 if sign in _QUOTES else sign for sign in text) + "'"
