"""Backups start by themselves: by systemd, launchd or Task Scheduler; their files are what those programs read."""

from __future__ import annotations

import argparse
import plistlib
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.computers import PROGRAM, load_agent

TASKS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
# A program with what systemd would read otherwise.
COMMAND = ["/usr/bin/env", '/opt/100% of "$HOME"/rollcall-agent', "backup", "--due"]


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The agent as a person runs it, in a home folder of its own."""
    module = load_agent()
    monkeypatch.setattr(module, "is_administrator", lambda: False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return module


@pytest.fixture
def systemctl(agent: Any, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the agent gives to systemd, which does them."""
    commands: list[list[str]] = []

    def note(command: list[str]) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(agent, "quiet", note)
    return commands


def options(**values: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"user": None, **values})


class TestSystemd:
    def test_starts_a_timer_of_the_person(
        self, agent: Any, systemctl: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert agent.schedule(options()) == 0

        folder = tmp_path / ".config" / "systemd" / "user"
        assert {path.name for path in folder.iterdir()} == {"rollcall-agent.service", "rollcall-agent.timer"}
        assert f'"{PROGRAM}" "backup" "--due"' in (folder / "rollcall-agent.service").read_text()
        assert systemctl[-1] == ["systemctl", "--user", "enable", "--now", "rollcall-agent.timer"]
        assert "Backups start by themselves (systemd) while" in capsys.readouterr().out

    def test_has_nothing_left_of_an_ended_schedule(
        self, agent: Any, systemctl: list[list[str]], tmp_path: Path
    ) -> None:
        agent.schedule(options())

        assert agent.unschedule(options()) == 0

        assert list((tmp_path / ".config" / "systemd" / "user").iterdir()) == []
        assert ["systemctl", "--user", "disable", "--now", "rollcall-agent.timer"] in systemctl

    def test_starts_a_timer_of_the_system_for_a_person(self, agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(agent, "is_administrator", lambda: True)

        plan = agent.schedule_plan("ada-lovelace", COMMAND)

        assert [path.as_posix() for path in plan.files] == [
            "/etc/systemd/system/rollcall-agent@.service",
            "/etc/systemd/system/rollcall-agent@.timer",
        ]
        assert plan.start[-1] == ["systemctl", "enable", "--now", "rollcall-agent@ada\\x2dlovelace.timer"]
        assert "User=%I\n" in plan.files[Path("/etc/systemd/system/rollcall-agent@.service")].decode()

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
    @pytest.mark.parametrize("for_system", [False, True])
    def test_finds_no_fault_in_the_units(self, agent: Any, tmp_path: Path, for_system: bool) -> None:
        program = tmp_path / COMMAND[1].removeprefix("/")
        program.parent.mkdir(parents=True)
        shutil.copy(PROGRAM, program)
        units = agent.systemd_units([COMMAND[0], str(program), *COMMAND[2:]], for_system=for_system)
        folder = tmp_path / "units"
        folder.mkdir()
        for name, content in units.items():
            (folder / name).write_text(content)
        named = [str(folder / name.replace("@", "@ada\\x2dlovelace")) for name in units]

        done = subprocess.run(
            ["systemd-analyze", "--man=no", *([] if for_system else ["--user"]), "verify", *named],
            env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{folder}:", "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.skipif(shutil.which("systemd-escape") is None, reason="systemd is not installed")
    @pytest.mark.parametrize("name", ["ada", "ada-lovelace", ".ada", "ada.l", "EXAMPLE\\ada", "jürgen", "a:b_c@d"])
    def test_escapes_names_as_the_agent_does(self, agent: Any, name: str) -> None:
        done = subprocess.run(["systemd-escape", "--", name], capture_output=True, text=True, check=True)

        assert agent.systemd_escaped(name) == done.stdout.rstrip("\n")

    def test_that_is_not_there_leaves_the_loop(self, agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(agent, "quiet", lambda command: subprocess.CompletedProcess(command, 1, "", ""))

        with pytest.raises(agent.Stopped, match="rollcall-agent loop"):
            agent.schedule(options())


def test_launchd_reads_its_schedule(agent: Any) -> None:
    values = plistlib.loads(agent.launchd_plist(COMMAND))

    assert values["Label"] == "com.rollcall.agent"
    assert values["ProgramArguments"] == COMMAND
    assert values["StartInterval"] == 600


def test_the_task_of_windows_is_read_from_a_folder_that_nobody_could_foresee(
    agent: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    victim, shared = tmp_path / "victim", tmp_path / "temporary"
    victim.write_text("untouched")
    shared.mkdir()
    (shared / "rollcall-agent-task.xml").symlink_to(victim)
    monkeypatch.setattr(agent.tempfile, "tempdir", str(shared))
    monkeypatch.setattr(agent.sys, "platform", "win32")
    read: list[tuple[int, bytes]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        file = Path(command[command.index("/XML") + 1])
        read.append((stat.S_IMODE(file.parent.stat().st_mode), file.read_bytes()))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(agent, "quiet", run)

    assert agent.schedule(options(user="ada")) == 0

    ((mode, content),) = read
    assert mode == 0o700
    assert ET.fromstring(content).tag == f"{TASKS}Task"
    assert victim.read_text() == "untouched"
    assert [path.name for path in shared.iterdir()] == ["rollcall-agent-task.xml"]


def test_the_task_of_windows_is_xml_for_the_persons_own_session(agent: Any) -> None:
    root = ET.fromstring(agent.windows_task([r"C:\Python\pythonw.exe", r"C:\Program Files\a.py"], r"EXAMPLE\ada"))

    assert [child.tag.removeprefix(TASKS) for child in root] == ["Triggers", "Principals", "Settings", "Actions"]
    assert root.findtext(f"{TASKS}Principals/{TASKS}Principal/{TASKS}LogonType") == "InteractiveToken"
    assert root.findtext(f"{TASKS}Actions/{TASKS}Exec/{TASKS}Arguments") == r'"C:\Program Files\a.py"'
    assert root.findtext(f"{TASKS}Triggers/{TASKS}TimeTrigger/{TASKS}Repetition/{TASKS}Interval") == "PT10M"
