"""What programs on devices may ask: hostile bodies, guessed tokens and keys, and what an answer gives away."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.urls import reverse

from orgs.actions.device_registration import MOST_A_DAY
from orgs.actions.users import blocking, deactivation
from orgs.backups import gate
from orgs.models import BackupReport, Device, Org, Repository, User
from orgs.rules.actors import SYSTEM
from tests.agents import ask, code_of, register
from tests.attacks.attempts import attack
from tests.attacks.urls import FOR_AGENTS, PAGES
from tests.backups import BackingUp, signed_in_device
from tests.makers import NOW, PASSWORD, make_org, make_sysadmin, make_user, signed_in
from tests.second_factors import make_code_app

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Each address with what it needs: nothing, a password, or a token.
NEEDED = {
    "agent:program": "nothing",
    "agent:checksum": "nothing",
    "agent:register": "a key and a password",
    "agent:deploy": "a policy's token",
    "agent:devices": "a password",
    "agent:replace": "a password",
    "agent:me": "a token",
    "agent:archive": "a token",
    "agent:report": "a token",
    "agent:restore-ended": "a token",
}
POSTED = ("register", "deploy", "devices", "replace", "archive", "report", "jobs/1")
BODIES: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"username": null}',
    b'{"username": {"$gt": ""}, "password": {"$gt": ""}}',
    b'{"username": ["ann"], "password": ["x"]}',
    b'{"username": "a\\u0000b", "password": "x"}',
    b'{"username": "\\ud800", "password": "x", "name": "x", "key": "x", "guid": "x"}',
    b'{"exit_code": 1e999}',
    b'{"exit_code": NaN}',
    b'{"files": 99999999999999999999999999}',
    b" " * 65_537,
)


@pytest.fixture
def laptop() -> BackingUp:
    return signed_in_device(make_user("ann", password=PASSWORD))


@pytest.mark.parametrize("name", FOR_AGENTS)
def test_every_address_has_a_row(name: str) -> None:
    assert name in NEEDED, f"say in {__file__} what {name} needs"


def test_no_page_is_open_to_programs() -> None:
    assert all(name.startswith("agent:") for name in FOR_AGENTS)
    assert not any(getattr(page.view, "csrf_exempt", False) for page in PAGES.values())


@pytest.mark.parametrize("path", POSTED)
def test_hostile_bodies_are_refused(laptop: BackingUp, path: str) -> None:
    with attack(
        f"hostile bodies to /agent/{path}",
        how=f"POST of {len(BODIES)} bodies: no JSON, deep, huge, other types, NUL, half a character, numbers without end",
        expected="400 or another refusal as JSON; nothing is stored",
    ) as attempt:
        for body in BODIES:
            answer = Client().post(
                f"/agent/{path}",
                body,
                content_type="application/json",
                headers={"Authorization": f"Bearer {laptop.token}"},
            )
            text = attempt.answer(answer, 400, 409, what=str(body[:40]))
            assert json.loads(text)["code"] in {"bad-request", "refused"}
    assert not BackupReport.objects.exists()
    assert Device.objects.count() == 1


def test_a_session_is_no_token_and_a_token_no_session(laptop: BackingUp) -> None:
    browser = signed_in(make_sysadmin())
    with attack(
        "a browser's session at the device's addresses, and a token at pages",
        how="GET /agent/me with the session of a SYSADMIN; GET of pages with a Bearer token",
        expected="401; the sign-in",
    ) as attempt:
        attempt.answer(browser.get("/agent/me"), 401)
        for page in ("/", reverse("devices:list"), reverse("users:list")):
            answer = Client().get(page, headers={"Authorization": f"Bearer {laptop.token}"})
            assert answer.status_code == 302
            attempt.note("sign-in")


def test_tokens_are_not_guessed(laptop: BackingUp) -> None:
    stored = gate.digest(laptop.token)
    guesses = ["", "null", "0", laptop.guid, laptop.password, stored, laptop.token[:-1], laptop.token + "x"]
    guesses += [laptop.token.swapcase(), "' OR 1=1 --", "\u0430" * 43, *(secrets.token_urlsafe(32) for _ in range(50))]
    with attack(
        "guessed tokens",
        how=f"GET /agent/me with {len(guesses)} tokens: the GUID, the stored hash, the repository's password, nearly the right one",
        expected="401 “unknown” each time",
    ) as attempt:
        for guess in guesses:
            answer = Client().get("/agent/me", headers={"Authorization": f"Bearer {guess}".encode().decode("latin-1")})
            assert code_of(answer) == "unknown"
            attempt.answer(answer, 401, what="guess")


def test_nobody_gets_another_persons_device(laptop: BackingUp) -> None:
    make_user("eve", password=PASSWORD)
    hers = register("eve", PASSWORD, guid=laptop.guid).json()
    assert hers["guid"] != laptop.guid
    assert hers["repository_password"] != laptop.password
    with attack(
        "the GUID of another person's device",
        how="replace as eve with ann's GUID, list devices as eve; before that she has registered with that GUID",
        expected="403; her own new device only; ann's token goes on",
    ) as attempt:
        body = {"username": "eve", "password": PASSWORD, "guid": laptop.guid, "name": "x"}
        attempt.answer(ask("replace", body), 403, shows="no active device")
        assert gate.refusal(gate.of_token(laptop.token)) is None
        devices = ask("devices", {"username": "eve", "password": PASSWORD}).json()["devices"]
        assert [each["guid"] for each in devices] == [hers["guid"]]


def test_a_key_of_one_company_opens_nothing_in_another() -> None:
    left, right = make_org("Left"), make_org("Right")
    make_user("ann", org=left, password=PASSWORD)
    make_sysadmin("root")
    with attack(
        "the registration key of another company",
        how="register as a user of the company beside, of the org above, and as a SYSADMIN above, with the right password",
        expected="the same words as for a username that does not exist; no device",
    ) as attempt:
        unknown = register("nobody", PASSWORD, org="Right").content
        for name in ("ann", "root"):
            answer = register(name, PASSWORD, org="Right")
            attempt.answer(answer, 401)
            assert answer.content == unknown
    assert not Device.objects.exists()
    assert Org.objects.get(pk=right.pk).users.count() == 0


def test_an_administrators_archive_does_not_open_by_the_password_alone() -> None:
    root = make_sysadmin("root")
    own = signed_in_device(root)
    make_code_app(root)
    with attack(
        "a SYSADMIN's stolen password, without the second factor",
        how="register with the GUID of their device, list devices, replace",
        expected="401 “code-needed”; the device goes on with its token",
    ) as attempt:
        body = {"username": "root", "password": PASSWORD, "guid": own.guid, "name": "x"}
        key = root.org.registration_key
        for path, more in (("register", {"key": key}), ("devices", {}), ("replace", {})):
            answer = ask(path, body | more)
            assert code_of(answer) == "code-needed"
            attempt.answer(answer, 401, what=path)
    assert gate.refusal(gate.of_token(own.token)) is None


def test_a_closed_account_registers_and_replaces_nothing(laptop: BackingUp) -> None:
    bob = make_user("bob", password=PASSWORD)
    blocking.block(user_ids=[laptop.device.user_id], by=SYSTEM, at=NOW)
    deactivation.deactivate(user_ids=[bob.pk], by=SYSTEM, at=NOW)
    with attack(
        "blocked and deactivated people",
        how="register, devices, replace with the right password; archive with the token of before",
        expected="403 with the reason; no device, token or password",
    ) as attempt:
        for name in ("ann", "bob"):
            body = {"username": name, "password": PASSWORD, "guid": laptop.guid, "name": "x"}
            attempt.answer(register(name, PASSWORD), 403)
            attempt.answer(ask("devices", body), 403)
            attempt.answer(ask("replace", body), 403)
        attempt.answer(ask("archive", {}, token=laptop.token), 403)
    assert Device.objects.count() == 1
    assert Repository.objects.count() == 1


def test_a_request_sent_twice_leaves_one_token(laptop: BackingUp) -> None:
    tokens = [register("ann", PASSWORD, guid=laptop.guid).json()["token"] for _ in range(3)]
    known = [gate.of_token(token) is not None for token in [laptop.token, *tokens]]

    assert known == [False, False, False, True]


def test_no_secret_is_stored_in_the_clear_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    make_user("ann", password=PASSWORD)
    given = register("ann", PASSWORD).json()
    register("ann", "a wrong secret 4711")
    ask("me", token=given["token"])

    hidden = (given["token"], given["repository_password"], PASSWORD, "a wrong secret 4711")
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            stored = str(cursor.fetchall())
            assert not any(each in stored for each in hidden), table
    assert not any(each in caplog.text for each in hidden)


def test_many_devices_of_one_user_end() -> None:
    make_user("ann", password=PASSWORD)

    answers: list[Any] = [register("ann", PASSWORD) for _ in range(MOST_A_DAY + 1)]

    assert [answer.status_code for answer in answers] == [200] * MOST_A_DAY + [403]
    assert User.objects.get(username="ann").devices.count() == MOST_A_DAY


def test_wrong_passwords_take_as_much_hashing_as_unknown_usernames(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("ann", password=PASSWORD)
    make_user("far", org=make_org("Left"), password=PASSWORD)
    runs: list[str] = []
    really = MD5PasswordHasher.encode

    def encode(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        runs.append(password)
        return str(really(hasher, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    counts = []
    for name in ("ann", "far", "nobody"):
        runs.clear()
        register(name, "wrong", address="192.0.2.9")
        counts.append(len(runs))

    assert counts == [1, 1, 1]
