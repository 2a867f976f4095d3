"""The people of the demo whose computers back up are ordinary ones, and their files are the same every time."""

from __future__ import annotations

import pytest

from directory.demo import world as demo
from directory.demo.computers import computers, files
from directory.demo.people import OrgUnit, Story, invent
from orgs.models import Device, User
from tests.worlds import NOON


def test_they_have_no_part_in_any_other_story() -> None:
    people = [computer.person for computer in computers()]

    assert [(person.unit, person.story, person.groups) for person in people] == [
        (OrgUnit.STAFF, Story.NONE, ["All Staff"])
    ] * 2


@pytest.mark.django_db
def test_they_may_leave_at_once() -> None:
    demo.build(invent(), url="ldap://127.0.0.1:1", bind_dn="cn=admin", bind_password="a secret", at=NOON)
    people = User.objects.filter(username__in=[computer.person.uid for computer in computers()])

    assert people.filter(active=True, blocked=False).count() == 2
    assert not User.objects.on_legal_hold().filter(pk__in=people).exists()
    assert not Device.objects.filter(name__in=[computer.name for computer in computers()]).exists()
    assert demo.is_the_demo()


@pytest.mark.django_db
def test_an_empty_rollcall_is_not_the_demo() -> None:
    assert not demo.is_the_demo()


def test_their_files_are_small_and_the_same_every_time() -> None:
    first, second = (list(files(computer)) for computer in computers())

    assert list(files(computers()[0])) == first
    assert first != second
    assert sum(len(content) for _, content in first) < 3_000_000
