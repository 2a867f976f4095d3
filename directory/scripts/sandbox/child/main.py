"""The child process: locks itself down, then answers the parent's requests over stdin and stdout until stdin ends.

Run as ``python -I child/main.py CPU_SECONDS MEMORY_BYTES PARENT_PID`` with an empty environment. A request is four bytes of
length, one letter and JSON; an answer is a header with length and cost (HEADER), and JSON. The first answer comes without
a request: the layers.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from engine import Stack, load_engine  # type: ignore[import-not-found]  # noqa: E402
from lockdown import lock_down  # type: ignore[import-not-found]  # noqa: E402

sys.path.remove(str(HERE))

PRELUDE = ("helpers.js", "harden.js", "sources.js", "prelude.js")
OUT_OF_MEMORY = 77
# The length of an answer, its computing time in seconds, and the peak memory so far in KB.
HEADER = struct.Struct("<IdI")
RESET, LOAD, EVALUATE, ALONE = b"R", b"L", b"E", b"A"


class RealmFailed(Exception):
    """JavaScript failed outside the calls of scripts, such as a job that a script left behind."""


class Realm:
    """One JavaScript realm (its own global objects), hardened by the prelude."""

    def __init__(self, engine: Any, prelude: str, stack: Stack) -> None:
        # Scripts could call the prelude by its name, so they must not be able to guess it.
        self._name = f"rollcall_{os.urandom(16).hex()}"
        self._engine = engine
        self._ctx = engine.create_context()
        stack.give(self._ctx)
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


class ScriptService:
    """Answers requests in one lasting realm, or each in a fresh realm."""

    def __init__(self, engine: Any, prelude: str, stack: Stack) -> None:
        self._engine = engine
        self._prelude = prelude
        self._stack = stack
        self._realm = self._new_realm()
        self._loaded: list[bytes] = []

    def answer(self, request: bytes) -> bytes:
        """Return the answer as JSON."""
        command, data = request[:1], request[1:]
        try:
            if command == RESET:
                self._realm = self._new_realm()
                return b"true"
            if command == LOAD:
                return self._load(data)
            return (self._loaded_realm() if command == ALONE else self._realm).call("evaluate", data)
        except RealmFailed as error:
            # Failed leftover jobs, and lack of memory in the prelude itself, end here; the parent asks for a new realm.
            return json.dumps({"failed": str(error)[:2000]}).encode()

    def _load(self, source: bytes) -> bytes:
        reply = self._realm.call("load", source)
        if json.loads(reply)["error"] is None and source not in self._loaded:
            self._loaded.append(source)
        return reply

    def _loaded_realm(self) -> Realm:
        realm = self._new_realm()
        for source in self._loaded:
            realm.call("load", source)
        return realm

    def _new_realm(self) -> Realm:
        return Realm(self._engine, self._prelude, self._stack)


def answer_requests(service: ScriptService, cpu_seconds: float) -> None:
    """Serve until the parent closes the pipe. The timer's signal has no handler, so that the kernel ends the process."""
    before = time.process_time()
    while request := _receive(sys.stdin.buffer):
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        answer = service.answer(request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        # While limits are set, this clock only moves at the scheduler's ticks: missed time is counted with the next answer.
        now = time.process_time()
        _send(answer, now - before)
        before = now


def _receive(stream: BinaryIO) -> bytes:
    header = stream.read(4)
    return stream.read(struct.unpack("<I", header)[0]) if len(header) == 4 else b""


def _send(body: bytes, spent: float) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.buffer.write(HEADER.pack(len(body), spent, memory) + body)
    sys.stdout.buffer.flush()


def main() -> None:
    """Load the engine, lock down the process, and serve."""
    cpu_seconds, memory_bytes, parent = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    engine, prelude = load_engine(), "".join((HERE / name).read_text(encoding="utf-8") for name in PRELUDE)
    stack = Stack(engine)
    # A date must mean the same on every server.
    os.environ["TZ"] = "UTC"
    time.tzset()
    layers = lock_down(memory_bytes=memory_bytes, parent=parent)
    try:
        service = ScriptService(engine, prelude, stack)
        _send(json.dumps(layers).encode(), 0.0)
        answer_requests(service, cpu_seconds)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
