"""The agent backs up as long as the server allows it, ends with the right exit, and reports what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.agent.computers import PASSWORD, SUMMARY, Computer, load_agent
from tests.unit.agent.fake_console import ALLOWED, BLOCKED, GUID, REPOSITORY_PASSWORD, TOKEN, FakeConsole

EARLIER = "2026-01-01T12:00:00+00:00"


def wait_for_restic(computer: Computer, process: subprocess.Popen[str]) -> int:
    """Return the process id of restic, once it runs."""
    ends = time.monotonic() + 120
    while not computer.restic_runs():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends
        time.sleep(0.05)
    return int(computer.restic_runs()[0]["pid"])


def runs(pid: int) -> bool:
    """Return whether a process works; one that waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def group(pid: int) -> list[int]:
    """Return the processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(values[2]) == pid and values[0] != "Z":
            found.append(int(path.parent.name))
    return found


class TestAComputerThatSlept:
    def test_for_long_ends_restic_whose_lock_is_gone_and_a_nap_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        agent = load_agent()
        clock = iter([0.0, 3600.0, 3600.0, 50_000.0])
        monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=time.monotonic, time=lambda: next(clock)))
        monkeypatch.setattr(agent, "LOOK_SECONDS", 0.1)
        with subprocess.Popen(["sleep", "60"], text=True) as process:
            try:
                with pytest.raises(agent.Stopped, match="slept for too long"):
                    agent._wait(process, lambda: 30.0)
            finally:
                process.kill()
        assert next(clock, None) is None


class TestRestic:
    def test_gets_secrets_in_its_environment_only(self, console: FakeConsole, registered: Computer) -> None:
        done = registered.run("backup", ROLLCALL_PASSWORD=PASSWORD)

        assert done.returncode == 0, done.stderr
        (started,) = registered.restic_runs()
        host = console.address.removeprefix("http://")
        assert started["environment"]["RESTIC_REPOSITORY"] == f"rest:http://{GUID}:{TOKEN}@{host}/backup/{GUID}/"
        assert started["environment"]["RESTIC_PASSWORD"] == REPOSITORY_PASSWORD
        assert "ROLLCALL_PASSWORD" not in started["environment"]
        assert not [word for word in started["arguments"] if TOKEN in word or REPOSITORY_PASSWORD in word]

    def test_backs_up_under_the_guid_and_leaves_the_agents_folder_out(self, registered: Computer) -> None:
        registered.run("backup")

        (started,) = registered.restic_runs()
        arguments = started["arguments"]
        assert arguments[:4] == ["backup", "--json", "--host", GUID]
        assert f"--exclude={registered.folder}" in arguments
        assert arguments[-2:] == ["--", str(registered.documents)]

    def test_sends_no_faster_than_the_settings_say(self, registered: Computer) -> None:
        registered.run("backup")
        path = registered.folder / "settings.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"limit_upload": 500}))
        registered.run("backup")

        first, second = (started["arguments"] for started in registered.restic_runs())
        assert not [word for word in first if word.startswith("--limit-upload")]
        assert "--limit-upload=500" in second

    def test_begins_a_repository_where_there_is_none(self, console: FakeConsole, registered: Computer) -> None:
        console.sends(f"HEAD /backup/{GUID}/config", 404)

        registered.run("backup")

        assert [started["arguments"][0] for started in registered.restic_runs()] == ["init", "backup"]


class TestABackup:
    def test_is_reported(self, console: FakeConsole, registered: Computer) -> None:
        done = registered.run("backup")

        assert done.stdout.startswith("Backed up: 12 files, 560 bytes new, ")
        (report,) = console.received("/agent/report")
        assert report.pop("started_at").endswith("+00:00")
        assert report.pop("seconds") >= 0
        assert report == {
            "exit_code": 0,
            "message": "",
            "files": 12,
            "read_bytes": 3400,
            "new_bytes": 560,
            "snapshot": "abcd1234",
        }
        assert console.authorizations["/agent/report"] == [f"Bearer {TOKEN}"]
        assert "12 files, 560 bytes new" in registered.run("status").stdout

    def test_with_unreadable_files_names_them(self, console: FakeConsole, registered: Computer) -> None:
        error = json.dumps({"message_type": "error", "item": "/home/ada/private"})
        registered.restic_does(backup={"output": SUMMARY, "errors": error, "exit": 3})

        done = registered.run("backup")

        assert done.returncode == 3
        assert "1 file could not be read: /home/ada/private" in done.stdout
        assert console.received("/agent/report")[0]["exit_code"] == 3

    @pytest.mark.parametrize(
        "errors",
        ["Fatal: unable to save snapshot", '{"message_type":"exit_error","message":"Fatal: unable to save snapshot"}'],
    )
    def test_that_fails_gives_the_words_of_restic(
        self, console: FakeConsole, registered: Computer, errors: str
    ) -> None:
        registered.restic_does(backup={"errors": errors, "exit": 1})

        done = registered.run("backup")

        assert (done.returncode, done.stderr) == (1, "rollcall-agent: restic failed: unable to save snapshot\n")
        assert console.received("/agent/report")[0]["message"] == "restic failed: unable to save snapshot"

    def test_beside_an_exclusive_lock_is_to_be_tried_again(self, console: FakeConsole, registered: Computer) -> None:
        registered.restic_does(backup={"errors": "repository is already locked exclusively by PID 7", "exit": 1})

        done = registered.run("backup")

        assert done.returncode == 75
        assert "Try again in 10 minutes." in done.stderr
        assert not console.received("/agent/report")

    def test_with_a_wrong_repository_password_has_to_register(self, registered: Computer) -> None:
        registered.restic_does(backup={"errors": "Fatal: wrong password or no key found", "exit": 1})

        done = registered.run("backup")

        assert done.returncode == 78
        assert "rollcall-agent register --again" in done.stderr

    def test_of_folders_that_are_gone_fails(self, registered: Computer) -> None:
        registered.documents.rmdir()

        done = registered.run("backup")

        assert done.returncode == 1
        assert str(registered.documents) in done.stderr

    def test_while_the_console_is_away_is_not_begun(self, registered: Computer) -> None:
        settings = registered.folder / "settings.json"
        values = json.loads(settings.read_text())
        settings.write_text(json.dumps({**values, "server": "http://127.0.0.1:9"}))

        assert registered.run("backup").returncode == 69
        assert not registered.restic_runs()

    def test_while_the_store_is_away_is_not_begun(self, registered: Computer) -> None:
        settings = registered.folder / "settings.json"
        values = json.loads(settings.read_text())
        settings.write_text(json.dumps({**values, "store": "http://127.0.0.1:9"}))

        assert registered.run("backup").returncode == 69
        assert not registered.restic_runs()


class TestARefusal:
    def test_before_a_backup_starts_no_restic_and_is_reported_once(
        self, console: FakeConsole, registered: Computer
    ) -> None:
        console.sends("GET /agent/me", 200, BLOCKED)

        done = [registered.run("backup") for _ in range(2)]

        words = "rollcall-agent: Your account is blocked. Ask your administrator.\n"
        assert [(each.returncode, each.stderr) for each in done] == [(77, words)] * 2
        assert not registered.restic_runs()
        assert [report["exit_code"] for report in console.received("/agent/report")] == [77]

    def test_in_the_middle_ends_restic_and_what_it_started(self, console: FakeConsole, registered: Computer) -> None:
        registered.restic_does(backup={"seconds": 300})
        process = registered.start("backup")
        restic = wait_for_restic(registered, process)

        console.sends("GET /agent/me", 200, BLOCKED)
        _, errors = process.communicate(timeout=120)

        assert process.returncode == 77
        assert errors == "rollcall-agent: Your account is blocked. Ask your administrator.\n"
        assert group(restic) == []
        (report,) = console.received("/agent/report")
        assert (report["exit_code"], report["message"]) == (77, "Your account is blocked. Ask your administrator.")

    def test_of_the_token_in_the_middle_ends_restic(self, console: FakeConsole, registered: Computer) -> None:
        registered.restic_does(backup={"seconds": 300})
        process = registered.start("backup")
        wait_for_restic(registered, process)

        console.refuses("GET /agent/me", 401, "unknown", "This device is not registered, or has to sign in again.")
        _, errors = process.communicate(timeout=120)

        assert process.returncode == 77
        assert "has to sign in again" in errors

    def test_is_not_what_a_broken_console_answers(self, console: FakeConsole, registered: Computer) -> None:
        registered.restic_does(backup={"output": SUMMARY, "seconds": 4})
        process = registered.start("backup")
        wait_for_restic(registered, process)

        console.sends("GET /agent/me", 403, "a proxy's own page")
        process.communicate(timeout=60)

        assert process.returncode == 0

    def test_by_the_store_gives_its_reason(self, console: FakeConsole, registered: Computer) -> None:
        console.refuses(f"HEAD /backup/{GUID}/config", 403, "user-blocked", "Your account is blocked.")

        done = registered.run("backup")

        assert (done.returncode, done.stderr) == (77, "rollcall-agent: Your account is blocked.\n")

    def test_that_passes_by_itself_is_to_be_tried_again(self, console: FakeConsole, registered: Computer) -> None:
        console.sends(
            "GET /agent/me", 200, {**ALLOWED, "allowed": False, "retry_after": 60, "message": "Wait a while."}
        )

        done = registered.run("backup")

        assert (done.returncode, done.stderr) == (75, "rollcall-agent: Wait a while.\n")
        assert not console.received("/agent/report")


class TestTwoAtOnce:
    def test_the_second_is_busy(self, registered: Computer) -> None:
        registered.restic_does(backup={"seconds": 300})
        first = registered.start("backup")
        wait_for_restic(registered, first)

        second = registered.run("backup")
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=120)

        assert second.returncode == 75
        assert "running already" in second.stderr
        assert first.returncode == 1

    def test_a_restic_that_outlives_its_agent_keeps_the_lock(self, registered: Computer) -> None:
        registered.restic_does(backup={"seconds": 300})
        first = registered.start("backup")
        restic = wait_for_restic(registered, first)
        first.kill()
        first.wait(120)
        try:
            assert runs(restic)
            assert registered.run("backup").returncode == 75
        finally:
            os.killpg(restic, signal.SIGKILL)
            first.communicate()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have computers be interrupted by Ctrl+C although a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_stopped_agent_leaves_no_restic_behind(registered: Computer) -> None:
    registered.restic_does(backup={"seconds": 300})
    process = registered.start("backup")
    restic = wait_for_restic(registered, process)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)

    assert process.returncode == 1
    assert group(restic) == []


def test_a_device_without_an_archive_begins_a_new_one(console: FakeConsole, registered: Computer) -> None:
    console.sends("GET /agent/me", 200, {**ALLOWED, "allowed": False, "code": "no-archive"})
    console.sends("POST /agent/archive", 200, {"repository_password": "a new one"})

    done = registered.run("backup")

    # The fake console says the same once more.
    assert done.returncode == 77
    assert json.loads((registered.folder / "settings.json").read_text())["password"] == "a new one"


def test_a_report_that_was_lost_is_sent_with_the_next_one(console: FakeConsole, registered: Computer) -> None:
    console.sends("POST /agent/report", 503, "the console starts")
    assert registered.run("backup").returncode == 0
    console.sends("POST /agent/report", 204)
    registered.restic_does(backup={"errors": "Fatal: no", "exit": 1})

    registered.run("backup")

    assert [report["exit_code"] for report in console.received("/agent/report")] == [0, 0, 1]
    assert registered.state()["unreported"] == []


class TestAScheduledTurn:
    def test_does_nothing_soon_after_a_backup(self, registered: Computer) -> None:
        registered.run("backup", "--due")

        done = registered.run("backup", "--due")

        assert (done.returncode, done.stdout) == (0, "Nothing to do: the last backup is recent enough.\n")
        assert len(registered.restic_runs()) == 1

    def test_backs_up_when_the_last_one_is_old(self, registered: Computer) -> None:
        registered.run("backup")
        registered.change_state(complete_at=EARLIER)

        registered.run("backup", "--due")

        assert len(registered.restic_runs()) == 2

    def test_waits_after_a_failure(self, registered: Computer) -> None:
        registered.restic_does(backup={"errors": "Fatal: no", "exit": 1})
        registered.run("backup", "--due")

        registered.run("backup", "--due")

        assert len(registered.restic_runs()) == 1

    def test_does_not_wait_for_the_other_end_of_a_busy_archive(self, registered: Computer) -> None:
        registered.restic_does(backup={"errors": "already locked exclusively", "exit": 1})
        registered.run("backup", "--due")

        registered.run("backup", "--due")

        assert len(registered.restic_runs()) == 2

    def test_of_the_loop_comes_again_and_again(self, registered: Computer) -> None:
        registered.restic_does(backup={"errors": "already locked exclusively", "exit": 1})
        process = registered.start("loop", "--minutes", "0.005")

        ends = time.monotonic() + 120
        while len(registered.restic_runs()) < 2 and time.monotonic() < ends:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)

        assert len(registered.restic_runs()) >= 2
