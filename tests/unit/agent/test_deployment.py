"""An administrator's program registers the computer of whoever uses it: silently, once, and never for a service."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.agent.computers import Computer, load_agent
from tests.unit.agent.fake_console import GUID, FakeConsole

POLICY = "rollcall-deploy-token-that-nobody-sees"
ACCOUNTS = {"ada": 1000, "EXAMPLE\\grace": 20_000, "postgres": 112, "root": 0, "nobody": 65_534}


@pytest.fixture
def agent(computer: Computer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The agent as root runs it, on a computer with these accounts."""
    module = load_agent()

    def account(name: str) -> SimpleNamespace:
        home = str(tmp_path / "homes" / name)
        # Files are given to whoever runs the tests.
        return SimpleNamespace(pw_name=name, pw_uid=ACCOUNTS[name], pw_gid=os.getgid(), pw_dir=home)

    monkeypatch.setattr(module.pwd, "getpwnam", account)
    monkeypatch.setattr(module, "is_administrator", lambda: True)
    monkeypatch.setattr(module, "system_folder", lambda name: tmp_path / "system" / name)
    monkeypatch.setattr(module.os, "fchown", lambda *_: None)
    monkeypatch.setattr(module.os, "chown", lambda *_: None)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    monkeypatch.setenv("PATH", f"{computer.programs}:{os.environ['PATH']}")
    monkeypatch.setenv("ROLLCALL_POLICY_TOKEN", POLICY)
    return module


def deploy(agent: Any, console: FakeConsole, *more: str) -> int:
    return int(agent.main(["deploy", "--server", console.address, "--no-schedule", *more]))


class TestDeploy:
    def test_registers_the_person_that_was_named(
        self, agent: Any, console: FakeConsole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert deploy(agent, console, "--username", "ada") == 0

        (body,) = console.received("/agent/deploy")
        assert (body["policy_token"], body["username"]) == (POLICY, "ada")
        settings = tmp_path / "system" / "ada" / "settings.json"
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert stat.S_IMODE(settings.parent.stat().st_mode) == 0o700
        assert str(tmp_path / "homes" / "ada") in settings.read_text()
        assert capsys.readouterr().out == "Registered laptop for ada in Research.\n"

    def test_again_makes_no_request(self, agent: Any, console: FakeConsole, capsys: pytest.CaptureFixture[str]) -> None:
        deploy(agent, console, "--username", "ada")
        capsys.readouterr()

        assert deploy(agent, console, "--username", "ada") == 0

        assert capsys.readouterr().out == "Registered already: this computer backs up for ada.\n"
        assert len(console.received("/agent/deploy")) == 1

    def test_leaves_a_person_alone_who_has_registered(self, agent: Any, console: FakeConsole, tmp_path: Path) -> None:
        own = tmp_path / "homes" / "ada" / ".config" / "rollcall-agent" / "settings.json"
        own.parent.mkdir(parents=True)
        own.touch()

        assert deploy(agent, console, "--username", "ada") == 0

        assert not console.bodies

    def test_trusts_no_certificate_that_the_person_put_there(
        self, agent: Any, console: FakeConsole, tmp_path: Path
    ) -> None:
        folder = tmp_path / "system" / "ada"
        folder.mkdir(parents=True)
        # Whoever could name the authority could read the policy's token on its way.
        (folder / "ca.pem").write_text("of an authority of the person's own")

        assert deploy(agent, console, "--username", "ada") == 0

        assert len(console.received("/agent/deploy")) == 1

    def test_beside_another_one_is_to_be_tried_again(self, agent: Any, console: FakeConsole, tmp_path: Path) -> None:
        (tmp_path / "system").mkdir()
        other = os.open(tmp_path / "system", os.O_RDONLY)
        fcntl.flock(other, fcntl.LOCK_EX)

        beside = deploy(agent, console, "--username", "ada")
        os.close(other)

        assert (beside, console.bodies) == (75, {})
        assert deploy(agent, console, "--username", "ada") == 0

    def test_names_the_person_without_the_domain(self, agent: Any, console: FakeConsole) -> None:
        assert deploy(agent, console, "--username", "EXAMPLE\\grace") == 0

        assert console.received("/agent/deploy")[0]["username"] == "grace"

    @pytest.mark.parametrize("account", ["root", "nobody", "postgres", "SYSTEM", "COMPUTER$"])
    def test_takes_no_service_for_a_person(self, agent: Any, console: FakeConsole, account: str) -> None:
        assert deploy(agent, console, "--username", account) == 75

        assert not console.bodies

    def test_gives_the_reason_of_a_refusal(
        self, agent: Any, console: FakeConsole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        console.refuses("POST /agent/deploy", 403, "not-found", "The directory has no such person.")

        assert deploy(agent, console, "--username", "ada") == 77

        assert capsys.readouterr().err == "rollcall-agent: The directory has no such person.\n"
        assert not (tmp_path / "system").exists()


class TestOnWindows:
    """Everybody may make folders in ProgramData, and so be there before the administrator."""

    @pytest.fixture
    def commands(self, agent: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], bool]]:
        """The commands that are run, and whether the settings were there then."""
        found: list[tuple[list[str], bool]] = []

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            found.append((command, (tmp_path / "system" / "ada" / "settings.json").exists()))
            failed = "/setowner" in command and (tmp_path / "system" / "locked").exists()
            return subprocess.CompletedProcess(command, int(failed), "", "Access is denied." if failed else "")

        monkeypatch.setattr(agent, "quiet", run)
        monkeypatch.setattr(agent, "find_restic", lambda: "restic")
        # For the agent alone: the library would look for what only Windows has.
        monkeypatch.setattr(agent, "sys", SimpleNamespace(**{**vars(sys), "platform": "win32"}))
        return found

    def test_the_folder_is_closed_before_there_is_a_secret_in_it(
        self, agent: Any, console: FakeConsole, commands: list[tuple[list[str], bool]], tmp_path: Path
    ) -> None:
        assert deploy(agent, console, "--username", "ada") == 0

        closed = [(command[1], command[2]) for command, there in commands if not there]
        folders = [str(tmp_path / "system"), str(tmp_path / "system" / "ada")]
        assert closed[:6] == [(each, way) for each in folders for way in ("/setowner", "/reset", "/inheritance:r")]
        assert "ada:(OI)(CI)F" in commands[-1][0]

    def test_a_folder_that_can_not_be_closed_gets_no_secret(
        self, agent: Any, console: FakeConsole, commands: list[tuple[list[str], bool]], tmp_path: Path
    ) -> None:
        (tmp_path / "system").mkdir()
        (tmp_path / "system" / "locked").touch()

        assert deploy(agent, console, "--username", "ada") == 1

        assert not console.bodies
        assert not (tmp_path / "system" / "ada" / "settings.json").exists()

    def test_a_folder_that_leads_elsewhere_gets_no_secret(
        self, agent: Any, console: FakeConsole, commands: list[tuple[list[str], bool]], tmp_path: Path
    ) -> None:
        (tmp_path / "system").mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "system" / "ada").symlink_to(tmp_path / "elsewhere")

        assert deploy(agent, console, "--username", "ada") == 1

        assert not console.bodies
        assert list((tmp_path / "elsewhere").iterdir()) == []


