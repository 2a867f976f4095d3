"""What a broken server, a damaged file or a stranger's file makes of the agent: words and an exit, and no stopped backup."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.agent.computers import SUMMARY, Computer
from tests.unit.agent.fake_console import ALLOWED, GUID, FakeConsole
from tests.unit.agent.test_backup import wait_for_restic


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answer each connection with these bytes, then close it; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def change_settings(computer: Computer, **changes: Any) -> None:
    settings = computer.folder / "settings.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), **changes}))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{",
        b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"allowed": "yes"}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"message": "Hi"}',
    ],
)
def test_an_answer_that_is_not_rollcalls_is_a_server_that_is_away(registered: Computer, answer: bytes) -> None:
    with raw_server(answer) as address:
        change_settings(registered, server=address)
        done = registered.run("backup")

    assert done.returncode == 69, done.stderr
    assert done.stderr.startswith(f"rollcall-agent: {address} ")
    assert "Traceback" not in done.stderr
    assert not registered.restic_runs()


@pytest.mark.parametrize("address", ["https://a..b", "https://[::1", f"https://{'a' * 70}.example"])
def test_an_address_that_no_name_can_have_is_said_to_be_wrong(computer: Computer, address: str) -> None:
    done = computer.register(address)

    assert done.returncode in {1, 69}
    assert done.stderr.startswith("rollcall-agent: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("answer", [{}, {"allowed": None}, {**ALLOWED, "retry_after": "soon", "jobs": "none"}])
def test_an_odd_answer_in_the_middle_stops_no_backup(
    console: FakeConsole, registered: Computer, answer: dict[str, Any]
) -> None:
    registered.restic_does(backup={"output": SUMMARY, "seconds": 4})
    process = registered.start("backup")
    wait_for_restic(registered, process)

    console.sends("GET /agent/me", 200, answer)
    _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("target", ["~no-such-person/back", "/tmp/a\0b", f"/tmp/{'x' * 300}", ["/tmp/x"], 7])
def test_a_requested_restore_to_no_folder_fails_and_the_backup_goes_on(
    console: FakeConsole, registered: Computer, target: Any
) -> None:
    restore = {"id": 7, "snapshot": "abcd1234", "paths": ["/home/ada/letter"], "target": target}
    console.sends("GET /agent/me", 200, {**ALLOWED, "jobs": [restore, "no job", {"id": "../x"}]})
    console.sends("POST /agent/jobs/7", 204)

    done = registered.run("backup")

    assert done.returncode == 0, done.stderr
    (body,) = console.received("/agent/jobs/7")
    assert body["state"] == "failed"
    assert body["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"every_hours": "4"},
        {"every_hours": float("nan")},
        {"every_hours": 0},
        {"folders": "/home/ada"},
        {"folders": [7]},
        {"leave_out": "*.iso"},
        {"limit_upload": "fast"},
        {"token": None},
        {"server": 7},
    ],
)
def test_settings_with_a_value_that_can_not_be_say_which(registered: Computer, changes: dict[str, Any]) -> None:
    change_settings(registered, **changes)

    done = registered.run("backup", "--due")

    assert done.returncode == 78, done.stderr
    assert next(iter(changes)) in done.stderr
    assert "Traceback" not in done.stderr
    assert not registered.restic_runs()


@pytest.mark.parametrize(
    "state", [{"last": None}, {"last": "x", "unreported": "y"}, {"restores": [], "unreported": [1]}]
)
def test_a_damaged_note_of_earlier_backups_stops_none(registered: Computer, state: dict[str, Any]) -> None:
    (registered.folder / "state.json").write_text(json.dumps(state))

    assert registered.run("backup", "--due").returncode == 0
    assert registered.run("status").returncode == 0


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf"])
def test_a_schedule_of_no_hours_is_refused(console: FakeConsole, computer: Computer, hours: str) -> None:
    done = computer.register(console.address, "--every", hours)

    assert done.returncode == 2
    assert not console.bodies


class TestAnotherDevice:
    def test_knows_nothing_of_the_backups_of_the_one_before(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("POST /agent/report", 503, "the console starts")
        registered.run("backup")
        console.sends("POST /agent/report", 204)
        console.sends("POST /agent/register", 200, console.registration(guid="876543210987654321"))
        console.sends("HEAD /backup/876543210987654321/config", 200)

        assert registered.register(console.address, "--again").returncode == 0

        assert "Last backup: none yet" in registered.run("status").stdout
        registered.run("backup", "--due")
        assert len(registered.restic_runs()) == 2
        # The one of before is another device's.
        assert len(console.received("/agent/report")) == 2

    def test_that_is_the_same_one_still_knows_them(self, console: FakeConsole, registered: Computer) -> None:
        registered.run("backup")

        registered.register(console.address, "--again")

        assert registered.run("backup", "--due").stdout.startswith("Nothing to do")


def test_a_settings_folder_whose_name_is_a_pattern_is_left_out(console: FakeConsole, computer: Computer) -> None:
    folder = computer.home / "of [ada] *"
    assert computer.register(console.address, "--settings", str(folder)).returncode == 0

    computer.run("backup", "--settings", str(folder))

    (started,) = computer.restic_runs()
    assert f"--exclude={computer.home}/of \\[ada\\] \\*" in started["arguments"]
    assert started["arguments"][3] == GUID
