"""The second factor: set up, used at the sign-in, needed by a role, removed, reset."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.core import mail
from django.test import Client
from pytest_django import Settings

from console.security.sessions import SECOND_FACTOR
from directory.invariants import broken
from directory.invariants import secrets as secret_invariants
from orgs.actions import roles
from orgs.models import AuditEntry, Role, User
from orgs.rules.actors import SYSTEM
from tests.mails_at_once import worker_at_once
from tests.makers import NOW, PASSWORD, make_org, make_sysadmin, make_user, signed_in
from tests.second_factors import code_now, make_code_app, recovery_codes

pytestmark = pytest.mark.django_db
WRONG_CODE = "This code does not count"
TOO_MANY = "Too many attempts"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still, and moves when it is told to."""
    with time_machine.travel(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), tick=False) as moves:
        yield moves


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


def by_password(username: str = "ada", **extra: Any) -> tuple[Client, Any]:
    """Give the right password in a new browser."""
    client = Client()
    return client, client.post("/sign-in/", {"username": username, "password": PASSWORD, **extra})


def is_signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


class TestSettingUp:
    def set_up(self, client: Client) -> tuple[str, Any]:
        page = text_of(client.get("/account/second-factor/code-app/"))
        found = re.search(r"<code class=\"strong\">([A-Z2-7 ]+)</code>", page)
        assert found is not None
        secret = found[1].replace(" ", "")
        return secret, client.post("/account/second-factor/code-app/", {"code": code_now(secret)})

    def test_shows_the_recovery_codes_once_and_as_a_file(self, ada: User) -> None:
        client = by_password()[0]

        _, response = self.set_up(client)

        codes = recovery_codes(ada)
        page = text_of(response)
        file = re.search(r"data:text/plain;charset=utf-8;base64,([A-Za-z0-9+/=]+)", page)
        assert file is not None
        saved = base64.b64decode(file[1]).decode()
        assert len(codes) == 10
        assert all(code in page and code in saved for code in codes)
        for address in ("/account/second-factor/", "/account/second-factor/recovery-codes/", "/account/"):
            assert not any(code in text_of(client.get(address)) for code in codes)

    def test_keeps_this_session_and_ends_the_others(self, ada: User) -> None:
        client, other = by_password()[0], by_password()[0]

        self.set_up(client)

        assert is_signed_in(client)
        assert not is_signed_in(other)
        assert AuditEntry.objects.get(action="second factor set up").after == {"second_factor": "code app"}

    def test_takes_the_apps_own_code_only(self, ada: User) -> None:
        client = by_password()[0]
        client.get("/account/second-factor/code-app/")

        response = client.post("/account/second-factor/code-app/", {"code": "000000"})

        assert "not the app's present code" in text_of(response)
        assert not Authenticator.objects.exists()

    def test_stores_no_secret_in_the_open(self, ada: User) -> None:
        client = by_password()[0]
        page = text_of(client.get("/account/second-factor/code-app/"))
        found = re.search(r"<code class=\"strong\">([A-Z2-7 ]+)</code>", page)
        assert found is not None
        secret = found[1].replace(" ", "")
        assert secret not in str(client.session.items())

        client.post("/account/second-factor/code-app/", {"code": code_now(secret)})

        stored = str(list(Authenticator.objects.values_list("data", flat=True)))
        assert secret not in stored
        assert not any(code in stored for code in recovery_codes(ada))
        assert list(secret_invariants.encrypted(NOW)) == []

    def test_uses_no_code_twice_not_even_the_one_that_set_it_up(self, ada: User) -> None:
        secret, _ = self.set_up(by_password()[0])
        client = by_password()[0]

        assert WRONG_CODE in text_of(client.post("/sign-in/second-step/", {"code": code_now(secret)}))

    def test_is_refused_where_there_is_a_code_app(self, ada: User) -> None:
        make_code_app(ada)
        client = signed_in(ada)

        assert "Remove it before you set up another one" in text_of(client.get("/account/second-factor/code-app/"))


