"""A call of restic, with a program in its place: what it gets, what is kept of its messages, and how it is ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orgs.backups.restic import local_restic
from orgs.backups.restic.local_restic import ResticAnswer, ResticMissing

PASSWORD = "p" * 43


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SECRET_KEY", "of Rollcall")
    return folder


def put(folder: Path, script: str) -> None:
    program = folder / "restic"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


def call(*arguments: str) -> ResticAnswer:
    return local_restic.run(Path("/nowhere"), PASSWORD, *arguments, go_on=lambda: None)


def test_the_password_is_in_the_environment_and_nothing_of_rollcall_is(programs: Path) -> None:
    put(programs, 'echo "$@"; echo "${#RESTIC_PASSWORD} $RESTIC_REPOSITORY [$SECRET_KEY]"')

    assert call("check").words == "--no-cache --quiet check\n43 /nowhere []"


def test_the_password_is_in_no_message(programs: Path) -> None:
    put(programs, 'echo "wrong password $RESTIC_PASSWORD"; exit 1')

    assert (call().exit_code, call().words) == (1, "wrong password ***")


@pytest.mark.parametrize(
    ("words", "code", "locked"), [("repository is already locked by PID 1", 1, True), ("already locked", 0, False)]
)
def test_a_lock_is_known_by_its_message(words: str, code: int, locked: bool) -> None:
    assert ResticAnswer(code, words).locked is locked


def test_only_the_end_of_long_messages_is_kept(programs: Path) -> None:
    put(programs, "seq 1 5000")

    words = call().words

    assert (len(words), words[-4:]) == (local_restic.LONGEST, "5000")


def test_whoever_interrupts_ends_it(programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_restic, "CALLED_EVERY", 0.1)
    # Python, as a shell that was started where the signal is ignored (in the background) can't trap it.
    (tmp_path / "restic.py").write_text(
        "import pathlib, signal, sys, time\n"
        "here = pathlib.Path(sys.argv[1])\n"
        "def ended(*_): (here / 'ended').touch(); sys.exit(130)\n"
        "signal.signal(signal.SIGINT, ended)\n"
        "(here / 'began').touch()\n"
        "while True: time.sleep(0.05)\n"
    )
    put(programs, f'exec "{sys.executable}" "{tmp_path}/restic.py" "{tmp_path}"')

    def stop() -> None:
        if (tmp_path / "began").exists():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        local_restic.run(Path("/nowhere"), PASSWORD, go_on=stop)
    assert (tmp_path / "ended").exists()


def test_it_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ResticMissing):
        call()
