"""A person registers a computer, or lets it take over another one; secrets stay with the person."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.unit.agent.computers import PASSWORD, Computer
from tests.unit.agent.fake_console import ALLOWED, BLOCKED, GUID, REPOSITORY_PASSWORD, TOKEN, FakeConsole


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestRegister:
    def test_sends_what_the_server_needs(self, console: FakeConsole, registered: Computer) -> None:
        (body,) = console.received("/agent/register")

        assert body.pop("os")
        assert body.pop("agent_version")
        assert body == {"key": "AAAA-BBBB-CCCC-DDDD", "username": "ada", "password": PASSWORD, "name": "laptop"}

    def test_keeps_secrets_where_nobody_else_reads_them(self, registered: Computer) -> None:
        assert mode(registered.folder) == 0o700
        assert [mode(path) for path in registered.folder.iterdir()] == [0o600]
        assert json.loads((registered.folder / "settings.json").read_text())["token"] == TOKEN

    def test_prints_who_is_registered_and_no_secret(self, console: FakeConsole, computer: Computer) -> None:
        done = computer.register(console.address)

        assert done.stdout == "Registered laptop for ada in Research.\n"
        assert not done.stderr

    def test_again_changes_nothing_while_the_server_allows_it(self, console: FakeConsole, registered: Computer) -> None:
        done = registered.register(console.address)

        assert (done.returncode, done.stdout) == (0, "Registered already: laptop, for ada.\n")
        assert len(console.received("/agent/register")) == 1

    def test_again_with_an_ended_token_sends_the_own_guid(self, console: FakeConsole, registered: Computer) -> None:
        console.refuses("GET /agent/me", 401, "unknown", "This device is not registered, or has to sign in again.")

        assert registered.register(console.address).returncode == 0

        assert console.received("/agent/register")[-1]["guid"] == GUID

    def test_shows_a_password_that_the_user_keeps_once(self, console: FakeConsole, computer: Computer) -> None:
        console.sends("POST /agent/register", 200, console.registration(key_holder="user"))

        done = computer.register(console.address)

        assert REPOSITORY_PASSWORD in done.stdout
        assert REPOSITORY_PASSWORD not in computer.run("status").stdout

    def test_makes_the_password_itself_where_nothing_is_stored_yet(
        self, console: FakeConsole, computer: Computer
    ) -> None:
        empty = console.registration(key_holder="user", repository_password="", archive_is_empty=True)
        console.sends("POST /agent/register", 200, empty)

        done = computer.register(console.address)

        assert done.returncode == 0
        password = done.stdout.partition("shown this once:")[2].split()[0]
        assert len(password) == 43
        assert password not in computer.run("status").stdout
        assert password not in str(console.bodies)

    def test_requests_the_password_of_an_archive_that_is_there_already(
        self, console: FakeConsole, computer: Computer
    ) -> None:
        console.sends("POST /agent/register", 200, console.registration(key_holder="user", repository_password=""))

        missing = computer.register(console.address)
        done = computer.register(console.address, ROLLCALL_REPOSITORY_PASSWORD="mine alone")

        assert (missing.returncode, done.returncode) == (1, 0)
        assert "Password of your archive is missing" in missing.stderr
        assert "mine alone" not in done.stdout

    def test_loses_no_password_that_only_the_user_has(self, console: FakeConsole, computer: Computer) -> None:
        console.sends("POST /agent/register", 200, console.registration(key_holder="user", repository_password=""))
        computer.register(console.address, ROLLCALL_REPOSITORY_PASSWORD="the right one")

        def again(**typed: str) -> tuple[str, list[str]]:
            assert computer.register(console.address, "--again", **typed).returncode == 0
            settings = json.loads((computer.folder / "settings.json").read_text())
            return settings["password"], settings["former_passwords"]

        assert again() == ("the right one", [])
        assert again(ROLLCALL_REPOSITORY_PASSWORD="a wrong one") == ("a wrong one", ["the right one"])
        assert again(ROLLCALL_REPOSITORY_PASSWORD="the right one") == ("the right one", ["a wrong one"])

    def test_sends_the_code_of_somebody_who_needs_one(self, console: FakeConsole, computer: Computer) -> None:
        console.refuses("POST /agent/register", 401, "code-needed", "Type the code of your code app.")

        done = computer.register(console.address, ROLLCALL_CODE="123456")

        assert [body.get("code") for body in console.received("/agent/register")] == [None, "123456"]
        # The fake console needs one more.
        assert (done.returncode, done.stderr) == (77, "rollcall-agent: Type the code of your code app.\n")

    def test_without_a_password_sends_nothing(self, console: FakeConsole, computer: Computer) -> None:
        done = computer.register(console.address, ROLLCALL_PASSWORD="")

        assert done.returncode == 1
        assert "Password is missing" in done.stderr
        assert not console.received("/agent/register")

    def test_without_restic_stops_before_it_sends_anything(self, console: FakeConsole, computer: Computer) -> None:
        (computer.programs / "restic").unlink()

        done = computer.run("register", "--server", console.address, PATH=str(computer.programs))

        assert done.returncode == 78
        assert "restic is not installed. Install it: " in done.stderr
        assert not console.bodies


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 1), (401, 77), (403, 77), (404, 77), (409, 77), (429, 75), (503, 75), (500, 69)]
)
def test_a_refusal_has_its_exit_and_the_words_of_the_server(
    console: FakeConsole, computer: Computer, status: int, exit_code: int
) -> None:
    console.refuses("POST /agent/register", status, "wrong-key", "No org has this registration key.")

    done = computer.register(console.address)

    assert (done.returncode, done.stderr) == (exit_code, "rollcall-agent: No org has this registration key.\n")
    assert not computer.folder.exists()


class TestAddresses:
    @pytest.mark.parametrize("address", ["http://backup.example.com", "http://10.0.0.1:8080"])
    def test_without_https_get_no_password(self, computer: Computer, address: str) -> None:
        done = computer.register(address)

        assert done.returncode == 1
        assert "anybody on the network could read your password" in done.stderr

    @pytest.mark.parametrize("address", ["ftp://backup.example.com", "https://", "https://a:b@c", "https://c:port"])
    def test_of_no_server_are_refused(self, computer: Computer, address: str) -> None:
        done = computer.register(address)

        assert done.returncode == 1
        assert "is no address of a server" in done.stderr

    def test_of_a_store_without_https_are_refused(self, console: FakeConsole, computer: Computer) -> None:
        console.sends("POST /agent/register", 200, console.registration(store="http://store.example.com"))

        assert computer.register(console.address).returncode == 1
        assert not computer.folder.exists()

    def test_to_which_an_answer_redirects_get_nothing(self, console: FakeConsole, computer: Computer) -> None:
        console.sends("POST /agent/register", 307, f"{console.address}/elsewhere")

        assert computer.register(console.address).returncode == 69
        assert not console.received("/elsewhere")

    def test_where_something_else_answers_are_not_rollcall(self, console: FakeConsole, computer: Computer) -> None:
        console.sends("POST /agent/register", 200, "<html>Please sign in to this hotel's network</html>")

        done = computer.register(console.address)

        assert done.returncode == 69
        assert "does not answer as Rollcall does" in done.stderr

    def test_where_nobody_answers_are_away(self, computer: Computer) -> None:
        done = computer.register("http://127.0.0.1:9")

        assert done.returncode == 69
        assert "can't be reached" in done.stderr


class TestReplace:
    def test_takes_over_the_device_that_was_named(self, console: FakeConsole, computer: Computer) -> None:
        options = ["--server", console.address, "--username", "ada", "--guid", GUID, "--no-schedule"]

        done = computer.run("replace", *options, ROLLCALL_PASSWORD=PASSWORD)

        assert done.returncode == 0, done.stderr
        assert console.received("/agent/replace")[0]["guid"] == GUID
        assert "This computer is laptop of ada now." in done.stdout

    def test_lists_the_devices_to_choose_from(self, console: FakeConsole, computer: Computer) -> None:
        device = {"guid": GUID, "name": "old laptop", "os": "Debian", "last_connected": None, "bytes": 2_500_000}
        console.sends("POST /agent/devices", 200, {"devices": [device]})

        done = computer.run("replace", "--server", console.address, "--username", "ada", ROLLCALL_PASSWORD=PASSWORD)

        assert done.stdout == "1  old laptop, Debian, 2.5 MB, last here never\n"
        assert done.stderr == f"rollcall-agent: Name the device with --guid GUID: {GUID}\n"

    def test_of_a_registered_computer_has_to_be_meant(self, console: FakeConsole, registered: Computer) -> None:
        done = registered.run("replace", "--server", console.address)

        assert done.returncode == 1
        assert "replace --again" in done.stderr


class TestSettingsThatOthersCanRead:
    @pytest.mark.parametrize("name", ["", "settings.json"])
    def test_are_refused(self, registered: Computer, name: str) -> None:
        path = registered.folder / name
        path.chmod(0o755 if path.is_dir() else 0o644)

        done = registered.run("status")

        assert done.returncode == 78
        assert f"Others can read {registered.folder}" in done.stderr
        assert "chmod" in done.stderr

    def test_that_are_damaged_say_what_to_do(self, registered: Computer) -> None:
        (registered.folder / "settings.json").write_text("{")

        done = registered.run("status")

        assert done.returncode == 78
        assert "rollcall-agent register --again" in done.stderr


class TestStatus:
    def test_of_an_allowed_computer(self, console: FakeConsole, registered: Computer) -> None:
        done = registered.run("status")

        assert done.returncode == 0
        assert "Allowed:     yes\n" in done.stdout
        assert "Last backup: none yet\n" in done.stdout

    def test_of_a_refused_computer_gives_the_reason(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, BLOCKED)

        done = registered.run("status")

        assert done.returncode == 77
        assert "Allowed:     no: Your account is blocked. Ask your administrator.\n" in done.stdout

    def test_of_an_archive_on_its_way_is_busy(self, console: FakeConsole, registered: Computer) -> None:
        console.sends("GET /agent/me", 200, {**ALLOWED, "allowed": False, "code": "archive-cold", "retry_after": 60})

        assert registered.run("status").returncode == 75

    def test_of_a_computer_that_is_not_registered(self, computer: Computer) -> None:
        done = computer.run("status")

        assert (done.returncode, done.stderr) == (
            78,
            "rollcall-agent: This computer is not registered. Register it: rollcall-agent register\n",
        )