class TestSigningIn:
    def test_needs_the_code_after_the_password(self, ada: User) -> None:
        secret = make_code_app(ada)
        client, response = by_password(next="/users/")
        assert response["Location"] == "/sign-in/second-step/?next=%2Fusers%2F"
        assert not is_signed_in(client)

        response = client.post("/sign-in/second-step/", {"code": code_now(secret), "next": "/users/"})

        assert response["Location"] == "/users/"
        assert is_signed_in(client)
        entry = AuditEntry.objects.get(action="signed in")
        assert entry.after["second_factor"] == "code app"
        assert entry.after["address"] == "127.0.0.1"

    @pytest.mark.parametrize("later", [-1, 1])
    def test_allows_half_a_minute_of_difference(self, ada: User, later: int) -> None:
        secret = make_code_app(ada)
        client = by_password()[0]

        assert client.post("/sign-in/second-step/", {"code": code_now(secret, later=later)}).status_code == 302

    def test_refuses_a_code_that_was_used_and_every_earlier_one(self, ada: User) -> None:
        secret = make_code_app(ada)
        by_password()[0].post("/sign-in/second-step/", {"code": code_now(secret)})

        client = by_password()[0]
        for later in (0, -1):
            response = client.post("/sign-in/second-step/", {"code": code_now(secret, later=later)})
            assert WRONG_CODE in text_of(response)
        assert AuditEntry.objects.filter(action="second factor refused").count() == 2

    def test_takes_a_recovery_code_once(self, ada: User) -> None:
        make_code_app(ada)
        code = recovery_codes(ada)[0]
        client = by_password()[0]
        client.post("/sign-in/second-step/", {"code": f" {code[:4]}-{code[4:]} "})
        assert "Codes left: 9" in text_of(client.get("/account/"))

        again = by_password()[0].post("/sign-in/second-step/", {"code": code})

        assert WRONG_CODE in text_of(again)
        assert AuditEntry.objects.get(action="signed in").after["second_factor"] == "recovery code"

    def test_is_throttled_for_all_addresses_together(self, ada: User) -> None:
        secret = make_code_app(ada)
        client = by_password()[0]
        for number in range(5):
            response = client.post("/sign-in/second-step/", {"code": "000000"}, REMOTE_ADDR=f"192.0.2.{number}")
            assert WRONG_CODE in text_of(response)

        response = client.post("/sign-in/second-step/", {"code": code_now(secret)}, REMOTE_ADDR="192.0.2.99")

        assert TOO_MANY in text_of(response)
        assert not is_signed_in(client)

    def test_expires_between_the_steps(self, ada: User, clock: time_machine.Traveller) -> None:
        secret = make_code_app(ada)
        client = by_password()[0]
        clock.shift(601)

        response = client.post("/sign-in/second-step/", {"code": code_now(secret)})

        assert response["Location"] == "/sign-in/"
        assert not is_signed_in(client)

    def test_ends_between_the_steps_with_the_account(self, ada: User) -> None:
        bob = make_user("bob", roles=["SYSADMIN"], password=PASSWORD)
        secret = make_code_app(bob)
        client = by_password("bob")[0]
        User.objects.filter(pk=bob.pk).update(session_epoch=7)

        assert client.post("/sign-in/second-step/", {"code": code_now(secret)})["Location"] == "/sign-in/"

    def test_says_what_to_do_when_the_secret_can_not_be_decrypted(self, ada: User, settings: Settings) -> None:
        secret = make_code_app(ada)
        client = by_password()[0]
        settings.ENCRYPTION_KEYS = ["lMTsXEbzQPxv8ahhe7vG41BcFGhQcxPT_7smBpJHVbk="]

        response = client.post("/sign-in/second-step/", {"code": code_now(secret)})

        assert "can't be decrypted" in text_of(response)

    @pytest.mark.parametrize("answer", ["", "x", "{}", "[]", "null", '{"id": 1}', '{"rawId": "AA", "response": {}}'])
    def test_survives_answers_that_no_browser_gives(self, ada: User, answer: str) -> None:
        make_code_app(ada)
        client = by_password()[0]

        response = client.post("/sign-in/second-step/", {"answer": answer})

        assert response.status_code == 200
        assert not is_signed_in(client)


