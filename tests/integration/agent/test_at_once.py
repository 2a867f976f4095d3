"""Two computers, or two administrators, at the same moment: one account for one person, and words for who came second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from directory.actions.self_service import accounts
from directory.actions.self_service.accounts import NotMade
from directory.provisioning.decision_values import Decision
from orgs.actions.deployment import deployment_policies, policy_values
from orgs.actions.deployment.policy_values import PolicyValues
from orgs.actions.errors import Refused
from orgs.actions.users import user_creation
from orgs.models import CreatedBy, DeploymentPolicy, DirectoryService, Org, User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.makers import make_org
from tests.sign_ins import asks, people_ldif, person

on_postgresql = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
    pytest.mark.database,
]


@pytest.fixture
def directory() -> Iterator[Directory]:
    with Directory(ldif=people_ldif("ann") + person("ute", uid=["ute", "uta"])) as directory:
        asks(directory)
        yield directory


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Have all of these done at the same time; return their results, or what they raised."""
    results: list[Any] = [None] * len(acts)

    def work(number: int) -> None:
        try:
            results[number] = acts[number]()
        except (NotMade, Refused) as reason:
            results[number] = reason
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def decided(username: str) -> Decision:
    """Return what the directory decides about a newcomer."""
    org = Org.objects.get(name="Default")
    return accounts.decided(username=username, org=org, way=CreatedBy.SELF_SERVICE, at=timezone.now(), proof=None)


def made(decision: Decision) -> User:
    return accounts.make(decision, way=CreatedBy.SELF_SERVICE, at=timezone.now())


def look_together(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Have two threads both call this function once before either goes on."""
    check, together, seen = getattr(module, name), threading.Barrier(2), threading.local()

    def look(*arguments: Any, **options: Any) -> Any:
        found = check(*arguments, **options)
        if not getattr(seen, "once", False):
            seen.once = True
            together.wait(20)
        return found

    monkeypatch.setattr(module, name, look)


class TestOneNewcomer:
    pytestmark = on_postgresql

    def test_who_registers_two_computers_gets_one_account(
        self, directory: Directory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decisions = [decided("ann"), decided("ann")]
        look_together(monkeypatch, user_creation, "_refuse_taken")

        results = at_once(*[partial(made, decision) for decision in decisions])

        (late,) = [result for result in results if isinstance(result, NotMade)]
        assert late.code == accounts.BUSY
        assert User.objects.filter(username="ann").count() == 1

    def test_with_two_usernames_gets_one_account(self, directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
        decisions = [decided("ute"), decided("uta")]
        look_together(monkeypatch, user_creation, "_refuse_taken")

        results = at_once(*[partial(made, decision) for decision in decisions])

        assert len([result for result in results if isinstance(result, NotMade)]) == 1
        assert User.objects.filter(username__startswith="ut").count() == 1


class TestOnePolicyName:
    pytestmark = on_postgresql

    def test_goes_to_one_of_two_policies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        orgs = [make_org("Left"), make_org("Right")]
        Org.objects.update(directory_service=DirectoryService.LDAP)
        look_together(monkeypatch, policy_values, "checked_name")
        at = timezone.now()
        values = PolicyValues("Laptops", at + timedelta(days=1), 5)

        results = at_once(*[partial(deployment_policies.add, org=org, values=values, by=SYSTEM, at=at) for org in orgs])

        (late,) = [result for result in results if isinstance(result, Refused)]
        assert str(late) == "there is a deployment policy Laptops already"
        assert DeploymentPolicy.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.once
def test_one_entry_with_two_usernames_gets_one_account(directory: Directory) -> None:
    first, second = decided("ute"), decided("uta")

    made(first)
    with pytest.raises(NotMade) as refused:
        made(second)

    assert refused.value.code == accounts.BUSY
    assert [user.username for user in User.objects.filter(username__startswith="ut")] == ["ute"]
