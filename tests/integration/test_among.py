"""A filter by many values in one parameter: it finds what IN finds, on either database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from directory.models import StoredEntry
from orgs.models import Org, Role, RoleGrant, User
from orgs.text import fold

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NAMES = ("sean", "o'brien", 'the "best"', "a,b", "{curly}", "back\\slash", "søren", "new\nline", "%s", "null", "1")


@pytest.fixture
def people() -> list[User]:
    # Not through the action, which refuses what can't be seen in a name: a filter finds it all the same.
    org = Org.objects.named("Default").get()
    found: list[User] = User.objects.bulk_create(
        User(username=name, username_key=fold(name), org=org) for name in NAMES
    )
    return found


def names(**condition: Iterable[Any]) -> set[str]:
    return set(User.objects.filter(**condition).values_list("username", flat=True))


@pytest.mark.parametrize("name", NAMES)
def test_it_finds_a_text_whatever_is_in_it(people: list[User], name: str) -> None:
    assert names(username__among=[name, "nobody"]) == {name}


def test_it_finds_all_texts_at_once(people: list[User]) -> None:
    assert names(username_key__among={each.username_key for each in people}) == set(NAMES)


def test_it_finds_numbers_and_rows_by_foreign_keys(people: list[User]) -> None:
    first, second, *_ = people
    for each in people[:3]:
        RoleGrant.objects.create(user=each, role=Role.objects.get(name="PROe User"), granted_by="somebody")

    assert names(pk__among=[first.pk, second.pk, 10**15]) == {first.username, second.username}
    assert names(org__among={first.org_id: "", 10**9: ""}) >= set(NAMES)
    assert RoleGrant.objects.filter(user__among=[first.pk, second.pk]).count() == 2


@pytest.mark.parametrize("column", ["pk", "org", "username"])
def test_of_nothing_it_finds_nothing_and_without_it_everything(people: list[User], column: str) -> None:
    nothing: dict[str, list[int]] = {f"{column}__among": []}

    assert names(**nothing) == set()
    assert set(User.objects.exclude(**nothing).values_list("username", flat=True)) >= set(NAMES)


def test_it_leaves_out_what_is_unknown(people: list[User]) -> None:
    assert not StoredEntry.objects.filter(user__among=[each.pk for each in people]).exists()
