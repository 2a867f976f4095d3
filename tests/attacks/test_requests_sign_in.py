"""Guessing, stealing and keeping sessions: what the sign-in lets through, what it gives away, and when a session ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from console.security import sign_in_throttle
from console.security.session_store import SessionStore
from directory.models import LdapServer, Match
from orgs.actions.users import blocking, deactivation, local_passwords, role_grants
from orgs.models import Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.attacks.attempts import attack
from tests.attacks.forms import as_sent
from tests.attacks.world import World
from tests.fake_ldap import FakeDirectory
from tests.makers import NOW, PASSWORD, make_org, make_server, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.in_turns]

WRONG = "Username and password do not fit together"
TOO_MANY = "Too many attempts"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often a password was hashed: all that makes an answer slow."""
    runs: list[str] = []
    really = MD5PasswordHasher.encode

    def encode(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        runs.append(password)
        return str(really(hasher, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return runs


def try_in(username: str, password: str, **extra: Any) -> Any:
    return Client().post("/sign-in/", {"username": username, "password": password}, **extra)


def has_session(response: Any) -> bool:
    return "session" in response.client.cookies or "session" in response.cookies


REFUSED = [
    ("an empty password", "ada", "", "This field is required"),
    ("a password of spaces", "ada", "     ", WRONG),
    ("a password with NUL", "ada", f"{PASSWORD}\0", "Null characters are not allowed"),
    ("a password of NUL alone", "ada", "\0", "Null characters are not allowed"),
    ("a password of 5,000 characters", "ada", "x" * 5000, "at most 4096 characters"),
    ("a password with a space behind it", "ada", f"{PASSWORD} ", WRONG),
    ("the password in capital letters", "ada", PASSWORD.upper(), WRONG),
    ("the stored hash as the password", "ada", "md5$salt$0123456789abcdef", WRONG),
    ("an unusable password's mark", "worker.acme", "!", WRONG),
    ("an empty username", "", PASSWORD, "This field is required"),
    ("a username of spaces", "   ", PASSWORD, "This field is required"),
    ("a username with NUL", "ada\0", PASSWORD, "Null characters are not allowed"),
    ("a username of 300 characters", "a" * 300, PASSWORD, "at most 255 characters"),
    ("the wildcard username *", "*", PASSWORD, WRONG),
    ("the wildcard username ad*", "ad*", PASSWORD, WRONG),
    ("the LDAP username admin)(|(uid=*", "admin)(|(uid=*", PASSWORD, WRONG),
    ("the LDAP username *)(objectClass=*", "*)(objectClass=*", PASSWORD, WRONG),
    ("the LDAP username uid=ada,dc=example", "uid=ada,dc=example,dc=com", PASSWORD, WRONG),
    ("the SQL username ada' OR '1'='1", "ada' OR '1'='1", PASSWORD, WRONG),
    ("the SQL username %", "%", PASSWORD, WRONG),
    ("a look-alike of the username in Cyrillic", "аdа", PASSWORD, WRONG),
    ("the id instead of the username", "1", PASSWORD, WRONG),
    ("a user without a password", "worker.acme", "worker.acme", WRONG),
    ("a user whose roles do not open the console", "dora", PASSWORD, WRONG),
    ("a blocked user", "blocked", PASSWORD, WRONG),
    ("a deactivated user", "deactivated", PASSWORD, WRONG),
]


@pytest.mark.whole
@pytest.mark.parametrize(("what", "username", "password", "shows"), REFUSED, ids=[row[0] for row in REFUSED])
def test_the_sign_in_refuses(world: World, what: str, username: str, password: str, shows: str) -> None:
    make_user("dora", roles=["Desktop User"], password=PASSWORD)

    with attack(
        f"sign-in with {what}", how="POST /sign-in/", expected=f"the form again, saying “{shows}”; no session"
    ) as attempt:
        response = try_in(username, password)
        attempt.answer(response, 200, shows=shows)
        assert not has_session(response)
        attempt.note(f"“{shows}”")


KINDS = {
    "unknown": ("nobody", "wrong"),
    "wrong password": ("ada", "wrong"),
    "no password of their own": ("worker.acme", "wrong"),
    "blocked, wrong password": ("blocked", "wrong"),
    "blocked, right password": ("blocked", PASSWORD),
    "deactivated, right password": ("deactivated", PASSWORD),
    "may not use the console": ("dora", PASSWORD),
}


def test_nobody_learns_which_usernames_exist(world: World, hashed: list[str]) -> None:
    make_user("dora", roles=["Desktop User"], password=PASSWORD)
    hashed.clear()
    answers, work = set(), set()

    with attack(
        "usernames told from the answer or its time",
        how=f"wrong sign-ins as {', '.join(KINDS)}",
        expected="the same page to the letter, and the password hashed exactly once each time",
    ) as attempt:
        for username, password in KINDS.values():
            hashed.clear()
            text = attempt.answer(try_in(username, password), 200, shows=WRONG)
            answers.add(re.sub(r'(value|name="csrfmiddlewaretoken")="[^"]*"', "", text).replace(username, ""))
            work.add(len(hashed))
        attempt.note(f"{len(answers)} answer, {sorted(work)} hashes each")
        assert len(answers) == 1
        assert work == {1}


class TestGuessing:
    def test_ends_after_five_attempts(self, world: World) -> None:
        with attack(
            "six passwords for one username",
            how="5 wrong ones, then the right one, from one address; also in other letter case",
            expected="5 × wrong, then “Too many attempts” even for the right one",
        ) as attempt:
            for _ in range(5):
                attempt.answer(try_in("ada", "wrong"), 200, shows=WRONG)
            for username in ("ada", "ADA", " ada "):
                attempt.answer(try_in(username, PASSWORD), 200, shows=TOO_MANY)

    def test_hashes_nothing_once_it_is_throttled(self, world: World, hashed: list[str]) -> None:
        with attack(
            "passwords hashed to keep the server busy",
            how="20 sign-ins as one username",
            expected="the first 5 are checked, the others cost nothing",
        ) as attempt:
            hashed.clear()
            for number in range(20):
                attempt.answer(try_in("ada", f"wrong {number}"), 200)
            attempt.note(f"{len(hashed)} passwords hashed")
            assert len(hashed) == 5

    @pytest.mark.whole
    def test_of_one_password_for_many_usernames_ends_too(self, world: World) -> None:
        with attack(
            "one password for 100 usernames",
            how="100 usernames, one attempt each, from one address",
            expected=f"“Too many attempts” after {sign_in_throttle.ADDRESS_ATTEMPTS}, whoever is asked for",
        ) as attempt:
            answers = [try_in(f"person{number}", "Spring2026!") for number in range(100)]
            for number, response in enumerate(answers):
                shows = WRONG if number < sign_in_throttle.ADDRESS_ATTEMPTS else TOO_MANY
                attempt.answer(response, 200, shows=shows)
            attempt.note(f"{sign_in_throttle.ADDRESS_ATTEMPTS} checked")

    @pytest.mark.whole
    def test_from_many_addresses_ends_too(self, world: World) -> None:
        with attack(
            "one username from 60 addresses",
            how="60 addresses, one wrong password each",
            expected=f"“Too many attempts” after {sign_in_throttle.USERNAME_ATTEMPTS}",
        ) as attempt:
            for number in range(60):
                shows = WRONG if number < sign_in_throttle.USERNAME_ATTEMPTS else TOO_MANY
                attempt.answer(try_in("ada", "wrong", REMOTE_ADDR=f"192.0.2.{number}"), 200, shows=shows)

    @pytest.mark.whole
    def test_locks_nobody_out_of_their_own_browser(self, world: World) -> None:
        browser = Client()
        browser.post("/sign-in/", {"username": "ada", "password": PASSWORD})
        browser.post("/sign-out/")

        with attack(
            "the SYSADMIN locked out by wrong passwords",
            how="5 wrong passwords from their address, 60 from others; then the right one in the browser they use",
            expected="strangers are stopped, the SYSADMIN gets in",
        ) as attempt:
            for number in range(60):
                try_in("ada", "wrong", REMOTE_ADDR=f"192.0.2.{number}")
            for _ in range(5):
                try_in("ada", "wrong")
            attempt.answer(try_in("ada", PASSWORD), 200, shows=TOO_MANY)
            attempt.goes_to(browser.post("/sign-in/", {"username": "ada", "password": PASSWORD}), "/")

    def test_in_a_known_browser_ends_too(self, world: World) -> None:
        browser = Client()
        browser.post("/sign-in/", {"username": "ada", "password": PASSWORD})
        browser.post("/sign-out/")

        with attack(
            "guessing in a browser that was left behind",
            how="6 wrong passwords in a browser in which the user has signed in before",
            expected="“Too many attempts” after 5",
        ) as attempt:
            for number in range(6):
                response = browser.post("/sign-in/", {"username": "ada", "password": "wrong"})
                attempt.answer(response, 200, shows=WRONG if number < 5 else TOO_MANY)

    def test_does_not_believe_a_made_up_browser(self, world: World) -> None:
        made_up = ("x", "eyJ4IjoxfQ:1abc:sig", '"\\054"', "ada", "", "x" * 5000)

        with attack(
            "a made-up mark of a known browser",
            how="6 wrong passwords, each with another such cookie",
            expected="it counts for nothing: “Too many attempts” after 5",
        ) as attempt:
            for number in range(6):
                browser = Client()
                browser.cookies["known"] = made_up[number]
                response = browser.post("/sign-in/", {"username": "ada", "password": "wrong"})
                attempt.answer(response, 200, shows=WRONG if number < 5 else TOO_MANY)

    def test_does_not_lend_one_users_browser_to_another(self, world: World) -> None:
        browser = Client()
        browser.post("/sign-in/", {"username": "pat", "password": PASSWORD})
        browser.post("/sign-out/")

        with attack(
            "another user guessed in a known browser",
            how="6 wrong passwords for the SYSADMIN in the browser of a plain user, who signs in between",
            expected="“Too many attempts” after 5",
        ) as attempt:
            for number in range(6):
                response = browser.post("/sign-in/", {"username": "ada", "password": "wrong"})
                attempt.answer(response, 200, shows=WRONG if number < 5 else TOO_MANY)

    def test_behind_a_made_up_address_counts_for_the_real_one(self, world: World) -> None:
        with attack(
            "a new X-Forwarded-For for each guess",
            how="6 wrong passwords, each claiming another address, with no proxy in front of Rollcall",
            expected="“Too many attempts” after 5",
        ) as attempt:
            for number in range(6):
                response = try_in("ada", "wrong", headers={"X-Forwarded-For": f"198.51.100.{number}"})
                attempt.answer(response, 200, shows=WRONG if number < 5 else TOO_MANY)


def stolen(client: Client) -> Client:
    """Return another browser that holds the same cookies."""
    thief = Client()
    for name, morsel in client.cookies.items():
        thief.cookies[name] = morsel.value
    return thief


def fresh(username: str = "ada") -> Client:
    browser = Client()
    browser.post("/sign-in/", {"username": username, "password": PASSWORD})
    assert browser.get("/").status_code == 200
    return browser


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that moves when it is told to."""
    with time_machine.travel(datetime(2026, 3, 2, 9, 30, tzinfo=timezone.get_default_timezone()), tick=False) as moves:
        yield moves


def block(user: User) -> None:
    blocking.block(user_ids=[user.pk], by=SYSTEM, at=NOW)


def deactivate(user: User) -> None:
    deactivation.deactivate(user_ids=[user.pk], by=SYSTEM, at=NOW)


def take_roles(user: User) -> None:
    role_grants.set_roles(roles={user.pk: frozenset()}, by=SYSTEM, at=NOW)


def new_password(user: User) -> None:
    local_passwords.set_password(user=user, password="another one altogether", by=SYSTEM, at=NOW)


def block_by_sql(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orgs_user SET blocked = %s, blocked_by = 'person' WHERE id = %s", [True, user.pk])


ENDINGS: dict[str, Callable[[User], None]] = {
    "they are blocked": block,
    "they are deactivated": deactivate,
    "they lose their role": take_roles,
    "their password is changed": new_password,
    "they are blocked in the database itself": block_by_sql,
}


@pytest.fixture
def directory(world: World) -> Iterator[FakeDirectory]:
    """A directory that takes any password; the org of ``carla`` (found there by a sync) and ``viktor`` (never) follows it."""
    ids = {"carla": b"6f1c9a52-0001-4000-8000-000000000001", "viktor": b"6f1c9a52-0001-4000-8000-000000000002"}
    entries = [
        (f"uid={name},dc=corp", {"objectClass": [b"person"], "uid": [name.encode()], "entryUUID": [ids[name]]})
        for name in ids
    ]
    with FakeDirectory(entries=entries, base="dc=corp", filters=True) as server:
        org = make_org("Follower")
        stored = make_server("Corp", urls=[server.url], search_base="dc=corp", bind_dn="cn=reader,dc=corp")
        stored.org_links.create(org=org)
        Org.objects.filter(pk=org.pk).update(directory_service="ldap")
        # The time of the other one is that of the name service.
        LdapServer.objects.exclude(pk=stored.pk).update(enabled=False)
        carla, _ = (make_user(name, org=org, roles=["SYSADMIN"]) for name in ids)
        Match.objects.create(
            user=carla, server=stored, dn="uid=carla,dc=corp", unique_id=ids["carla"].decode(), matched_at=NOW
        )
        yield server


def guesses(server: FakeDirectory) -> list[bytes]:
    """Return the passwords that the server got for people, without those of its reader and those that nobody typed."""
    return [password for password in server.passwords if password.startswith(b"typed")]


class TestADirectory:
    @pytest.mark.parametrize("username", ["carla", "viktor"])
    @pytest.mark.parametrize("password", ["", " ", "\u200b", "\u00ad \u034f", "\0", "\0typed", "\t\r\n"])
    def test_lets_nobody_in_without_a_password(self, directory: FakeDirectory, username: str, password: str) -> None:
        with attack(
            "a bind without a password, which a directory answers with success",
            how=f"POST /sign-in/ as {username} with {password!r}",
            expected="the form again, and nothing sent to the directory",
        ) as attempt:
            response = try_in(username, password)
            attempt.answer(response, 200)
            assert not has_session(response)
            assert directory.received == b""

    @pytest.mark.parametrize(
        "username", ["*", "c*", "carla)(uid=*", "*)(|(uid=*", "carla\\2a", "uid=carla,dc=corp", "carla\u200b", "саrla"]
    )
    def test_finds_nobody_by_a_username_that_is_a_filter(self, directory: FakeDirectory, username: str) -> None:
        with attack(
            "LDAP syntax as the username",
            how=f"POST /sign-in/ as {username} with a password that the directory takes",
            expected="the form again; neither the username nor the password is sent",
        ) as attempt:
            attempt.answer(try_in(username, "typed password"), 200, shows=WRONG)
            assert username.encode() not in directory.received
            assert guesses(directory) == []

    def test_makes_nobody_an_administrator(self, directory: FakeDirectory) -> None:
        entry: dict[str, list[bytes]] = {
            "objectClass": [b"person"],
            "uid": [b"newcomer", b"ada"],
            "entryUUID": [b"6f1c9a52-0001-4000-8000-00000000000f"],
        }
        directory.entries = [*directory.entries, ("uid=newcomer,dc=corp", entry)]

        with attack(
            "an entry of the directory as somebody in Rollcall",
            how="sign-in as a person who is no user, and as the SYSADMIN whose username an entry has as well",
            expected="the form again; nobody is made",
        ) as attempt:
            for username in ("newcomer", "ada"):
                attempt.answer(try_in(username, "typed password"), 200, shows=WRONG)
            assert guesses(directory) == []

    def test_gives_no_account_to_who_has_its_username_by_now(self, directory: FakeDirectory) -> None:
        dn, attributes = directory.entries[0]
        directory.entries = [(dn, {**attributes, "entryUUID": [b"6f1c9a52-0001-4000-8000-00000000000e"]})]

        with attack(
            "a username that was given to somebody else",
            how="sign-in as carla, whose entry has another immutable id than the user",
            expected="the form again, and the password is not sent",
        ) as attempt:
            attempt.answer(try_in("carla", "typed password"), 200, shows=WRONG)
            assert guesses(directory) == []

    def test_is_not_made_to_lock_an_account(self, directory: FakeDirectory, settings: Settings) -> None:
        directory.person_result = (49, "")

        with attack(
            "an account of the directory locked through Rollcall",
            how="40 wrong passwords for one user from 40 addresses",
            expected=f"the form again each time; the directory gets {(settings.SIGN_IN_BINDS + 1) // 2} of them",
        ) as attempt:
            for number in range(40):
                response = try_in("carla", f"typed {number}", REMOTE_ADDR=f"192.0.2.{number}")
                attempt.answer(response, 200, shows=WRONG)
            attempt.note(f"{len(guesses(directory))} passwords sent")
            assert len(guesses(directory)) == (settings.SIGN_IN_BINDS + 1) // 2

    def test_is_not_asked_with_what_was_typed_for_others(self, directory: FakeDirectory) -> None:
        make_user("dora", roles=["Desktop User"], password=PASSWORD)

        with attack(
            "passwords of others collected by a directory",
            how=f"sign-ins as {', '.join(KINDS)}",
            expected="the form again; neither usernames nor passwords reach the directory",
        ) as attempt:
            for username, password in KINDS.values():
                attempt.answer(try_in(username, f"typed {password}"), 200, shows=WRONG)
            assert b"typed" not in directory.received
            assert not [name for name, _ in KINDS.values() if name.encode() in directory.received]

    def test_does_not_tell_which_usernames_exist(self, directory: FakeDirectory, hashed: list[str]) -> None:
        make_user("dora", roles=["Desktop User"], password=PASSWORD)
        directory.person_result = (49, "80090308: AcceptSecurityContext error, data 775, v4563")
        kinds = {**KINDS, "of the directory": ("carla", "wrong"), "of the directory, never found": ("viktor", "wrong")}
        answers, work = set(), set()

        with attack(
            "usernames told from the answer, its time or the directory's load",
            how=f"wrong sign-ins as {', '.join(kinds)}",
            expected="the same page to the letter; each time one hash, and one search and one bind as somebody",
        ) as attempt:
            for username, password in kinds.values():
                hashed.clear()
                directory.requests.clear()
                text = attempt.answer(try_in(username, password), 200, shows=WRONG)
                answers.add(re.sub(r'(value|name="csrfmiddlewaretoken")="[^"]*"', "", text).replace(username, ""))
                work.add((len(hashed), directory.requests.count("search"), directory.requests.count("bind")))
            attempt.note(f"{len(answers)} answer, {sorted(work)}")
            assert len(answers) == 1
            assert work == {(1, 1, 2)}


class TestSessions:
    @pytest.mark.parametrize("ending", ENDINGS)
    def test_end_everywhere_when(self, world: World, ending: str) -> None:
        victor = make_user("victor", roles=["SYSADMIN"], password=PASSWORD)
        browsers = [fresh("victor"), fresh("victor"), signed_in(victor)]
        ENDINGS[ending](User.objects.get(pk=victor.pk))

        with attack(
            f"a session goes on after {ending}",
            how="3 browsers in which they are signed in ask for a page, a fragment, an export",
            expected="the sign-in",
        ) as attempt:
            for browser in browsers:
                attempt.goes_to(browser.get("/"), "/sign-in/")
                attempt.goes_to(
                    browser.get("/users/", headers={"HX-Request": "true", "HX-Target": "user-list"}), "/sign-in/"
                )
                attempt.goes_to(browser.get("/users/users.csv"), "/sign-in/")

    def test_can_not_be_replayed_after_signing_out(self, world: World) -> None:
        browser = fresh()
        thief = stolen(browser)
        browser.post("/sign-out/")

        with attack(
            "a copied cookie after signing out", how="GET / with the cookie of before", expected="the sign-in"
        ) as attempt:
            attempt.goes_to(thief.get("/"), "/sign-in/")
            assert not SessionStore().exists(thief.cookies["session"].value)

    def test_get_a_new_key_at_the_sign_in(self, world: World) -> None:
        fixed = Client()
        fixed.cookies["session"] = "attackerchosenkey0123456789abcdef"

        with attack(
            "a session key planted before the sign-in",
            how="sign in with a chosen key in the cookie, then use that key elsewhere",
            expected="another key after the sign-in, the planted one opens nothing",
        ) as attempt:
            attempt.goes_to(fixed.post("/sign-in/", {"username": "ada", "password": PASSWORD}), "/")
            assert fixed.cookies["session"].value != "attackerchosenkey0123456789abcdef"
            thief = Client()
            thief.cookies["session"] = "attackerchosenkey0123456789abcdef"
            attempt.goes_to(thief.get("/"), "/sign-in/")

    def test_of_another_user_are_not_taken_over_by_signing_in(self, world: World) -> None:
        browser = fresh("pat")

        with attack(
            "signing in over another session",
            how="POST /sign-in/ as the SYSADMIN in the browser of a signed-in plain user",
            expected="the plain user stays signed in",
        ) as attempt:
            attempt.goes_to(browser.post("/sign-in/", {"username": "ada", "password": PASSWORD}), "/")
            attempt.answer(browser.get("/settings/security/ldap/"), 403)

    def test_need_their_own_cookie(self, world: World) -> None:
        key = fresh().cookies["session"].value
        tampered = {
            "cut short": key[:-1],
            "a letter changed": key[:-1] + ("a" if key[-1] != "a" else "b"),
            "empty": "",
            "NUL": '"abcdefgh\\000abcdefgh"',
            "SQL": "'\"; DROP TABLE django_session; --",
            "a user's id": "1",
            "10,000 letters": "x" * 10_000,
        }

        with attack(
            "a session cookie that is not one's own",
            how=f"GET / with {', '.join(tampered)} in it",
            expected="the sign-in, or 400 for a NUL",
        ) as attempt:
            for what, value in tampered.items():
                response = Client(headers={"Cookie": f"session={value}"}).get("/")
                if what == "NUL":
                    attempt.answer(response, 400, shows="Bad request")
                else:
                    attempt.goes_to(response, "/sign-in/")

    def test_end_when_nobody_is_there(self, world: World, clock: time_machine.Traveller, settings: Settings) -> None:
        browser = fresh()
        clock.shift(timedelta(seconds=settings.SESSION_IDLE_SECONDS - 1))
        still = browser.get("/").status_code
        clock.shift(timedelta(seconds=settings.SESSION_IDLE_SECONDS))

        with attack(
            "a session left open", how="GET / after 30 idle minutes", expected="signed in at 29, the sign-in at 30"
        ) as attempt:
            assert still == 200
            attempt.goes_to(browser.get("/"), "/sign-in/")
            attempt.goes_to(stolen(browser).get("/"), "/sign-in/")

    @pytest.mark.whole
    def test_are_not_kept_alive_by_a_page_that_asks_by_itself(
        self, world: World, clock: time_machine.Traveller, settings: Settings
    ) -> None:
        browser, address = fresh(), f"/history/{world.objects['run'].pk}/"
        headers = {"HX-Request": "true", "HX-Target": "run-progress", "HX-Trigger": "run-progress"}

        with attack(
            "a session kept alive by an open page",
            how="the page of a run asks for its progress every 2 minutes, nobody is there",
            expected="the sign-in after 30 minutes all the same",
        ) as attempt:
            statuses = []
            for _ in range(16):
                clock.shift(timedelta(minutes=2))
                statuses.append(browser.get(address, headers=headers).status_code)
            attempt.note(
                f"answers {statuses[0]} at first, {statuses[-1]} after {settings.SESSION_IDLE_SECONDS // 60} minutes"
            )
            assert statuses[:14] == [286] * 14
            assert statuses[-1] == 302

    @pytest.mark.whole
    def test_end_after_twelve_hours(self, world: World, clock: time_machine.Traveller, settings: Settings) -> None:
        browser = fresh()
        answers = []
        for _ in range(12 * 3):
            clock.shift(timedelta(minutes=20))
            answers.append(browser.get("/").status_code)

        with attack(
            "a session used all day", how="a page every 20 minutes", expected="the sign-in after 12 hours"
        ) as attempt:
            assert answers == [200] * 35 + [302]
            attempt.goes_to(browser.get("/"), "/sign-in/")

    def test_carry_cookies_that_scripts_and_other_sites_can_not_use(self, world: World) -> None:
        with attack(
            "cookies of the sign-in",
            how="the Set-Cookie headers of a sign-in",
            expected="HttpOnly and SameSite=Lax on each, no Domain, path /",
        ) as attempt:
            browser = fresh()
            for name in ("session", "csrf", "known"):
                cookie = browser.cookies[name]
                attempt.note(f"{name}: {'HttpOnly' if cookie['httponly'] else ''} SameSite={cookie['samesite']}")
                assert (bool(cookie["httponly"]), cookie["samesite"], cookie["domain"], cookie["path"]) == (
                    True,
                    "Lax",
                    "",
                    "/",
                )


class TestThePasswordAgain:
    @pytest.fixture
    def browser(self, world: World, clock: time_machine.Traveller) -> Client:
        """A SYSADMIN's browser whose password was given eleven minutes ago."""
        browser = fresh()
        clock.shift(timedelta(minutes=11))
        return browser

    def addresses(self, world: World) -> list[str]:
        return [
            f"/history/{world.objects['held'].pk}/apply/",
            "/data-fixes/",
            f"/data-fixes/orgs/user/{world.own.worker.pk}/change/",
        ]

    def test_is_wanted_for_dangerous_pages(self, world: World, browser: Client) -> None:
        with attack(
            "dangerous pages in a browser left open",
            how="GET and POST of applying a plan and of data fixes, 11 minutes after the sign-in",
            expected="“Confirm it is you” first",
        ) as attempt:
            for address in self.addresses(world):
                attempt.goes_to(browser.get(address), f"/confirm/?next={address.replace('/', '%2F')}")
                attempt.goes_to(browser.post(address, {"username": "x"}), "/confirm/")
                headers = {"HX-Request": "true"}
                attempt.answer(browser.get(address, headers=headers), 200)
                assert browser.get(address, headers=headers).headers["HX-Redirect"].startswith("/confirm/")

    def test_is_wanted_before_a_server_may_grant_admin(self, world: World, browser: Client) -> None:
        address = f"/settings/security/ldap/{world.objects['server'].pk}/"
        given = as_sent(browser.get(address).context["form"])
        role = Role.objects.get(name="SYSADMIN")

        with attack(
            "a server allowed to grant SYSADMIN in a browser left open",
            how=f"POST {address} with that role ticked, 11 minutes after the sign-in",
            expected="the form again: the password first",
        ) as attempt:
            response = browser.post(address, given | {"grantable_roles": [role.pk]})
            attempt.answer(response, 200, shows="enter your password again first")

    @pytest.mark.parametrize("password", ["", "wrong", f"{PASSWORD} "])
    def test_is_not_given_by_another(self, world: World, browser: Client, password: str) -> None:
        with attack(
            f"“Confirm it is you” answered with {password or 'nothing'!r}",
            how="POST /confirm/, then the page",
            expected="the form again; the page stays closed",
        ) as attempt:
            attempt.answer(browser.post("/confirm/", {"password": password, "next": "/data-fixes/"}), 200)
            attempt.goes_to(browser.get("/data-fixes/"), "/confirm/")

    def test_can_not_be_guessed_there_either(self, world: World, browser: Client) -> None:
        with attack(
            "guessing at “Confirm it is you”",
            how="6 wrong passwords, then the right one",
            expected="“Too many attempts” after 5",
        ) as attempt:
            for number in range(7):
                response = browser.post("/confirm/", {"password": "wrong" if number < 6 else PASSWORD})
                attempt.answer(response, 200, shows=WRONG if number < 5 else TOO_MANY)

    def test_opens_them_for_ten_minutes(self, world: World, browser: Client, clock: time_machine.Traveller) -> None:
        with attack(
            "“Confirm it is you” counts for ever",
            how="the right password, the page, the page again 11 minutes later",
            expected="open at first, closed again later; the way back leads to this console only",
        ) as attempt:
            attempt.goes_to(browser.post("/confirm/", {"password": PASSWORD, "next": "//evil.example/"}), "/")
            attempt.answer(browser.get("/data-fixes/"), 200)
            clock.shift(timedelta(minutes=11))
            attempt.goes_to(browser.get("/data-fixes/"), "/confirm/")


def test_nobody_else_signs_out_a_user(world: World) -> None:
    browser = fresh()

    with attack(
        "somebody else signed out by a link or an image",
        how="GET, HEAD and a form without its token at /sign-out/",
        expected="405 or 403; the user stays signed in",
    ) as attempt:
        attempt.answer(browser.get("/sign-out/"), 405)
        attempt.answer(browser.head("/sign-out/"), 405)
        guarded = Client(enforce_csrf_checks=True)
        guarded.cookies.update(browser.cookies)
        attempt.answer(guarded.post("/sign-out/"), 403)
        attempt.answer(browser.get("/"), 200)
