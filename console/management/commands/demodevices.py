"""Has two computers of the demo back up for real, and lets a reader see what becomes of that when somebody leaves."""

from __future__ import annotations

import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.process.demo_computers import LIMIT_UPLOAD_KIB, ComputerFolder
from console.process.demo_directory import ADMIN_DN
from directory.demo.computers import computers
from directory.demo.ldif import DISABLED, NORMAL_ACCOUNT
from directory.demo.world import is_the_demo
from orgs.models import Device, User

BACK_UP, LEAVE, RETURN, START = "back-up", "leave", "return", "start"
NO_RESTIC = (
    "restic is not installed, so no computer of the demo backs up: its devices are rows only. "
    "Install it (apt-get install restic) and start Rollcall again."
)


class Command(BaseCommand):
    """``demodevices back-up|leave|return``, and ``start``, which ``serve`` calls."""

    help = (
        "The computers of the demo. back-up: the first one backs up 60 MB over a slow line, two minutes. leave, return: the "
        "demo's directory disables, or enables, the account of its user."
    )
    # The checks are about pages and templates.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the act, and the addresses of the running Rollcall for ``start``."""
        parser.add_argument("act", choices=[BACK_UP, LEAVE, RETURN, START], help="what to do")
        parser.add_argument("--console", default="", help="the address of the console, for start")
        parser.add_argument("--store", default="", help="the address of the store, for start")

    def handle(self, *_args: Any, act: str, console: str, store: str, **_options: Any) -> None:
        """Do one act.

        Raises:
            CommandError: when the demo, or what it needs, is not there.
        """
        folders = [ComputerFolder(_home(), computer) for computer in computers()]
        if act == START:
            self._start(folders, console=console, store=store)
        elif act == BACK_UP:
            self._back_up(folders[0])
        else:
            self._set_account(folders[0], disabled=act == LEAVE)

    def _start(self, folders: list[ComputerFolder], *, console: str, store: str) -> None:
        """Register each computer and make its first backup, unless that is done; a killed start is taken up again."""
        if not is_the_demo():
            return
        if shutil.which("restic") is None:
            self.stdout.write(NO_RESTIC)
            return
        if problem := _unsafe_address():
            self.stdout.write(problem)
            return
        ready = [folder.computer.name for folder in folders if self._is_ready(folder, console=console, store=store)]
        if ready:
            self.stdout.write(
                f"Computers of the demo that back up: {', '.join(ready)}. README, “Start”, has a walk with one."
            )

    def _is_ready(self, folder: ComputerFolder, *, console: str, store: str) -> bool:
        folder.point_to(console=console, store=store)
        computer = folder.computer
        user = User.objects.filter(username=computer.person.uid, active=True, blocked=False).first()
        if user is None:
            # As after the walk, or by an administrator: nothing is to be done about that here.
            return False
        devices = Device.objects.filter(user=user, name=computer.name)
        device = devices.filter(guid=folder.guid()).first()
        if device is None:
            folder.make_files()
            # A start that was killed may have registered it, and not have noted that.
            unnoted = devices.filter(active=True, token__isnull=False).first()
            if not self._does(folder, *_signing_in(folder, unnoted, console), **_login(folder)):
                return False
            folder.point_to(console=console, store=store)
            device = devices.filter(guid=folder.guid()).first()
        return device is not None and (device.last_backup_at is not None or self._does(folder, "backup"))

    def _does(self, folder: ComputerFolder, act: str, *arguments: str, **variables: str) -> bool:
        done = folder.run(act, *arguments, **variables)
        if done.returncode != 0:
            self.stdout.write(f"{folder.computer.name}, a computer of the demo: {done.stdout.strip()}")
        return done.returncode == 0

    def _back_up(self, folder: ComputerFolder) -> None:
        if not folder.guid():
            raise CommandError(
                f"{folder.computer.name} is not registered: start Rollcall with its demo (make run), where restic is installed."
            )
        device = Device.objects.filter(guid=folder.guid()).first()
        is_new = folder.record(last_backup_at=device.last_backup_at if device else None)
        person, which = (
            folder.computer.person,
            "a new recording" if is_new else "a recording that is not backed up whole yet",
        )
        self.stdout.write(
            f"{folder.computer.name}, the computer of {person.first_name} {person.last_name}, has {which}."
        )
        self.stdout.write(f"$ {_printed(folder.command('backup'))}")
        self.stdout.flush()
        code = folder.run_for_reader("backup")
        self.stdout.write(f"The agent ended with exit {code}.")
        sys.exit(code)

    def _set_account(self, folder: ComputerFolder, *, disabled: bool) -> None:
        person = folder.computer.person
        change = (
            f"dn: {person.dn}\nchangetype: modify\nreplace: userAccountControl\n"
            f"userAccountControl: {NORMAL_ACCOUNT + DISABLED * disabled}\n"
        )
        try:
            port = (_home() / "port").read_text("ascii").strip()
        except FileNotFoundError:
            raise CommandError(
                "There is no directory of the demo here: start Rollcall with its demo (make run)."
            ) from None
        command = [
            "ldapmodify",
            "-x",
            "-H",
            f"ldap://127.0.0.1:{port}",
            "-D",
            ADMIN_DN,
            "-y",
            str(_home() / "password"),
        ]
        self.stdout.write(f"$ {_printed(command)}\n{change}")
        done = subprocess.run(command, input=change, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CommandError(f"The directory does not take it: {done.stderr.strip()}")
        verb = "disabled" if disabled else "enabled"
        self.stdout.write(
            f"The directory has {verb} the account of {person.first_name} {person.last_name} ({person.uid}). "
            "Press “Simulate Synchronize”, look at the plan, and press “Apply this plan”."
        )


def _home() -> Path:
    return Path(settings.VAR) / "demo"


def _unsafe_address() -> str:
    """Return why no computer can register: a registration brings the address of the store, which has to be a safe one."""
    parts = urlsplit(settings.STORE_ADDRESS)
    if parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return ""
    return (
        f"No computer of the demo backs up: tokens would go in clear to the store at {settings.STORE_ADDRESS}. "
        "Set STORE_ADDRESS to one with https, or leave it and CONSOLE_ADDRESS out."
    )


def _signing_in(folder: ComputerFolder, unnoted: Device | None, console: str) -> list[str]:
    act = ["register"] if unnoted is None else ["replace", "--guid", unnoted.guid]
    limit = str(LIMIT_UPLOAD_KIB)
    return [
        *act, "--server", console, "--name", folder.computer.name, "--folder", str(folder.files),
        "--limit-upload", limit, "--no-schedule",
    ]  # fmt: skip


def _login(folder: ComputerFolder) -> dict[str, str]:
    return {
        "ROLLCALL_KEY": User.objects.get(username=folder.computer.person.uid).org.registration_key,
        "ROLLCALL_USERNAME": folder.computer.person.uid,
        "ROLLCALL_PASSWORD": (_home() / "people-password").read_text("ascii").strip(),
    }


def _printed(command: list[str]) -> str:
    """Return a command as it is typed in a shell."""
    return " ".join(f"'{word}'" if " " in word else word for word in command)
