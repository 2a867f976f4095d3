"""Ways out of the scripts' child for someone who has taken over its engine: each is tried from inside, locked down."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attacks.escape_child import ATTEMPTS
from tests.catalogue import noted

HERE = Path(__file__).parent
QUICK = {"read a file", "write a file", "connect by TCP", "fork", "become a program", "kill the parent", "trace the parent",
         "make executable memory", "read the parent's environment", "take one large piece of memory"}  # fmt: skip
# What one layer alone has to stop, should the others fail.
ALONE = [
    ("landlock", "read a file"),
    ("landlock", "write a file"),
    ("landlock", "list a folder"),
    ("landlock", "connect by TCP"),
    ("landlock", "connect to an abstract socket"),
    ("landlock", "kill the parent"),
    ("limits", "read a file"),
    ("limits", "connect by TCP"),
    ("limits", "fork"),
    ("limits", "make a pipe"),
    ("limits", "take much memory"),
    ("nobody", "read a secret"),
    ("nobody", "read the parent's environment"),
    ("nobody", "read the parent's memory"),
    ("nobody", "kill the parent"),
    ("nobody", "trace the parent"),
    ("nobody", "become root"),
    ("seccomp", "read a file"),
    ("seccomp", "fork"),
    ("seccomp", "connect by TCP"),
    ("seccomp", "kill the parent"),
    ("seccomp", "become root"),
]


class Outside:
    """What an escape would reach: a secret file, an empty folder, and servers that nobody may speak to."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.secret = folder / "secret"
        self.secret.write_text("hunter2")
        self.secret.chmod(0o600)
        self.server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        self.name = f"rollcall-{os.getpid()}-{id(self)}"
        self.abstract.bind(b"\0" + self.name.encode())
        self.abstract.listen()
        self._before = self._seen(folder)
        self._folder = folder

    def argument(self, attempt: str) -> str:
        """Return what this attempt is aimed at."""
        if "abstract" in attempt:
            return self.name
        if "connect" in attempt or "UDP" in attempt:
            return str(self.server.getsockname()[1])
        return str(self._folder / "new" if attempt in {"write a file", "make a folder"} else self.secret)

    def touched(self) -> list[str]:
        """Return what has been reached."""
        found = [] if self._seen(self._folder) == self._before else ["the files have changed"]
        for server in (self.server, self.abstract):
            server.setblocking(False)
            try:
                server.accept()[0].close()
            except BlockingIOError:
                continue
            found.append("a server was reached")
        return found

    @staticmethod
    def _seen(folder: Path) -> list[tuple[str, int, bytes]]:
        return [(path.name, path.stat().st_mode, path.read_bytes()) for path in sorted(folder.iterdir())]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with ExitStack() as stack:
        yield Outside(tmp_path, stack)


def attempted(attempt: str, layer: str, outside: Outside) -> str:
    """Return what came of an attempt: refused, killed, or done."""
    child = subprocess.run(
        [sys.executable, "-I", str(HERE / "escape_child.py"), layer, attempt, outside.argument(attempt)],
        capture_output=True,
        env={},
        cwd="/",
        timeout=60,
        check=False,
    )
    if child.returncode == -signal.SIGSYS:
        return "the kernel ended the child"
    assert child.returncode in {0, 77}, child.stderr.decode()
    return child.stdout.decode()


def outcome(what: str, outside: Outside) -> tuple[str, int]:
    """Return what to note of an attempt, and how many things it reached."""
    reached = outside.touched() + (["it was done"] if what == "done" else [])
    return "; ".join([what, *reached]), len(reached)


@pytest.mark.parametrize(
    "attempt", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.whole) for name in ATTEMPTS]
)
def test_nothing_leads_out_of_the_locked_child(attempt: str, outside: Outside) -> None:
    if "x32" in attempt and platform.machine() != "x86_64":
        pytest.skip("only x86_64 has these calls")

    with noted(
        "scripts",
        f"Escape: {attempt}",
        how="Python code run inside the child after it has locked itself down, as if a script had taken it over",
        expected="refused, or the kernel ends the child; nothing outside is touched",
    ) as row:
        seen, reached = outcome(attempted(attempt, "all", outside), outside)

        row.saw(seen, wrongly_changed=reached)


@pytest.mark.parametrize(
    "attempt", ["read a secret", "write a file", "connect by TCP", "fork", "kill the parent", "make executable memory"]
)
def test_the_same_attempt_leads_out_of_a_child_that_is_not_locked(attempt: str, outside: Outside) -> None:
    assert attempted(attempt, "none", outside).startswith("done")


@pytest.mark.whole
@pytest.mark.parametrize(("layer", "attempt"), ALONE)
def test_each_layer_holds_alone(layer: str, attempt: str, outside: Outside) -> None:
    if layer in {"limits", "nobody"} and os.geteuid() != 0:
        pytest.skip("only root gives up rights")

    with noted(
        "scripts",
        f"Escape past all layers but one ({layer}): {attempt}",
        how="The same with this layer alone",
        expected="refused, or the kernel ends the child; nothing outside is touched",
    ) as row:
        seen, reached = outcome(attempted(attempt, layer, outside), outside)

        row.saw(seen, wrongly_changed=reached)
