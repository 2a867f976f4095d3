"""Where no systemd starts backups, the agent's own loop does: by root, by an ordinary account, and deployed for a person."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import wait_for
from tests.unit.agent.computers import PROGRAM, Computer
from tests.unit.agent.fake_console import ALLOWED, BLOCKED, FakeConsole

# About a second, and a look more than once in it.
EVERY = ("--every", "0.0003")
LOOP = ("loop", "--minutes", "0.01")
# Read by everybody, unlike an interpreter below a folder of root's.
PYTHON = str(Path(sys.executable).resolve())
AS_ROOT = os.geteuid() == 0
NAMESPACES = AS_ROOT and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


class AccountsComputer(Computer):
    """A computer without systemd, on which an account of the system runs the agent."""

    def __init__(self, home: Path, account: str) -> None:
        super().__init__(home)
        self.account = pwd.getpwnam(account)
        (self.programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
        (self.programs / "systemctl").chmod(0o755)
        restic = self.programs / "restic"
        restic.write_text(restic.read_text().replace(sys.executable, PYTHON))
        for path in (home, *home.rglob("*")):
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PYTHON, str(PROGRAM), *arguments],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=self.account.pw_uid if AS_ROOT else None,
            group=self.account.pw_gid if AS_ROOT else None,
            extra_groups=[] if AS_ROOT else None,
        )
        self._started.append(process)
        return process


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="rollcall-loop-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


ACCOUNTS = [
    pwd.getpwuid(os.geteuid()).pw_name,
    pytest.param("nobody", marks=pytest.mark.skipif(not AS_ROOT, reason="only root may start programs as others")),
]


@pytest.fixture(params=ACCOUNTS)
def computer(request: pytest.FixtureRequest, folder: Path, console: FakeConsole) -> Iterator[AccountsComputer]:
    """A registered computer, of the account that runs the tests and of an ordinary one."""
    made = AccountsComputer(folder / "home", request.param)
    done = made.register(console.address, *EVERY)
    assert done.returncode == 0, done.stderr
    yield made
    made.end()


def backups(console: FakeConsole) -> list[int]:
    """Return how the reported backups ended."""
    return [report["exit_code"] for report in console.received("/agent/report")]


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """End a loop as a shutdown does; return what it has printed."""
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    return output, errors


def test_the_loop_backs_up_whenever_it_is_due(computer: AccountsComputer, console: FakeConsole) -> None:
    process = computer.start(*LOOP)
    wait_for(lambda: len(backups(console)) >= 2 or process.poll() is not None, "two backups")

    output, errors = ended(process)

    assert set(backups(console)) == {0}
    assert output.startswith("Backed up: 12 files, 560 bytes new, ")
    assert errors == "rollcall-agent: Stopped.\n"
    kept = (computer.folder / "settings.json").stat()
    assert (kept.st_uid, stat.S_IMODE(kept.st_mode)) == (computer.account.pw_uid, 0o600)


def test_the_loop_waits_while_it_is_refused_and_then_goes_on(computer: AccountsComputer, console: FakeConsole) -> None:
    console.sends("GET /agent/me", 200, BLOCKED)
    process = computer.start(*LOOP)
    wait_for(lambda: backups(console) or process.poll() is not None, "the refusal is reported")
    assert backups(console) == [77]

    console.sends("GET /agent/me", 200, ALLOWED)
    wait_for(lambda: 0 in backups(console) or process.poll() is not None, "a backup")

    _, errors = ended(process)
    assert "rollcall-agent: Your account is blocked. Ask your administrator.\n" in errors


def test_a_loop_of_a_computer_that_is_not_registered_ends_at_once(folder: Path) -> None:
    done = AccountsComputer(folder / "home", pwd.getpwuid(os.geteuid()).pw_name).run(*LOOP)

    assert (done.returncode, done.stdout) == (78, "")
    assert "Register it: rollcall-agent register" in done.stderr


@pytest.mark.skipif(not NAMESPACES, reason="only root may give a test accounts and folders of its own")
def test_root_deploys_for_a_person_whose_loop_it_names(folder: Path, console: FakeConsole) -> None:
    computer = AccountsComputer(folder / "ada", "nobody")
    uid = 4321
    accounts, system = folder / "passwd", folder / "lib"
    system.mkdir()
    accounts.write_text(Path("/etc/passwd").read_text() + f"ada:x:{uid}:{uid}:Ada:{computer.home}:/bin/sh\n")
    accounts.chmod(0o644)
    system.chmod(0o755)
    for path in (computer.home, *computer.home.rglob("*")):
        os.chown(path, uid, uid)
    shutil.copy(PROGRAM, folder / "rollcall-agent")

    def on_this_computer(command: str) -> subprocess.Popen[str]:
        """Start a shell's command where ada has an account, and /var/lib is the test's own."""
        own = f"mount --bind {accounts} /etc/passwd && mount --bind {system} /var/lib && exec {command}"
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", own],
            env={**computer.environment(ROLLCALL_POLICY_TOKEN="rollcall-deploy-x")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    program = f"{PYTHON} {folder / 'rollcall-agent'}"
    done = on_this_computer(
        f"{program} deploy --server {shlex.quote(console.address)} --username ada {' '.join(EVERY)}"
    )
    output, errors = done.communicate(timeout=120)

    assert (done.returncode, errors) == (0, "")
    assert output.endswith("Let this run all the time: runuser -u ada -- rollcall-agent loop\n"), output
    kept = system / "rollcall-agent" / "ada"
    assert [(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in (kept, kept / "settings.json")] == [
        (uid, 0o700),
        (uid, 0o600),
    ]
    loop = on_this_computer(f"runuser -u ada -- {program} {' '.join(LOOP)}")
    try:
        wait_for(lambda: len(backups(console)) >= 2 or loop.poll() is not None, "two backups")
    finally:
        loop.terminate()
        output, errors = loop.communicate(timeout=60)
    assert set(backups(console)) == {0}, output + errors
    assert [path.stat().st_uid for path in kept.iterdir()] == [uid] * len(list(kept.iterdir()))
