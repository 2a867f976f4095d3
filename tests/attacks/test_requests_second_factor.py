"""Past the second factor: other addresses, htmx, used codes, guessing, planted sessions, other people's codes and passkeys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client

from orgs.actions import roles
from orgs.models import Role, User
from orgs.rules.actors import SYSTEM
from tests.attacks import urls
from tests.attacks.attempts import attack
from tests.attacks.urls import AREAS, GUARDED, PAGES, mostly_whole, of_area
from tests.attacks.world import World
from tests.makers import NOW, PASSWORD, make_user
from tests.second_factors import code_now, make_code_app, recovery_codes

pytestmark = [pytest.mark.django_db, pytest.mark.once]
STEP, WRONG, TOO_MANY = "/sign-in/second-step/", "This code does not count", "Too many attempts"
HTMX = {"HX-Request": "true", "HX-Target": "content"}
OFTEN = {"account", "users", "session"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still, and moves when it is told to."""
    with time_machine.travel(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), tick=False) as moves:
        yield moves


@pytest.fixture
def victor(world: World) -> User:
    return make_user("victor", roles=["SYSADMIN"], password=PASSWORD)


@pytest.fixture
def secret(victor: User) -> str:
    return make_code_app(victor)


def half_way(username: str = "victor", **extra: Any) -> Client:
    """Return a browser in which only the password was given."""
    client = Client(**extra)
    client.post("/sign-in/", {"username": username, "password": PASSWORD})
    return client


def through(secret: str, *, later: int = 0) -> Client:
    client = half_way()
    assert client.post(STEP, {"code": code_now(secret, later=later)})["Location"] == "/"
    return client


class TestSkippingIt:
    @pytest.mark.parametrize("area", mostly_whole(AREAS, OFTEN))
    def test_by_another_address_leads_to_the_sign_in(self, world: World, secret: str, area: str) -> None:
        pages = [page for page in of_area(area, GUARDED) if page.name not in urls.OPEN]

        with attack(
            f"the second step left out at {area}",
            how=f"the password, then GET, POST and htmx at {len(pages)} addresses",
            expected="the sign-in each time",
        ) as attempt:
            client = half_way()
            for page in pages:
                address = page.address(world)
                for method in ("get", "post"):
                    attempt.goes_to(getattr(client, method)(address), "/sign-in/")
                    attempt.goes_to(getattr(client, method)(address, headers=HTMX), "/sign-in/")

    def test_by_data_fixes_leads_to_the_sign_in(self, world: World, secret: str) -> None:
        with attack(
            "the second step left out at data fixes",
            how="the password, then all addresses of the site and of one model",
            expected="the sign-in each time",
        ) as attempt:
            client = half_way()
            for address in (*urls.data_fixes_of_the_site()[:3], *urls.data_fixes_of("orgs_user"), "/data-fixes/login/"):
                attempt.answer(client.get(address, follow=True), 200, shows="Sign in", what=address)

    def test_by_a_role_that_needs_one_leads_to_setting_it_up(self, world: World, victor: User) -> None:
        roles.require_second_factor(role=Role.objects.get(name="SYSADMIN"), needed=True, by=SYSTEM, at=NOW)
        allowed = {name for name in GUARDED if getattr(PAGES[name].view, "open_without_second_factor", False)}

        with attack(
            "a needed second factor left out",
            how=f"the password, then GET, POST and htmx at all {len(GUARDED)} addresses but {len(allowed)}, and data fixes",
            expected="the page that sets one up",
        ) as attempt:
            assert allowed == {"session:confirm", "account:second-factor", "account:code-app", "account:passkey"}
            client = half_way()
            for name in set(GUARDED) - allowed:
                address = PAGES[name].address(world)
                attempt.goes_to(client.get(address), "/account/second-factor/")
                attempt.goes_to(client.post(address), "/account/second-factor/")
                answer = client.post(address, headers=HTMX)
                assert answer.headers["HX-Redirect"] == "/account/second-factor/", name
            for address in (*urls.data_fixes_of_the_site()[:2], *urls.data_fixes_of("orgs_user")[:3]):
                attempt.goes_to(client.get(address), "/account/second-factor/")

    def test_by_removing_it_in_a_browser_left_open_is_refused(
        self, world: World, secret: str, clock: time_machine.Traveller
    ) -> None:
        client = through(secret)
        clock.shift(660)

        with attack(
            "a second factor removed in a browser left open",
            how="POST to remove it, to make new recovery codes and to add a passkey, 11 minutes after the sign-in",
            expected="“Confirm it is you” first",
        ) as attempt:
            for part in ("remove/", "recovery-codes/", "passkey/", "code-app/"):
                attempt.goes_to(client.post(f"/account/second-factor/{part}", {"factor": "1"}), "/confirm/")


