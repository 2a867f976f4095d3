"""What somebody gets who reads a deployment policy's token on a computer: an empty device, and nothing that exists."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from console.security.sign_in_throttle import ADDRESS_ATTEMPTS
from directory.actions.deployment import silent_registration
from directory.models import LdapServer, Match
from orgs.actions import orgs
from orgs.actions.users import blocking
from orgs.backups import gate
from orgs.models import DeployedDevice, Device, Org, Repository, RoleGrant, User
from orgs.rules.actors import SYSTEM
from tests.agents import ask, code_of
from tests.attacks.attempts import attack
from tests.backups import BackingUp, signed_in_device
from tests.deployments import TOKEN, deploy, policy_of
from tests.directories import Directory
from tests.makers import NOW, PASSWORD, make_device, make_org, make_role, make_user
from tests.sign_ins import asks, matched, people_ldif, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann", "bob", "root")) as directory:
        asks(directory)
        yield directory


@pytest.fixture
def default() -> Org:
    return Org.objects.get(name="Default")


def test_the_token_yields_no_device_archive_or_password_that_exists(directory: Directory, default: Org) -> None:
    policy_of(default)
    own: BackingUp = signed_in_device(user_of("ann"))
    guesses = ({"guid": own.guid}, {"device": own.guid, "device_id": own.device.pk}, {"name": own.device.name})
    answers = [deploy("ann", **more) for more in guesses]
    with attack(
        "a policy's token with somebody's username, GUID and device name",
        how="deploy as ann with her GUID, her device's name and id, in each field; then her GUID with the new token",
        expected="a new device with an empty archive each time; the old token goes on, and alone opens its archive",
    ) as attempt:
        for answer in answers:
            attempt.answer(answer, 200)
            given = answer.json()
            assert given["guid"] != own.guid
            assert given["repository_password"] != own.password
            assert gate.refusal(gate.of_token(given["token"]), guid=own.guid) == gate.OTHER_DEVICE
        assert gate.refusal(gate.of_token(own.token)) is None
    assert Repository.objects.get(archive__device=own.device).password


def test_the_token_opens_no_device_of_an_administrator(directory: Directory, default: Org) -> None:
    policy_of(default)
    make_role("Reader", "admin.user.read")
    for name, role in (("root", "SYSADMIN"), ("ann", "Org Admin"), ("bob", "Reader")):
        user_of(name, roles=["PROe User", role])
    with attack(
        "a policy's token with the username of an administrator",
        how="deploy as a SYSADMIN, an Org Admin, and somebody who may only look",
        expected="403 “password-needed”; no device",
    ) as attempt:
        for name in ("root", "ann", "bob"):
            answer = deploy(name)
            assert code_of(answer) == "password-needed"
            attempt.answer(answer, 403, what=name)
    assert not Device.objects.exists()


def test_the_token_makes_no_administrator(directory: Directory, default: Org) -> None:
    policy_of(default)
    role = make_role("Boss", "admin.user")
    default.own_default_roles = True
    default.save()
    default.default_roles.set([role])
    with attack(
        "a newcomer to whom the org's default roles give more than a plain user has",
        how="deploy as ann, who has no account",
        expected="403; neither account nor device is made",
    ) as attempt:
        attempt.answer(deploy("ann"), 403)
    assert not User.objects.filter(username="ann").exists()
    assert not RoleGrant.objects.filter(role=role).exists()
    assert not Device.objects.exists()


def test_nobody_gets_a_key_silently_where_users_hold_their_own(directory: Directory, default: Org) -> None:
    policy_of(default)
    user_of("ann")
    orgs.change(org=default, key_holder="user", by=SYSTEM, at=NOW)
    with attack(
        "a policy's token where users hold the keys of their archives",
        how="deploy as ann, who has an account, and as bob, who has none",
        expected="403 “user-held-key”; neither device nor account",
    ) as attempt:
        for name in ("ann", "bob"):
            answer = deploy(name)
            attempt.answer(answer, 403, what=name)
            assert code_of(answer) == "user-held-key"
    assert not Device.objects.exists()
    assert not User.objects.filter(username="bob").exists()


def test_a_local_account_and_one_of_another_person_get_nothing(directory: Directory, default: Org) -> None:
    policy_of(default)
    make_user("ann", password=PASSWORD)
    Match.objects.create(
        user=user_of("bob"),
        server=LdapServer.objects.get(),
        dn="uid=bob",
        unique_id="00000000-0000-0000-0000-000000000001",
        matched_at=NOW,
    )
    with attack(
        "an account that no directory decides about, and one whose username has passed to somebody else",
        how="deploy as ann, who is managed locally, and as bob, whose immutable id is another one",
        expected="403; no device",
    ) as attempt:
        for name, code in (("ann", "password-needed"), ("bob", "not-found")):
            answer = deploy(name)
            assert code_of(answer) == code
            attempt.answer(answer, 403, what=name)
    assert not Device.objects.exists()


def test_a_policy_of_one_company_reaches_nobody_of_another(directory: Directory, default: Org) -> None:
    left = make_org("Left", parent=default)
    policy_of(left)
    matched(user_of("ann"), LdapServer.objects.get(), directory)
    with attack(
        "a policy of a part of the company with the username of somebody above it",
        how="deploy as ann of Default by a policy of Left, which is below",
        expected="403 “other-org”; no device",
    ) as attempt:
        answer = deploy("ann")
        assert code_of(answer) == "other-org"
        attempt.answer(answer, 403)
    assert not Device.objects.exists()


def test_tokens_are_not_guessed(directory: Directory, default: Org) -> None:
    policy = policy_of(default)
    guesses = [
        "",
        "null",
        policy.sha256,
        TOKEN[:-1],
        TOKEN + "x",
        TOKEN.upper(),
        "' OR 1=1 --",
        default.registration_key,
    ]
    guesses += [f"rollcall-deploy-{secrets.token_urlsafe(32)}" for _ in range(ADDRESS_ATTEMPTS - len(guesses))]
    with attack(
        "guessed tokens of policies",
        how=f"deploy with {len(guesses)} tokens: the stored hash, nearly the right one, the org's registration key; then the right one",
        expected="401 “wrong-policy” each time; then 429, while another address may",
    ) as attempt:
        for guess in guesses:
            answer = deploy("ann", token=guess)
            assert code_of(answer) == "wrong-policy"
            attempt.answer(answer, 401, what="guess")
        attempt.answer(deploy("ann"), 429)
    assert deploy("ann", address="192.0.2.1").status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"enabled": False}, "policy-disabled"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "policy-expired"),
        ({"networks": ["203.0.113.0/24"]}, "outside-networks"),
    ],
)
def test_a_limit_of_the_policy_can_not_be_passed(
    directory: Directory, default: Org, changed: dict[str, Any], code: str
) -> None:
    policy_of(default, **changed)
    with attack(
        f"a policy that does not count: {code}",
        how="deploy as ann, with forged headers about the address",
        expected=f"403 “{code}”; no account, no device",
    ) as attempt:
        for name in ("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP"):
            body = {"policy_token": TOKEN, "username": "ann", "name": "laptop"}
            answer = ask("deploy", body, **{name: "203.0.113.7"})
            assert code_of(answer) == code
            attempt.answer(answer, 403, what=name)
    assert not User.objects.filter(username="ann").exists()
    assert not Device.objects.exists()


def test_behind_a_proxy_the_address_that_it_added_counts(
    directory: Directory, default: Org, settings: Settings
) -> None:
    settings.BEHIND_PROXY = True
    policy_of(default, networks=["203.0.113.0/24"])
    body = {"policy_token": TOKEN, "username": "ann", "name": "laptop"}
    with attack(
        "a forged address behind a proxy",
        how="X-Forwarded-For with an allowed address before the one that the proxy added",
        expected="403 “outside-networks”; the address of the proxy's own counts",
    ) as attempt:
        attempt.answer(ask("deploy", body, HTTP_X_FORWARDED_FOR="203.0.113.7, 198.51.100.9"), 403)
    assert ask("deploy", body, HTTP_X_FORWARDED_FOR="198.51.100.9, 203.0.113.7").status_code == 200
    assert DeployedDevice.objects.get().address == "203.0.113.7"


def test_a_full_policy_brings_no_further_device(directory: Directory, default: Org) -> None:
    policy_of(default, device_limit=2)
    assert [deploy("ann").status_code for _ in range(2)] == [200, 200]
    with attack(
        "more devices than the policy may bring",
        how="deploy as ann three times more",
        expected="403 “policy-full”",
    ) as attempt:
        for _ in range(3):
            attempt.answer(deploy("ann"), 403)
    assert Device.objects.count() == 2


def test_no_token_is_stored_or_logged(directory: Directory, default: Org, caplog: pytest.LogCaptureFixture) -> None:
    policy_of(default)
    given = deploy("ann").json()
    deploy("nobody")
    deploy("ann", token="rollcall-deploy-wrong-4711")

    wanted = (TOKEN, given["token"], given["repository_password"], "rollcall-deploy-wrong-4711")
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            stored = str(cursor.fetchall())
            assert not any(each in stored for each in wanted), table
    assert not any(each in caplog.text for each in wanted)


def test_of_two_computers_at_once_a_policy_for_one_brings_one(default: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    Org.objects.filter(pk=default.pk).update(directory_service="ldap")
    policy = policy_of(default, device_limit=1)
    ann, bob = user_of("ann"), user_of("bob")

    def another_one_is_faster(_user: User, *, at: Any) -> None:
        DeployedDevice.objects.create(
            policy=policy, policy_name=policy.name, device=make_device(bob), at=at, address="192.0.2.1"
        )

    monkeypatch.setattr(silent_registration, "require_live_entry", another_one_is_faster)
    answer = deploy("ann")

    assert (answer.status_code, code_of(answer)) == (403, "policy-full")
    assert not ann.devices.exists()


def test_who_is_cut_off_while_the_directory_is_asked_gets_nothing(
    default: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    Org.objects.filter(pk=default.pk).update(directory_service="ldap")
    policy_of(default)
    ann = user_of("ann")

    def blocked_meanwhile(user: User, *, at: Any) -> None:
        blocking.block(user_ids=[user.pk], by=SYSTEM, at=at)

    monkeypatch.setattr(silent_registration, "require_live_entry", blocked_meanwhile)
    answer = deploy("ann")

    assert (answer.status_code, code_of(answer)) == (403, "user-blocked")
    assert not ann.devices.exists()