class TestThePersonHere:
    @pytest.fixture
    def programs(self, agent: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        """What the programs of the system print, by their names and first arguments."""
        outputs: dict[str, str] = {}

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            found = [text for begin, text in outputs.items() if " ".join(command).startswith(begin)]
            return subprocess.CompletedProcess(command, 0 if found else 127, (found or [""])[0], "")

        monkeypatch.setattr(agent, "quiet", run)
        return outputs

    def test_sits_at_the_screen(self, agent: Any, programs: dict[str, str]) -> None:
        programs["loginctl list-sessions"] = "1 112 postgres\n2 1000 ada seat0\n"
        programs["loginctl show-session 1"] = "Name=postgres\nSeat=\nClass=user\n"
        programs["loginctl show-session 2"] = "Name=ada\nSeat=seat0\nClass=user\n"

        assert agent.person_here() == "ada"

    def test_is_else_who_signed_in_most_often(self, agent: Any, programs: dict[str, str]) -> None:
        programs["last"] = "root pts/0\nada tty1\nroot pts/0\nroot pts/0\nreboot system boot\nada tty1\n\nwtmp begins\n"

        assert agent.person_here() == "ada"

    def test_is_nobody_where_only_services_are(
        self, agent: Any, console: FakeConsole, programs: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        programs["last"] = "postgres pts/0\nroot tty1\n"

        assert deploy(agent, console) == 75

        assert "Nobody is signed in on this computer." in capsys.readouterr().err
        assert not console.bodies


def test_a_person_deploys_for_themselves(
    agent: Any, console: FakeConsole, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "is_administrator", lambda: False)
    monkeypatch.setattr(agent, "account_name", lambda: "ada")
    monkeypatch.setenv("HOME", str(computer.home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    assert deploy(agent, console) == 0

    assert GUID in (computer.folder / "settings.json").read_text()