class TestCodes:
    def test_count_once_in_whatever_session(self, world: World, secret: str) -> None:
        code = code_now(secret)
        through(secret)

        with attack(
            "a code replayed, as seen over a shoulder",
            how="the same code, and the one before it, in other browsers",
            expected="refused",
        ) as attempt:
            for later in (0, -1):
                client = half_way()
                attempt.answer(client.post(STEP, {"code": code_now(secret, later=later)}), 200, shows=WRONG)
                attempt.goes_to(client.get("/"), "/sign-in/")
            assert code == code_now(secret)

    def test_count_once_at_the_confirmation_too(self, world: World, secret: str, clock: time_machine.Traveller) -> None:
        client = through(secret)

        with attack(
            "the code of the sign-in given again to confirm", how="POST /confirm/ with it", expected="refused"
        ) as attempt:
            attempt.answer(client.post("/confirm/", {"code": code_now(secret)}), 200, shows=WRONG)

    def test_for_recovery_count_once(self, world: World, victor: User, secret: str) -> None:
        code = recovery_codes(victor)[0]
        half_way().post(STEP, {"code": code})

        with attack("a recovery code used twice", how="in another browser", expected="refused") as attempt:
            client = half_way()
            attempt.answer(client.post(STEP, {"code": code}), 200, shows=WRONG)
            attempt.goes_to(client.get("/"), "/sign-in/")

    def test_can_not_be_guessed_from_many_addresses(self, world: World, secret: str) -> None:
        with attack(
            "codes guessed from many addresses",
            how="5 wrong ones from 5 addresses, each after the right password; then the right one from a sixth",
            expected="“Too many attempts” even for the right one",
        ) as attempt:
            for number in range(5):
                client = half_way(REMOTE_ADDR=f"192.0.2.{number}")
                attempt.answer(client.post(STEP, {"code": f"{number:06}"}), 200, shows=WRONG)
            client = half_way(REMOTE_ADDR="192.0.2.77")
            attempt.answer(client.post(STEP, {"code": code_now(secret)}), 200, shows=TOO_MANY)
            attempt.goes_to(client.get("/"), "/sign-in/")

    def test_guessed_elsewhere_lock_nobody_out_of_their_own_browser(self, world: World, secret: str) -> None:
        browser = through(secret)
        browser.post("/sign-out/")
        for number in range(6):
            half_way(REMOTE_ADDR=f"192.0.2.{number}").post(STEP, {"code": "000000"})

        with attack(
            "a user locked out by wrong codes elsewhere",
            how="6 wrong codes, then the right one in the browser they use",
            expected="they get in",
        ) as attempt:
            browser.post("/sign-in/", {"username": "victor", "password": PASSWORD})
            attempt.goes_to(browser.post(STEP, {"code": code_now(secret, later=1)}), "/")

    def test_of_another_user_open_nothing(self, world: World, secret: str) -> None:
        other = make_code_app(User.objects.get(username="ada"))

        with attack(
            "somebody else's code", how="one's own password, the SYSADMIN's code, and the reverse", expected="refused"
        ) as attempt:
            attempt.answer(half_way().post(STEP, {"code": code_now(other)}), 200, shows=WRONG)
            attempt.answer(half_way("ada").post(STEP, {"code": code_now(secret)}), 200, shows=WRONG)

    @pytest.mark.parametrize(
        "code", ["", " ", "\0", "000000\0", "-" * 40, "x" * 5000, "１２３４５６", "'; DROP TABLE x", "0"]
    )
    def test_that_are_none_are_refused(self, world: World, secret: str, code: str) -> None:
        with attack(f"the code {code[:12]!r}", how=f"POST {STEP}", expected="the form again") as attempt:
            client = half_way()
            attempt.answer(client.post(STEP, {"code": code}), 200)
            attempt.goes_to(client.get("/"), "/sign-in/")

    def test_set_up_nothing_without_the_page_that_shows_the_key(self, world: World, victor: User) -> None:
        client = half_way()

        with attack(
            "a code app set up blindly",
            how="POST of a code without a key shown before, and with a key of one's own",
            expected="the page with a key; nothing set up",
        ) as attempt:
            given = {"code": code_now("JBSWY3DPEHPK3PXP"), "secret": "JBSWY3DPEHPK3PXP"}
            attempt.answer(client.post("/account/second-factor/code-app/", given), 200)
            attempt.answer(client.post("/account/second-factor/code-app/", given), 200)
            assert not Authenticator.objects.filter(user=victor).exists()


