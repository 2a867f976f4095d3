"""``createadmin`` makes the first administrator, and refuses what it must; ``createsuperuser`` names it."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from orgs.models import AuditEntry, Org, User
from tests.makers import PASSWORD, make_sysadmin, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.once]


class Terminal(StringIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


def createadmin(*arguments: str, password: str = PASSWORD) -> str:
    """Run the command with the password on standard input."""
    output = StringIO()
    before, sys.stdin = sys.stdin, StringIO(f"{password}\n")
    try:
        call_command("createadmin", *arguments, "--password-stdin", stdout=output)
    finally:
        sys.stdin = before
    return output.getvalue()


class TestTheFirstAdministrator:
    def test_is_a_sysadmin_of_the_top_org_who_can_sign_in(self) -> None:
        assert createadmin("ada", "--email", "ada@example.com") == "ada is a SYSADMIN and can sign in.\n"

        ada = User.objects.get()
        assert (ada.username, ada.email, ada.org.name, ada.managed_locally) == ("ada", "ada@example.com", "ADMIN", True)
        assert [role.name for role in ada.roles.all()] == ["SYSADMIN"]
        assert Client().post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302
        assert AuditEntry.objects.get(action="user created").actor_label == "command line"

    def test_can_sign_in_although_the_top_org_follows_ldap(self) -> None:
        Org.objects.filter(depth=1).update(directory_service="ldap")

        createadmin("ada")

        assert Client().post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302

    def test_is_made_while_no_other_one_can_sign_in(self) -> None:
        gone = make_sysadmin("gone")
        make_user("of.the.directory", roles=["SYSADMIN"])
        User.objects.filter(pk=gone.pk).update(blocked=True, blocked_by="person")

        createadmin("ada")

        assert User.objects.filter(username="ada").exists()

    def test_gives_name_address_and_password_at_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = iter(["ada", "ada@example.com"])
        passwords = iter([PASSWORD, PASSWORD])
        monkeypatch.setattr("builtins.input", lambda _: next(answers))
        monkeypatch.setattr(getpass, "getpass", lambda _: next(passwords))
        monkeypatch.setattr(sys, "stdin", Terminal())

        call_command("createadmin", stdout=StringIO())

        assert User.objects.get().email == "ada@example.com"


class TestIsRefused:
    @pytest.mark.parametrize(
        ("arguments", "password", "words"),
        [
            (["ada", "--email", "no address"], PASSWORD, "“no address” is no email address"),
            (["ada"], "short", "This password is too short"),
            (["ada"], "password1234", "too common"),
            (["ada"], "", "too short"),
            (["horse.battery"], "horse.battery", "too similar to the username"),
            (["   "], PASSWORD, "Name the administrator"),
            (["x" * 300], PASSWORD, "at most 255 characters"),
            (["аdа"], PASSWORD, "could be taken for another one"),
        ],
    )
    def test_with_what_is_wrong(self, arguments: list[str], password: str, words: str) -> None:
        with pytest.raises(CommandError, match=words) as refused:
            createadmin(*arguments, password=password)

        assert "Nothing was changed." in str(refused.value)
        assert not User.objects.exists()

    def test_while_an_administrator_can_sign_in(self) -> None:
        make_sysadmin("ada")

        with pytest.raises(CommandError, match=r"There is an administrator already \(ada\).*localadmin"):
            createadmin("eve")

    def test_with_a_username_that_is_taken(self) -> None:
        make_user("eve")

        with pytest.raises(CommandError, match="The username eve is taken"):
            createadmin("EVE")

    def test_when_the_two_passwords_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        passwords = iter([PASSWORD, "another one altogether"])
        monkeypatch.setattr(getpass, "getpass", lambda _: next(passwords))
        monkeypatch.setattr(sys, "stdin", Terminal())

        with pytest.raises(CommandError, match="The two passwords differ"):
            call_command("createadmin", "ada", "--email", "")

    def test_without_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO())

        with pytest.raises(CommandError, match="--password-stdin"):
            call_command("createadmin", "ada")

    def test_without_its_org(self) -> None:
        Org.objects.filter(depth=1).update(name="Renamed")

        with pytest.raises(CommandError, match="The org ADMIN or the role SYSADMIN is missing"):
            createadmin("ada")


def test_createsuperuser_names_it() -> None:
    for arguments in ([], ["--noinput", "--username", "ada"]):
        with pytest.raises(CommandError, match=r"use “manage\.py createadmin”"):
            call_command("createsuperuser", *arguments)


def test_a_new_database_is_named_as_the_reason(tmp_path: Path) -> None:
    environment: dict[str, Any] = {
        "PATH": os.environ["PATH"],
        "ROLLCALL_VAR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "console.settings",
    }
    command = [sys.executable, "manage.py", "createadmin", "ada", "--password-stdin"]

    done = subprocess.run(
        command, env=environment, input=f"{PASSWORD}\n", capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert "run “manage.py migrate” first" in done.stderr
    assert "Traceback" not in done.stderr
