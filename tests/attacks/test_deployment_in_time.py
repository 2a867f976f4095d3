"""A deployment policy's token in time and in number: renewed, of another company, and in somebody else's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from directory.actions.deployment import silent_registration
from directory.models import LdapServer
from orgs.actions.deployment import deployment_policies
from orgs.actions.device_registration import MOST_A_DAY
from orgs.actions.users import blocking, deactivation
from orgs.models import Org, User
from orgs.rules.actors import SYSTEM
from tests.agents import code_of, register
from tests.attacks.attempts import attack
from tests.deployments import deploy, policy_of
from tests.directories import Directory
from tests.makers import NOW, make_org
from tests.sign_ins import asks, matched, password_of, people_ldif, user_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann", "bob", "root")) as directory:
        asks(directory)
        yield directory


@pytest.fixture
def default() -> Org:
    return Org.objects.get(name="Default")


def test_a_token_that_was_renewed_while_the_directory_is_asked_brings_nothing(
    default: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    Org.objects.filter(pk=default.pk).update(directory_service="ldap")
    policy = policy_of(default)
    ann = user_of("ann")

    def renewed_meanwhile(_user: User, *, at: Any) -> None:
        deployment_policies.renew_token(policy_id=policy.pk, by=SYSTEM, at=at)

    monkeypatch.setattr(silent_registration, "require_live_entry", renewed_meanwhile)
    answer = deploy("ann")

    assert (answer.status_code, code_of(answer)) == (401, "wrong-policy")
    assert not ann.devices.exists()


def test_the_token_tells_nothing_about_people_of_another_company(directory: Directory, default: Org) -> None:
    left, right = make_org("Left"), make_org("Right")
    Org.objects.filter(pk__in=[left.pk, right.pk]).update(directory_service="ldap")
    policy_of(left)
    people = {name: user_of(name, org=right) for name in ("ann", "bob", "root")}
    blocking.block(user_ids=[people["bob"].pk], by=SYSTEM, at=NOW)
    deactivation.deactivate(user_ids=[people["root"].pk], by=SYSTEM, at=NOW)
    with attack(
        "a policy's token with usernames of another company",
        how="deploy as three people of Right by a policy of Left: active, blocked, deactivated",
        expected="403 “other-org” for all of them",
    ) as attempt:
        for name in people:
            answer = deploy(name)
            assert code_of(answer) == "other-org"
            attempt.answer(answer, 403, what=name)


def test_devices_in_somebodys_name_do_not_keep_them_from_registering(directory: Directory, default: Org) -> None:
    policy_of(default)
    matched(user_of("ann"), LdapServer.objects.get(), directory)
    assert {deploy("ann").status_code for _ in range(MOST_A_DAY)} == {200}
    with attack(
        "a colleague's name on as many devices as one person may get within a day",
        how=f"deploy {MOST_A_DAY} devices as ann, and one more; then ann registers with her password",
        expected="409 for one more; she gets her device",
    ) as attempt:
        attempt.answer(deploy("ann"), 409)
    assert register("ann", password_of("ann")).status_code == 200
