"""The computers of the demo: a folder with files, and the real agent, which backs them up through the running store."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from console.process.data_folder import BASE_DIR
from directory.demo.computers import DemoComputer, files

AGENT = BASE_DIR / "static" / "agent" / "rollcall-agent"
# Slow, so that a person has the time to press a button while it works: the recording takes two minutes.
LIMIT_UPLOAD_KIB = 500
_RECORDING_BYTES = 60_000_000
_BLOCK = 1_000_000
# The schedule of a real computer is not set up here, and nothing else of this environment is the agent's business.
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TERM", "TMPDIR")


class ComputerFolder:
    """The folder of one computer: its files, and the agent's settings."""

    def __init__(self, home: Path, computer: DemoComputer) -> None:
        self.computer = computer
        self._folder = home / "computers" / computer.name
        self.files = self._folder / "files"
        self.settings = self._folder / "settings"

    @property
    def _settings_file(self) -> Path:
        return self.settings / "settings.json"

    def make_files(self) -> None:
        """Write the files, unless they are there; after a crash from the beginning."""
        if self.files.exists():
            return
        part = self._folder / "files.part"
        shutil.rmtree(part, ignore_errors=True)
        for name, content in files(self.computer):
            path = part / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
        part.rename(self.files)

    @property
    def recording(self) -> Path:
        """The large file on this computer."""
        return self.files / "Recordings" / "Meeting.mkv"

    def record(self, *, last_backup_at: datetime | None) -> bool:
        """Write a new recording, for which a backup takes its time, unless the last one is not backed up yet; return whether."""
        path = self.recording
        if path.exists() and (last_backup_at is None or path.stat().st_mtime > last_backup_at.timestamp()):
            return False
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("wb") as file:
            for _ in range(_RECORDING_BYTES // _BLOCK):
                file.write(secrets.token_bytes(_BLOCK))
        return True

    def guid(self) -> str:
        """Return the GUID of the device that this computer is registered as; empty if it is not."""
        return str(self._values().get("guid", ""))

    def point_to(self, *, console: str, store: str) -> None:
        """Have the agent speak to these addresses: another start may have chosen other ports."""
        values = self._values()
        if values and (values.get("server"), values.get("store")) != (console, store):
            fresh = self._settings_file.with_name("settings.json.moved")
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps(values | {"server": console, "store": store}, indent=2), "utf-8")
            fresh.replace(self._settings_file)

    def _values(self) -> dict[str, Any]:
        try:
            values = json.loads(self._settings_file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            # The agent registers anew where it can't read them.
            return {}
        return values if isinstance(values, dict) else {}

    def command(self, act: str, *arguments: str) -> list[str]:
        """Return the agent's command line for an act of this computer."""
        return [sys.executable, str(AGENT), act, "--settings", str(self.settings), *arguments]

    def run(self, act: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the agent and return its end, with what it wrote; it ends with this process."""
        return _run(self.command(act, *arguments), variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_for_reader(self, act: str) -> int:
        """Run the agent as a person does at the computer; return its exit."""
        return _run(self.command(act), {}).returncode


def background_command(*, console: str, store: str) -> tuple[str, ...]:
    """Return the command that makes the computers ready while Rollcall runs already; nothing waits for it."""
    act = ("demodevices", "start", "--console", console, "--store", store)
    return ("nice", "-n", "10", sys.executable, str(BASE_DIR / "manage.py"), *act)


def _run(command: list[str], variables: Mapping[str, str], **output: Any) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # Its end by a signal is the agent's too, which then ends restic.
    ends_too = ["setpriv", "--pdeathsig", "TERM"]
    return subprocess.run([*ends_too, *command], env=kept | dict(variables), text=True, check=False, **output)