class TestConfirming:
    def test_works_by_a_code_instead_of_the_password(self, ada: User, clock: time_machine.Traveller) -> None:
        secret = make_code_app(ada)
        client = by_password()[0]
        client.post("/sign-in/second-step/", {"code": code_now(secret)})
        clock.shift(660)
        assert client.get("/data-fixes/")["Location"].startswith("/confirm/")

        response = client.post("/confirm/", {"code": code_now(secret), "next": "/data-fixes/"})

        assert response["Location"] == "/data-fixes/"

    def test_does_not_take_a_code_of_somebody_without_an_app(self, ada: User, clock: time_machine.Traveller) -> None:
        client = by_password()[0]
        clock.shift(660)

        assert client.post("/confirm/", {"code": "123456"}).status_code == 200
        assert client.get("/data-fixes/")["Location"].startswith("/confirm/")


class TestNeededByARole:
    @pytest.fixture
    def needing(self, ada: User) -> User:
        role = Role.objects.get(name="Org Admin")
        roles.require_second_factor(role=role, needed=True, by=SYSTEM, at=NOW)
        return make_user("olga", org=make_org("Left"), roles=["Org Admin"], password=PASSWORD)

    @pytest.mark.parametrize("address", ["/", "/users/", "/account/", "/account/password/", "/users/users.csv"])
    def test_nothing_else_opens_first(self, needing: User, address: str) -> None:
        client = by_password("olga")[0]

        assert client.get(address)["Location"] == "/account/second-factor/"
        assert client.post(address)["Location"] == "/account/second-factor/"
        fragment = client.get(address, headers={"HX-Request": "true"})
        assert fragment.headers["HX-Redirect"] == "/account/second-factor/"

    def test_everything_opens_once_it_is_set_up(self, needing: User) -> None:
        client = by_password("olga")[0]
        assert "needs a second factor" in text_of(client.get("/account/second-factor/"))

        TestSettingUp().set_up(client)

        assert client.get("/users/").status_code == 200

    def test_signing_out_stays_possible(self, needing: User) -> None:
        client = by_password("olga")[0]

        assert client.post("/sign-out/")["Location"] == "/sign-in/"

    def test_a_session_without_it_does_not_set_up_another_one(self, needing: User) -> None:
        client = by_password("olga")[0]
        make_code_app(needing)

        assert client.get("/account/second-factor/code-app/")["Location"] == "/sign-in/"
        assert client.session.get("_auth_user_id") is None

    def test_the_last_one_is_not_removed(self, needing: User) -> None:
        client = by_password("olga")[0]
        TestSettingUp().set_up(client)
        factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)

        client.post("/account/second-factor/remove/", {"factor": factor.pk})

        assert "The role Org Admin needs a second factor" in text_of(client.get("/account/second-factor/"))
        assert Authenticator.objects.filter(pk=factor.pk).exists()

    def test_a_sysadmin_says_so_after_seeing_whom_it_concerns(self, ada: User) -> None:
        role = Role.objects.get(name="SYSADMIN")
        client = by_password()[0]

        page = text_of(client.get(f"/roles/{role.pk}/second-factor/"))
        client.post(f"/roles/{role.pk}/second-factor/", {"needed": "yes"})

        assert "Of 1 active members, 1 has none" in page
        assert "You are among them" in page
        assert Role.objects.get(pk=role.pk).needs_second_factor
        assert AuditEntry.objects.filter(action="second factor required", object_id=role.pk).exists()
        assert client.get("/")["Location"] == "/account/second-factor/"

    def test_nobody_else_may_say_so(self, needing: User) -> None:
        role = Role.objects.get(name="PROe User")
        sam = make_user("sam", roles=["Server Administrator"], password=PASSWORD)

        assert signed_in(sam).post(f"/roles/{role.pk}/second-factor/", {"needed": "yes"}).status_code == 403


