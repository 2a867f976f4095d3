"""Signing in: who is let in, what the answer gives away, and how often one may try."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from console.security import sign_in_throttle
from console.security.access import LocalBackend
from orgs.actions.users import blocking
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.makers import NOW, PASSWORD, make_sysadmin, make_user, signed_in

pytestmark = pytest.mark.django_db

WRONG = "Username and password do not fit together"
TOO_MANY = "Too many attempts"


def sign_in(username: str, password: str, **extra: str) -> tuple[int, str]:
    response = Client().post("/sign-in/", {"username": username, "password": password}, **extra)  # type: ignore[arg-type]
    return response.status_code, response.content.decode()


@pytest.fixture(autouse=True)
def ada() -> User:
    return make_sysadmin("Ada")


class TestSigningIn:
    @pytest.mark.parametrize("username", ["Ada", "ada", "ADA", " ada "])
    def test_ignores_letter_case(self, username: str) -> None:
        assert sign_in(username, PASSWORD)[0] == 302

    def test_goes_where_one_wanted_to(self) -> None:
        given = {"username": "ada", "password": PASSWORD}

        assert Client().post("/sign-in/?next=/users/", given)["Location"] == "/users/"
        assert Client().post("/sign-in/?next=https://evil.example/", given)["Location"] == "/"
        assert Client().post("/sign-in/?next=//evil.example/", given)["Location"] == "/"

    @pytest.mark.parametrize("password", ["", " ", "wrong"])
    def test_needs_the_password(self, password: str) -> None:
        assert sign_in("ada", password)[0] == 200

    def test_never_takes_an_empty_password(self) -> None:
        user = make_user("erin", roles=["SYSADMIN"])
        user.set_password("")
        user.save()

        assert LocalBackend().authenticate(None, username="erin", password="") is None

    def test_answers_the_same_whether_the_user_is_unknown_or_the_password_wrong(self) -> None:
        unknown, wrong = sign_in("nobody", "wrong")[1], sign_in("ada", "wrong")[1]

        assert WRONG in unknown
        assert WRONG in wrong

    def test_checks_a_password_for_unknown_users_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hashed: list[str] = []

        def encode(_hasher: object, password: str, _salt: str) -> str:
            hashed.append(password)
            return "md5$salt$hash"

        monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.encode", encode)

        LocalBackend().authenticate(None, username="nobody", password="wrong")

        assert hashed == ["wrong"]

    def test_is_for_roles_that_open_the_console(self) -> None:
        make_user("dora", roles=["Desktop User"], password=PASSWORD)
        make_user("pat", roles=["PROe User"], password=PASSWORD)

        assert WRONG in sign_in("dora", PASSWORD)[1]
        assert sign_in("pat", PASSWORD)[0] == 302

    def test_is_not_for_blocked_or_deactivated_users_who_are_also_signed_out(self) -> None:
        make_user("bob", roles=["SYSADMIN"], password=PASSWORD)
        bob = User.objects.get(username="bob")
        browser = signed_in(bob)

        blocking.block(user_ids=[bob.pk], by=SYSTEM, at=NOW)

        assert WRONG in sign_in("bob", PASSWORD)[1]
        assert browser.get("/").status_code == 302

    def test_signs_out_by_post_only(self, ada: User) -> None:
        browser = signed_in(ada)

        assert browser.get("/sign-out/").status_code == 405
        browser.post("/sign-out/")
        assert browser.get("/").status_code == 302


class TestTheThrottle:
    def test_stops_after_five_failures_even_with_the_right_password(self) -> None:
        for _ in range(5):
            assert WRONG in sign_in("ada", "wrong")[1]

        assert TOO_MANY in sign_in("ada", PASSWORD)[1]
        assert TOO_MANY in sign_in("ADA ", PASSWORD)[1]

    def test_counts_unknown_users_the_same(self) -> None:
        for _ in range(5):
            sign_in("nobody", "wrong")

        assert TOO_MANY in sign_in("nobody", "wrong")[1]

    def test_leaves_other_addresses_and_users_alone(self) -> None:
        for _ in range(5):
            sign_in("ada", "wrong")

        assert sign_in("ada", PASSWORD, REMOTE_ADDR="192.0.2.7")[0] == 302
        assert WRONG in sign_in("bob", "wrong")[1]

    def test_forgets_after_the_right_password(self) -> None:
        for _ in range(4):
            sign_in("ada", "wrong")
        sign_in("ada", PASSWORD)

        assert WRONG in sign_in("ada", "wrong")[1]

    def test_takes_an_ipv6_network_for_one_address(self) -> None:
        for number in range(5):
            sign_in("ada", "wrong", REMOTE_ADDR=f"2001:db8::{number}")

        assert TOO_MANY in sign_in("ada", PASSWORD, REMOTE_ADDR="2001:db8::ffff")[1]

    def test_believes_forwarded_addresses_behind_our_proxy_only(self, rf: RequestFactory, settings: Settings) -> None:
        def left(forwarded: str) -> bool:
            return sign_in_throttle.begin(rf.post("/", headers={"X-Forwarded-For": forwarded}), "ada") is not None

        assert [left(f"192.0.2.{number}") for number in range(6)] == [True] * 5 + [False]
        settings.BEHIND_PROXY = True
        assert [left(f"198.51.100.{number}, 203.0.113.9") for number in range(6)] == [True] * 5 + [False]

    def test_gives_back_what_the_right_password_has_taken_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sign_in_throttle, "ADDRESS_ATTEMPTS", 4)
        for name in ("bob", "cyd", "dan"):
            sign_in(name, "wrong")

        assert [sign_in("ada", PASSWORD)[0] for _ in range(3)] == [302] * 3
        assert WRONG in sign_in("eve", "wrong")[1]
        assert TOO_MANY in sign_in("ada", PASSWORD)[1]


class TestSettings:
    """What the environment makes of the settings, in a process of its own."""

    def manage(self, tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": os.environ["PATH"], "ROLLCALL_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "console.settings"}
        given = [sys.executable, "manage.py", *command]
        return subprocess.run(given, env=own | environment, capture_output=True, text=True, check=False, timeout=60)

    def test_are_clean_for_production(self, tmp_path: Path) -> None:
        checked = self.manage(
            tmp_path, "check", "--deploy", "--fail-level", "WARNING", HTTPS="1", HSTS_SECONDS="31536000"
        )

        assert checked.returncode == 0, checked.stderr
        assert "no issues" in checked.stdout

    @pytest.mark.parametrize(
        "environment", [{"ALLOWED_HOSTS": "rollcall.example.com"}, {"HTTPS": "1"}, {"ALLOWED_HOSTS": "*"}]
    )
    def test_refuse_to_show_errors_to_others_than_this_machine(
        self, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        checked = self.manage(tmp_path, "check", DEBUG="1", **environment)

        assert checked.returncode != 0
        assert "DEBUG shows code and settings on error pages" in checked.stderr

    def test_may_show_errors_to_this_machine(self, tmp_path: Path) -> None:
        assert self.manage(tmp_path, "check", DEBUG="1").returncode == 0

    def test_name_cookies_so_that_a_browser_keeps_them_to_this_host(self, tmp_path: Path) -> None:
        code = (
            "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.COOKIE_PREFIX)"
        )

        assert self.manage(tmp_path, "shell", "-v", "0", "-c", code, HTTPS="1").stdout.split() == [
            "__Host-session",
            "__Host-csrf",
            "__Host-",
        ]
