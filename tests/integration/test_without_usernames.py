"""An entry without a username may be anybody: it proves nobody absent, unless an immutable id tells them apart."""

from __future__ import annotations

from typing import Any

import pytest

from directory.models import Run, RunState
from directory.values.plan import Outcome
from orgs.models import User
from tests.directories import ACCESS
from tests.integration.employer import Employer
from tests.worlds import again, change_of, org, simulate, simulate_and_sync, sync, user

pytestmark = pytest.mark.django_db
NAMES = tuple(f"p{number}" for number in range(9))
# In a directory of nine people, a few who leave are many.
PLENTY: dict[str, Any] = {"limit_entries_percent": 1}


@pytest.fixture
def staff(employer: Employer) -> Employer:
    for name in NAMES:
        employer.hires(name, employeeNumber=f"n-{name}")
        user(name)
    return employer


def active() -> int:
    return len(User.objects.filter(username__in=NAMES, active=True))


def lose_usernames(staff: Employer, *names: str) -> None:
    """Take the username from entries, which have another one in their DN then."""
    for name in names:
        staff.directory.rename(staff.dn(name), f"cn={name}")
        staff.directory.modify(f"cn={name},{staff.directory.base}", {"uid": None})


def warned(run: Run) -> bool:
    return any("have no username" in warning for warning in run.warnings)


class TestAnAttributeThatTheServerDoesNotHave:
    def test_cuts_nobody_off_and_holds_the_run_back(self, staff: Employer) -> None:
        staff.server(username_attribute="sAMAccountName")

        plan = simulate()
        run = sync()

        assert run.state == RunState.HELD_BACK
        for each in (plan, run):
            assert any("none of the 9 entries has a username" in reason for reason in each.held_back)
            assert each.counts["notChecked"] == 9
            assert warned(each)
        assert active() == 9

    def test_holds_the_run_back_when_everybody_is_known_by_id(self, staff: Employer) -> None:
        staff.server()
        simulate_and_sync()
        staff.server(username_attribute="sAMAccountName")
        plan = simulate()

        assert plan.held_back
        assert not plan.stored_changes.filter(outcome=Outcome.PLANNED).exists()


class TestUsernamesThatVanish:
    def test_of_users_who_are_known_by_id_change_nobody(self, staff: Employer) -> None:
        staff.server(**PLENTY)
        simulate_and_sync()
        lose_usernames(staff, "p1", "p2")

        run = sync()

        assert run.state == RunState.APPLIED
        assert warned(run)
        assert "Corp: 2 entries have no username" in run.warnings[0]
        assert active() == 9

    def test_leave_those_unchecked_who_were_never_found(self, staff: Employer) -> None:
        lose_usernames(staff, "p1", "p2")
        late = user("late")
        staff.server(**PLENTY)

        run = simulate_and_sync()

        for name in ("p1", "p2", "late"):
            assert change_of(run, name).outcome == Outcome.NOT_CHECKED
            assert "without a username" in change_of(run, name).steps[0]
        assert again(late).active
        assert active() == 9

    def test_do_not_keep_a_leaver_who_is_known_by_id(self, staff: Employer) -> None:
        staff.server(**PLENTY)
        simulate_and_sync()
        lose_usernames(staff, "p1")
        staff.directory.delete(staff.dn("p2"))

        run = sync()

        assert change_of(run, "p2").actions == ["block", "deactivate"]
        assert active() == 8

    def test_of_known_people_keep_nobody_who_was_never_found(self, staff: Employer) -> None:
        staff.server(**PLENTY)
        simulate_and_sync()
        lose_usernames(staff, "p1")
        late = user("late")

        sync()

        assert not again(late).active

    def test_of_people_in_an_org_that_does_not_ask_the_server_keep_nobody(self, staff: Employer) -> None:
        staff.server(**PLENTY)
        simulate_and_sync()
        lose_usernames(staff, "p1")
        User.objects.filter(username="p1").update(org=org("Elsewhere", parent="ADMIN"))
        late = user("late")

        sync()

        assert not again(late).active


def test_a_username_that_is_no_text_is_none(staff: Employer) -> None:
    """An old import has left Latin-1 in an attribute that takes any bytes."""
    for name in NAMES:
        raw = b"p\xe9" if name == "p1" else name.encode()
        staff.directory.modify(staff.dn(name), {"userPKCS12": raw})
    staff.directory.allow("to * by * read")
    staff.server(username_attribute="userPKCS12", **PLENTY)

    run = simulate()

    assert change_of(run, "p1").outcome == Outcome.NOT_CHECKED


def test_ids_that_are_hidden_with_a_rename_prove_nobody_absent(staff: Employer) -> None:
    staff.server(**PLENTY)
    simulate_and_sync()
    staff.directory.rename(staff.dn("p1"), "uid=other")
    staff.directory.allow('to filter="(uid=other)" attrs=entryUUID by * none', *ACCESS)

    run = sync()

    assert change_of(run, "p1").outcome == Outcome.NOT_CHECKED
    assert "without an immutable id" in change_of(run, "p1").steps[0]
    assert active() == 9