class TestRemoving:
    def test_takes_the_recovery_codes_with_the_last_one(self, ada: User) -> None:
        client = by_password()[0]
        TestSettingUp().set_up(client)
        other = by_password()[0]
        factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)
        assert "recovery codes go too" in text_of(client.get(f"/account/second-factor/remove/?factor={factor.pk}"))

        client.post("/account/second-factor/remove/", {"factor": factor.pk})

        assert not Authenticator.objects.exists()
        assert is_signed_in(client)
        assert not is_signed_in(other)
        assert SECOND_FACTOR not in client.session

    def test_needs_a_fresh_confirmation(self, ada: User, clock: time_machine.Traveller) -> None:
        client = by_password()[0]
        TestSettingUp().set_up(client)
        factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)
        clock.shift(660)

        assert client.post("/account/second-factor/remove/", {"factor": factor.pk})["Location"].startswith("/confirm/")
        assert Authenticator.objects.filter(pk=factor.pk).exists()

    def test_reaches_ones_own_only(self, ada: User) -> None:
        bob = make_user("bob", password=PASSWORD)
        make_code_app(bob)
        factor = Authenticator.objects.get(type=Authenticator.Type.TOTP)

        text = text_of(signed_in(ada).post("/account/second-factor/remove/", {"factor": factor.pk}))

        assert "not there any more" in text
        assert Authenticator.objects.filter(pk=factor.pk).exists()

    def test_new_recovery_codes_make_the_former_void(self, ada: User) -> None:
        client = by_password()[0]
        TestSettingUp().set_up(client)
        former = recovery_codes(ada)

        page = text_of(client.post("/account/second-factor/recovery-codes/"))

        assert all(code in page for code in recovery_codes(ada))
        assert not set(former) & set(recovery_codes(ada))


class TestResetting:
    def test_is_done_by_an_administrator_and_the_person_is_told(
        self, ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.EMAIL_HOST = "localhost"
        worker_at_once(monkeypatch)
        bob = make_user("bob", roles=["Org Admin"], password=PASSWORD, email="bob@example.com")
        secret = make_code_app(bob)
        theirs = by_password("bob")[0]
        theirs.post("/sign-in/second-step/", {"code": code_now(secret)})
        client = signed_in(ada)
        client.get("/")
        assert "code app" in text_of(client.get(f"/users/{bob.pk}/second-factor/reset/"))

        client.post(f"/users/{bob.pk}/second-factor/reset/")

        assert not Authenticator.objects.exists()
        assert not is_signed_in(theirs)
        entry = AuditEntry.objects.get(action="second factor reset")
        assert (entry.object_label, entry.actor_label, entry.before) == ("bob", "ada", {"second_factors": ["code app"]})
        assert mail.outbox[0].to == ["bob@example.com"]
        assert "removed the second factor of bob" in mail.outbox[0].body

    def test_of_somebody_who_holds_more_is_refused(self, ada: User) -> None:
        left = make_org("Left")
        olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)
        boss = make_user("boss", org=left, roles=["All Org Admin"], password=PASSWORD)
        make_code_app(boss)
        client = signed_in(olga)
        client.get("/")

        client.post(f"/users/{boss.pk}/second-factor/reset/")

        assert "holds more than you do" in text_of(client.get(f"/users/{boss.pk}/"))
        assert Authenticator.objects.filter(user=boss).exists()

    def test_outside_of_the_own_part_is_not_found(self, ada: User) -> None:
        olga = make_user("olga", org=make_org("Left"), roles=["Org Admin"], password=PASSWORD)
        stan = make_user("stan", org=make_org("Right"), password=PASSWORD)
        client = signed_in(olga)
        client.get("/")

        for part in ("second-factor/reset", "sessions/end", "password", "password/link"):
            assert client.post(f"/users/{stan.pk}/{part}/").status_code == 404


def test_no_page_of_allauth_has_an_address(ada: User) -> None:
    for address in ("/accounts/", "/accounts/login/", "/accounts/signup/", "/accounts/2fa/", "/login/", "/signup/"):
        assert Client().get(address).status_code in {302, 404}
        assert signed_in(ada).get(address).status_code == 404
    assert not hasattr(django_settings, "SOCIALACCOUNT_PROVIDERS")


def test_everything_that_must_hold_still_holds_afterwards(ada: User) -> None:
    client = by_password()[0]
    TestSettingUp().set_up(client)

    assert broken(at=NOW) == []
