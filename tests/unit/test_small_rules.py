"""Names compared, the last SYSADMIN kept, schedules, counts, CSV files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.provisioning import csv_file
from directory.provisioning.csv_file import BadCsv
from directory.scheduling.due import Timetable, due, next_run
from directory.sync.plan.rules.last_sysadmin import LastSysadmin
from directory.sync.stored.plan_counts import PlanCounts
from directory.values.limit_table import Counted
from directory.values.plan import Account, Action, Cause, Change, Outcome
from orgs.permissions import Permission, holds
from orgs.text import fold, registration_key

ADA = Account("ada", "", "", "", True, False, False, "Default", 2, frozenset({"SYSADMIN"}))
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class TestFold:
    @pytest.mark.parametrize(
        ("one", "other"), [("Staff", " STAFF "), ("É", "e\u0301"), ("Straße", "STRASSE"), ("a  b", "A B")]
    )
    def test_takes_two_spellings_of_a_name_for_one(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    @given(st.text())
    def test_of_a_folded_name_is_the_same(self, text: str) -> None:
        assert fold(fold(text)) == fold(text)


class TestPermissions:
    def test_admin_implies_all(self) -> None:
        assert all(holds([Permission.ADMIN], key) for key in Permission)

    def test_a_key_implies_the_keys_below_it_and_no_neighbour(self) -> None:
        assert holds([Permission.USER], Permission.USER_READ)
        assert not holds([Permission.USER_READ], Permission.USER)
        assert not holds([Permission.USER], Permission.ALL_USER)


def test_a_registration_key_has_four_groups_of_four() -> None:
    assert [len(group) for group in registration_key().split("-")] == [4, 4, 4, 4]


class TestLastSysadmin:
    def losing(self, user_id: int) -> Change:
        after = replace(ADA, active=False, blocked=True)
        return Change(user_id, Outcome.PLANNED, ADA, after, ("Absent.",), (Action.BLOCK, Action.DEACTIVATE))

    def test_keeps_the_last_one_and_lets_the_others_go(self) -> None:
        guard = LastSysadmin({1, 2}, frozenset({"SYSADMIN"}))

        passed = guard.passes(self.losing(1)), guard.passes(self.losing(2))
        kept = guard.keep(self.losing(2))

        assert passed == (True, False)
        assert (kept.outcome, kept.actions, kept.after) == (Outcome.KEPT, (), ADA)

    def test_does_not_mind_who_is_none(self) -> None:
        guard = LastSysadmin({1}, frozenset({"SYSADMIN"}))

        assert guard.passes(self.losing(7))

    def test_lets_the_last_one_go_once_someone_else_has_become_one(self) -> None:
        guard = LastSysadmin({1}, frozenset({"SYSADMIN"}))
        before = replace(ADA, roles=frozenset())
        gain = Change(2, Outcome.PLANNED, before, ADA, ("Granted.",), (Action.SET_ROLES,))

        early, _, late = guard.passes(self.losing(1)), guard.passes(gain), guard.passes(self.losing(1))

        assert (early, late) == (False, True)


class TestSchedule:
    def test_a_server_is_due_its_interval_after_its_last_run(self) -> None:
        table = Timetable(1, 12, NOON - timedelta(hours=12))

        assert due([table], since=NOON - timedelta(days=9), now=NOON) == [1]
        assert due([table], since=NOON - timedelta(days=9), now=NOON - timedelta(seconds=1)) == []

    def test_before_its_first_run_the_interval_counts_from_when_it_was_set(self) -> None:
        assert next_run(Timetable(1, 12, None), since=NOON) == NOON + timedelta(hours=12)

    def test_an_interval_of_zero_is_never(self) -> None:
        assert next_run(Timetable(1, 0, NOON), since=NOON) is None


class TestTally:
    def test_counts_by_org_and_by_server_and_by_cause(self) -> None:
        tally = PlanCounts(frozenset({"SYSADMIN"}))
        gone = Change(
            1,
            Outcome.PLANNED,
            ADA,
            replace(ADA, active=False, blocked=True),
            (),
            (Action.BLOCK, Action.DEACTIVATE),
            Cause.ABSENT,
        )
        held = replace(gone, user_id=2, actions=(Action.SET_PENDING,), cause=Cause.SCRIPT)

        tally.add(gone, server=7, evaluated=False)
        tally.add(held, server=7, evaluated=True)

        assert tally.totals()["users"] == 2
        assert (tally.totals()["deactivated"], tally.totals()["blocked"]) == (1, 1)
        in_the_org = {Counted.ORG_ABSENT.of(ADA.org_id): 1, Counted.ORG_INACTIVE.of(ADA.org_id): 1}
        assert tally.servers[7].counts == {Counted.ABSENT: 1, Counted.INACTIVE: 1, **in_the_org}
        assert tally.servers[7].evaluated == 1


class TestCsv:
    def test_reads_people_with_and_without_the_optional_columns(self) -> None:
        rows = csv_file.parse("username,org\r\nsean,Staff\r\n\r\nmia,\r\n")

        assert [(row.line, row.username, row.org) for row in rows] == [(2, "sean", "Staff"), (4, "mia", "")]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "line 1: the column username is missing"),
            ("username\n", "line 2: there is nobody in the file"),
            ("user\nsean\n", "line 1: there is no column 'user'"),
            ("username,username\na,b\n", "line 1: the column username stands there twice"),
            ("username,org\nsean\n", "line 2: 1 cell, but the header has 2"),
            ("username\nsean\nSEAN\n", "line 3: the username SEAN stands in line 2 already"),
            ("username,email\n,a@example.com\n", "line 2: the username is empty"),
            ("username,email\nsean,nonsense\n", "line 2, email: nonsense is no email address"),
            ('username,notes\nsean,"open\nmia,x\n', "line 2: a quotation mark is opened and never closed"),
            ("username\nse\u202ean\n", "control characters are not allowed"),
        ],
    )
    def test_names_the_line_of_what_is_wrong(self, text: str, message: str) -> None:
        with pytest.raises(BadCsv, match=message.replace("(", r"\(")):
            csv_file.parse(text)
