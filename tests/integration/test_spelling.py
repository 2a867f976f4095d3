"""Usernames, names and addresses are spelled as the directory spells them, from a sync on slapd to its undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from directory.actions import stored_plans, undo
from directory.models import Run, RunState
from directory.sync import pipeline
from orgs.models import User
from orgs.rules.actors import SYSTEM
from tests.directories import Directory
from tests.worlds import NOON, Clock, again, change_of, ldap_server, simulate, sync, user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def company() -> Iterator[Directory]:
    with Directory() as directory:
        for name, mail in (("Sean", "SMTP:Sean.Ryan@Example.com"), ("mia", "mia at work"), ("joe", "Joe@example.com")):
            directory.add(
                f"uid={name},dc=example,dc=com",
                {
                    "objectClass": "inetOrgPerson",
                    "uid": name,
                    "cn": name,
                    "sn": "RYAN",
                    "givenName": name,
                    "mail": mail,
                },
            )
        yield directory


def _carried_out(run: Run) -> Run:
    pipeline.execute(run.pk, clock=Clock())
    run.refresh_from_db()
    return run


def _names(*users: User) -> list[tuple[str, str, str]]:
    return [(each.username, each.email, each.last_name) for each in map(again, users)]


def test_letter_case_follows_and_is_put_back_by_an_undo(company: Directory) -> None:
    sean = user("sean", email="sean.ryan@example.com", last_name="Ryan", first_name="Sean")
    mia = user("mia", email="mia@example.com", last_name="RYAN", first_name="mia")
    local = user("JOE", email="joe@example.com", last_name="Ryan")
    User.objects.filter(pk=local.pk).update(managed_locally=True)
    server = ldap_server(company.url)
    simulate(server)

    run = sync(server)

    assert run.state == RunState.APPLIED, run.held_back
    assert _names(sean, mia, local) == [
        ("Sean", "Sean.Ryan@Example.com", "RYAN"),
        ("mia", "mia@example.com", "RYAN"),
        ("JOE", "joe@example.com", "Ryan"),
    ]
    assert change_of(run, "sean").actions == ["update profile"]
    assert change_of(run, "mia").warnings == [
        "The directory's email address mia at work is none: mia@example.com stays"
    ]
    assert (run.counts["renamed"], run.counts["profileChanged"]) == (0, 1)
    assert simulate(server).counts["profileChanged"] == 0

    plan = _carried_out(undo.start(run=run, by=SYSTEM, at=NOON, wake=False))
    back = _carried_out(stored_plans.apply_plan(run=plan, by=SYSTEM, at=NOON, wake=False))

    assert back.state == RunState.APPLIED
    assert _names(sean) == [("sean", "sean.ryan@example.com", "Ryan")]