KEY = {"id": "AA", "rawId": "AA", "type": "public-key"}
ANSWERS = [
    "",
    "null",
    "[]",
    "{}",
    "1",
    '"x"',
    "{" * 1000,
    "[" * 19_000,
    json.dumps(KEY | {"response": {}}),
    json.dumps(KEY | {"response": {"clientDataJSON": "AA", "authenticatorData": "AA", "signature": "AA"}}),
    json.dumps(KEY | {"id": "é", "type": 7, "response": {"clientDataJSON": "e30", "attestationObject": "A" * 200}}),
    json.dumps(KEY | {"response": {"clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0", "signature": "A" * 50}}),
    "x" * 30_000,
]


class TestPasskeys:
    @pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
    def test_that_are_made_up_open_nothing(self, world: World, secret: str, answer: str) -> None:
        with attack(
            f"a made-up passkey: {answer[:40]!r}",
            how=f"POST {STEP}, /confirm/ and to add one",
            expected="the form again, no error",
        ) as attempt:
            client = half_way()
            attempt.answer(client.post(STEP, {"answer": answer}), 200)
            attempt.goes_to(client.get("/"), "/sign-in/")
            signed_in = through(secret)
            attempt.answer(signed_in.post("/confirm/", {"answer": answer}), 200)
            signed_in.get("/account/second-factor/passkey/")
            given = {"answer": answer, "name": "key"}
            attempt.answer(signed_in.post("/account/second-factor/passkey/", given), 200)


class TestSessions:
    def test_get_a_new_key_at_each_step(self, world: World, secret: str) -> None:
        client = Client()
        client.get("/sign-in/")
        keys = ["planted0123456789abcdefplanted0"]
        client.cookies["session"] = keys[0]

        with attack(
            "a session key planted before the sign-in, or seen between the steps",
            how="the key after each step; then the earlier ones in another browser",
            expected="another key each time; the earlier ones open nothing",
        ) as attempt:
            client.post("/sign-in/", {"username": "victor", "password": PASSWORD})
            keys.append(client.cookies["session"].value)
            client.post(STEP, {"code": code_now(secret)})
            keys.append(client.cookies["session"].value)
            assert len(set(keys)) == 3
            for key in keys[:2]:
                thief = Client()
                thief.cookies["session"] = key
                attempt.goes_to(thief.get("/"), "/sign-in/")
                attempt.goes_to(thief.post(STEP, {"code": code_now(secret, later=1)}), "/sign-in/")

    def test_lead_on_to_pages_of_this_console_only(self, world: World, secret: str) -> None:
        with attack(
            "a way on to another site", how="next=//evil.example/ at each step", expected="the dashboard"
        ) as attempt:
            client = Client()
            given = {"username": "victor", "password": PASSWORD, "next": "//evil.example/"}
            attempt.goes_to(client.post("/sign-in/", given), STEP)
            given = {"code": code_now(secret), "next": "https://evil.example/"}
            attempt.goes_to(client.post(STEP, given), "/")

    def test_say_nothing_to_strangers(self, world: World, secret: str) -> None:
        with attack(
            "who is signed in, asked from another site",
            how="/sign-in/state/ without a session, half-way, and as another site would",
            expected="nobody's name; no permission for other sites to read it",
        ) as attempt:
            for client in (Client(), half_way()):
                response = client.get("/sign-in/state/", headers={"Origin": "https://evil.example"})
                attempt.answer(response, 200)
                assert response.json()["user"] == ""
                assert "Access-Control-Allow-Origin" not in response.headers
                assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_password_that_is_reset_by_mail_does_not_open_an_account_with_a_second_factor(
    world: World, victor: User, secret: str
) -> None:
    victor.set_password("chosen by the thief of a mailbox")
    victor.save()

    with attack(
        "the mailbox of a SYSADMIN read by a thief", how="a new password by the mailed link", expected="the second step"
    ) as attempt:
        client = Client()
        given = {"username": "victor", "password": "chosen by the thief of a mailbox"}
        attempt.goes_to(client.post("/sign-in/", given), STEP)
        attempt.goes_to(client.get("/"), "/sign-in/")
