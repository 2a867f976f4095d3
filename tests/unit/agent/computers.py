"""A computer of a test: a home folder, a restic that does what the test wants, and the agent run as people run it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from tests.tree import ROOT

PROGRAM = ROOT / "static" / "agent" / "rollcall-agent"
PASSWORD = "password-that-nobody-sees"
# Does what the file beside its notes wants, and notes how it was started once it has said all: whoever killed its agent before
# that would have it end at its next word.
RESTIC = """#!{python}
import json, os, subprocess, sys, time
home = os.environ["HOME"]
command = next(word for word in sys.argv[1:] if word in ("init", "backup", "restore", "snapshots", "ls"))
does = json.load(open(home + "/restic.json")).get(command, {{}})
if "file" in does:
    target = sys.argv[sys.argv.index("--target") + 1]
    open(target + "/" + does["file"], "w").close()
print(does.get("output", ""), flush=True)
print(does.get("errors", ""), file=sys.stderr, flush=True)
with open(home + "/restic.log", "a") as log:
    log.write(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid()}}) + "\\n")
if does.get("seconds"):
    subprocess.run(["sleep", str(does["seconds"])])
sys.exit(does.get("exit", 0))
"""
SUMMARY = json.dumps(
    {
        "message_type": "summary",
        "total_files_processed": 12,
        "total_bytes_processed": 3400,
        "data_added": 560,
        "snapshot_id": "abcd1234",
    }
)


def load_agent() -> Any:
    """Return the agent as a module."""
    loader = SourceFileLoader("rollcall_agent_of_tests", str(PROGRAM))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    # No compiled file beside the program, which is served as it is.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


class Computer:
    """One computer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._started: list[subprocess.Popen[str]] = []
        self.programs = home / "programs"
        self.programs.mkdir(parents=True)
        restic = self.programs / "restic"
        restic.write_text(RESTIC.format(python=sys.executable))
        restic.chmod(0o755)
        self.documents = home / "documents"
        self.documents.mkdir()
        self.restic_does(backup={"output": SUMMARY})

    @property
    def folder(self) -> Path:
        return self.home / ".config" / "rollcall-agent"

    def restic_does(self, **commands: dict[str, Any]) -> None:
        (self.home / "restic.json").write_text(json.dumps(commands))

    def restic_runs(self) -> list[dict[str, Any]]:
        """Return how restic was started, each time."""
        log = self.home / "restic.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def environment(self, **more: str) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": f"{self.programs}:{os.environ['PATH']}", "TZ": "UTC", **more}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """End what a test that failed has left behind: agents, and each restic with its group."""
        for process in self._started:
            process.kill()
        for started in self.restic_runs():
            if self._is_of_this_computer(started["pid"]):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(started["pid"], signal.SIGKILL)
        for process in self._started:
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _is_of_this_computer(self, pid: int) -> bool:
        # The number may be another process's by now.
        with contextlib.suppress(OSError):
            return f"HOME={self.home}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return False

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def register(self, address: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Register as a person does, with what would be typed in the environment."""
        secrets = {"ROLLCALL_KEY": "AAAA-BBBB-CCCC-DDDD", "ROLLCALL_PASSWORD": PASSWORD, **environment}
        options = ["--server", address, "--username", "ada", "--name", "laptop", "--folder", str(self.documents)]
        return self.run("register", *options, "--no-schedule", *more, **secrets)

    def state(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return values

    def change_state(self, **changes: Any) -> None:
        (self.folder / "state.json").write_text(json.dumps({**self.state(), **changes}))
