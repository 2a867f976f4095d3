"""A computer of a test with the real restic, whose line can be slow, and the agent run as people run it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.restic_client import RESTIC, differing
from tests.unit.agent.computers import Computer


class Laptop(Computer):
    """One computer with restic, and with files worth keeping."""

    def __init__(self, home: Path, *, files: int = 0) -> None:
        super().__init__(home)
        self.line(kilobytes_a_second=0)
        for number in range(files):
            self.writes(f"file {number}", size=50_000)

    def writes(self, name: str, *, size: int) -> None:
        """Write a file that nothing can compress."""
        (self.documents / name).write_bytes(os.urandom(size))

    def line(self, *, kilobytes_a_second: int) -> None:
        """Give the computer a line of this speed; 0 is as fast as it can be."""
        restic = self.programs / "restic"
        restic.write_text(f'#!/bin/sh\nexec "{RESTIC}" --limit-upload {kilobytes_a_second} "$@"\n')

    def does(self, *arguments: str, **environment: str) -> str:
        """Run the agent, which has to end well, and return what it prints."""
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def settings(self) -> dict[str, Any]:
        """Return what the agent keeps."""
        values: dict[str, Any] = json.loads((self.folder / "settings.json").read_text())
        return values

    def changes_settings(self, **changes: Any) -> None:
        """Change settings as a person does with an editor."""
        (self.folder / "settings.json").write_text(json.dumps({**self.settings(), **changes}))

    @property
    def guid(self) -> str:
        """The GUID of the device that this computer is."""
        return str(self.settings()["guid"])

    def restic(self, *arguments: str) -> str:
        """Run restic as the agent does, with a cache of its own; it has to end well. Return its output."""
        kept = self.settings()
        host = kept["store"].removeprefix("http://")
        environment = {
            "RESTIC_REPOSITORY": f"rest:http://{kept['guid']}:{kept['token']}@{host}/backup/{kept['guid']}/",
            "RESTIC_PASSWORD": kept["password"],
            "RESTIC_CACHE_DIR": str(self.home / "another cache"),
        }
        command = [str(RESTIC), *arguments]
        done = subprocess.run(command, env=self.environment(**environment), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def differing_files(self, restored: Path) -> int:
        """Return how many documents are not in a restored folder as they are here."""
        return differing(self.documents, restored / self.documents.relative_to("/"))

    def secrets_in_processes(self, *more: str) -> list[str]:
        """Return the command lines on this machine that show a secret of this computer, or one of these."""
        kept = self.settings()
        secrets = (kept["token"], kept["password"], *more)
        return [line for line in _command_lines() if any(secret in line for secret in secrets)]


def _command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            # It has ended meanwhile.
            continue
    return lines
