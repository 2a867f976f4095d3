"""Files come back into a new folder, for the person or when an administrator requests it, and never over files."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.unit.agent.computers import SUMMARY, Computer
from tests.unit.agent.fake_console import ALLOWED, BLOCKED, GUID, FakeConsole

SNAPSHOTS = json.dumps(
    [{"short_id": "abcd1234", "time": "2026-11-30T14:02:11.123456789Z", "paths": ["/home/ada"], "hostname": GUID}]
)


def request(computer: Computer, **changes: Any) -> dict[str, Any]:
    target = str(computer.home / "from the administrator")
    restore = {"id": 7, "snapshot": "abcd1234", "paths": ["/home/ada/[1].txt"], "target": target, **changes}
    return {**ALLOWED, "jobs": [restore]}


class TestRestore:
    def test_goes_into_a_new_folder(self, registered: Computer) -> None:
        registered.restic_does(restore={"file": "letter"})
        target = registered.home / "back" / "again"

        done = registered.run("restore", "/home/ada/a*b", "--target", str(target))

        assert (done.returncode, done.stdout) == (0, f"Restored to {target}.\n")
        (started,) = registered.restic_runs()
        assert started["arguments"] == [
            *["restore", "latest", "--target", str(target), "--host", GUID],
            "--include=/home/ada/a\\*b",
        ]

    def test_without_a_target_goes_into_a_new_folder_of_the_home_folder(self, registered: Computer) -> None:
        registered.restic_does(restore={"file": "letter"})

        registered.run("restore")

        (folder,) = registered.home.glob("Restored *")
        assert (folder / "letter").exists()

    def test_never_goes_over_files(self, registered: Computer) -> None:
        done = registered.run("restore", "--target", str(registered.documents))

        assert done.returncode == 1
        assert "exists already. Nothing is restored over files" in done.stderr
        assert not registered.restic_runs()

    def test_of_nothing_leaves_no_folder(self, registered: Computer) -> None:
        target = registered.home / "back"

        done = registered.run("restore", "/no/such", "--target", str(target))

        assert done.returncode == 1
        assert "The snapshot has nothing there." in done.stderr
        assert not target.exists()

    def test_needs_the_id_of_a_snapshot(self, registered: Computer) -> None:
        done = registered.run("restore", "--snapshot=--help", "--target", str(registered.home / "back"))

        assert done.returncode == 1
        assert "is no snapshot" in done.stderr
        assert not registered.restic_runs()

    def test_is_refused_as_a_backup_is(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, BLOCKED)

        done = registered.run("restore")

        assert (done.returncode, done.stderr) == (
            77,
            "rollcall-agent: Your account is blocked. Ask your administrator.\n",
        )
        assert not registered.restic_runs()


class TestSnapshots:
    def test_are_listed(self, registered: Computer) -> None:
        registered.restic_does(snapshots={"output": SNAPSHOTS})

        assert registered.run("snapshots").stdout == "abcd1234  2026-11-30 14:02  /home/ada\n"

    def test_have_files(self, registered: Computer) -> None:
        registered.restic_does(ls={"output": "snapshot abcd1234 of [/home/ada]:\n/home/ada\n/home/ada/letter"})

        assert registered.run("snapshots", "abcd1234").stdout == "/home/ada\n/home/ada/letter\n"

    def test_before_the_first_backup_are_none(self, console: FakeConsole, registered: Computer) -> None:
        console.sends(f"HEAD /backup/{GUID}/config", 404)

        done = registered.run("snapshots")

        assert (done.returncode, done.stdout) == (0, "No snapshots yet. The first backup makes one.\n")


class TestARequestedRestore:
    def test_is_done_and_reported(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, request(registered))
        console.sends("POST /agent/jobs/7", 204)
        registered.restic_does(restore={"file": "letter"}, backup={"output": SUMMARY})

        assert registered.run("backup").returncode == 0

        target = registered.home / "from the administrator"
        assert (target / "letter").exists()
        assert console.received("/agent/jobs/7") == [{"state": "done", "message": f"Restored to {target}."}]
        assert "--include=/home/ada/\\[1\\].txt" in registered.restic_runs()[0]["arguments"]

    def test_is_named_by_the_status(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, request(registered))

        assert (
            "Restores:    1 requested by an administrator, done at the next backup" in registered.run("status").stdout
        )

    def test_is_not_done_twice_where_its_report_was_lost(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, request(registered))
        console.sends("POST /agent/jobs/7", 503, "the console starts")
        registered.restic_does(restore={"file": "letter"}, backup={"output": SUMMARY})
        registered.run("backup")
        console.sends("POST /agent/jobs/7", 204)

        registered.run("backup")

        assert [started["arguments"][0] for started in registered.restic_runs()] == ["restore", "backup", "backup"]
        assert [body["state"] for body in console.received("/agent/jobs/7")] == ["done", "done"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"target": "some/where"}, "is no whole path"),
            ({"target": "~/documents"}, "exists already"),
            ({"snapshot": "--help"}, "is no snapshot"),
            # More than a system takes as an argument.
            ({"paths": ["/" + "x" * 200_000]}, "restic does not start"),
        ],
    )
    def test_that_can_not_be_done_says_why_and_the_backup_goes_on(
        self, console: FakeConsole, registered: Computer, changes: dict[str, Any], words: str
    ) -> None:
        console.sends("GET /agent/me", 200, request(registered, **changes))
        console.sends("POST /agent/jobs/7", 204)

        assert registered.run("backup").returncode == 0

        (body,) = console.received("/agent/jobs/7")
        assert body["state"] == "failed"
        assert words in body["message"]
        assert not (registered.home / "from the administrator").exists()

    def test_that_is_refused_in_the_middle_begins_anew(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, request(registered))
        console.sends("POST /agent/jobs/7", 204)
        registered.restic_does(restore={"file": "letter", "seconds": 300})
        process = registered.start("backup")
        ends = time.monotonic() + 120
        while not registered.restic_runs() and time.monotonic() < ends:
            time.sleep(0.05)

        console.sends("GET /agent/me", 200, BLOCKED)
        process.communicate(timeout=120)

        assert process.returncode == 77
        assert not (registered.home / "from the administrator").exists()
        assert not console.received("/agent/jobs/7")

    def test_waits_as_long_as_the_device_is_refused(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, {**request(registered), "allowed": False, "message": "No."})

        assert registered.run("backup").returncode == 77
        assert not registered.restic_runs()
