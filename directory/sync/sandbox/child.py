"""The child process: locks itself down, then answers the parent's requests over stdin and stdout until stdin ends.

Run as ``python -I child.py CPU_SECONDS MEMORY_BYTES PARENT_PID`` with an empty environment. A frame is four bytes of
length and a body; a request's body is one letter and JSON, an answer's body is JSON.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import secrets
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from lockdown import lock_down  # type: ignore[import-not-found]  # noqa: E402

sys.path.remove(str(HERE))

PRELUDE = ("harden.js", "prelude.js")
OUT_OF_MEMORY = 77
CALLS = {b"L": "load", b"E": "evaluate"}


def load_engine() -> Any:
    """Load dukpy's C module alone; the package around it imports compilers and an HTTP client."""
    package = importlib.util.find_spec("dukpy")
    if package is None or not package.submodule_search_locations:
        raise ImportError("dukpy is not installed")
    finder = importlib.machinery.FileFinder(
        package.submodule_search_locations[0],
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    )
    spec = finder.find_spec("_dukpy")
    if spec is None or spec.loader is None:
        raise ImportError("dukpy has no engine")
    engine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(engine)
    return engine


class RealmFailed(Exception):
    """JavaScript outside the scripts' own calls failed, such as a job that a script left behind."""


class Realm:
    """One JavaScript world of its own, hardened by the prelude."""

    def __init__(self, engine: Any, prelude: str) -> None:
        # Scripts could call the prelude by its name, so they must not be able to guess it.
        self._name = f"rollcall_{secrets.token_hex(16)}"
        self._engine = engine
        self._ctx = engine.create_context()
        self._evaluate(prelude.replace("$REALM", self._name), b"{}")

    def call(self, function: str, data: bytes) -> bytes:
        return self._evaluate(f"{self._name}.{function}()", data)

    def _evaluate(self, code: str, data: bytes) -> bytes:
        # The engine reads self._ctx, and JSON data arrives in the global named dukpy.
        try:
            answer: bytes | None = self._engine.eval_string(self, code.encode(), data, False, "prelude")  # noqa: FBT003
        except self._engine.JSRuntimeError as error:
            raise RealmFailed(str(error)) from error
        return answer or b"null"


def answer_requests(engine: Any, prelude: str, cpu_seconds: float) -> None:
    """Serve until the parent closes the pipe. The timer's signal is not handled: the kernel ends the process."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    realm = Realm(engine, prelude)
    _send(answers, b"true")
    while body := _receive(requests):
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        if body[:1] == b"R":
            realm, answer = Realm(engine, prelude), b"true"
        else:
            answer = _call(realm, CALLS[body[:1]], body[1:])
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(answers, answer)


def _call(realm: Realm, function: str, data: bytes) -> bytes:
    try:
        return realm.call(function, data)
    except RealmFailed as error:
        # Left over jobs and memory that ran out in the prelude itself end here; the parent asks for a new realm.
        return json.dumps({"failed": str(error)[:2000]}).encode()


def _receive(stream: BinaryIO) -> bytes:
    header = stream.read(4)
    return stream.read(struct.unpack("<I", header)[0]) if len(header) == 4 else b""


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(struct.pack("<I", len(body)) + body)
    stream.flush()


def main() -> None:
    """Start, lock down, serve."""
    cpu_seconds, memory_bytes, parent = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    engine, prelude = load_engine(), "".join((HERE / name).read_text(encoding="utf-8") for name in PRELUDE)
    # A date must mean the same on every server.
    os.environ["TZ"] = "UTC"
    time.tzset()
    lock_down(memory_bytes=memory_bytes, parent=parent)
    try:
        answer_requests(engine, prelude, cpu_seconds)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
