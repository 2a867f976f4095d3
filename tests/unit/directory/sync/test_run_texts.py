"""Log lines in the original's form, letter by letter, and mails."""

from __future__ import annotations

from dataclasses import replace

from directory.sync import run_texts
from directory.values.plan import Account, Action, Cause, Change, Outcome
from directory.values.run_counts import filled

SEAN = Account("sean", "", "", "", True, False, False, "Default", 2, frozenset({"PROe User"}))
COUNTS = filled({"users": 2, "deactivated": 1})
AUTHOR = run_texts.subject(1, "admin", 1)


def change(*actions: Action, before: Account = SEAN, **after: object) -> Change:
    return Change(5, Outcome.PLANNED, before, replace(before, **after), (), actions, Cause.NONE)  # type: ignore[arg-type]


class TestTheSeedsLines:
    def test_submitting(self) -> None:
        assert run_texts.submitting([2, 3]) == "DIRSYNC:: Submitting for orgs: , [2,3]"

    def test_running(self) -> None:
        assert run_texts.running(2, "Default") == "DIRSYNC:: Running for org:2/Default"

    def test_completed(self) -> None:
        assert (
            run_texts.completed(2, "Default", COUNTS)
            == "DIRSYNC:: Completed for org:2/Default users:2, deactivated:1, activated:0, moved:0, rolesChanged:0"
        )

    def test_summary(self) -> None:
        assert (
            run_texts.summary([2, 3], COUNTS, simulated=True) == "DIRSYNC:: Summary for orgIds:, [2,3], users:2, "
            "deactivated:1, activated:0, moved:0, roleChanges:0, simulated:true"
        )

    def test_history(self) -> None:
        lines = run_texts.history(
            change(Action.BLOCK, Action.DEACTIVATE, active=False, blocked=True), author=AUTHOR, simulated=True
        )

        assert lines == [
            (
                "HISTORY:: Subject[1/admin, orgId:1] DIRSYNC:: Blocking and deactivating user:5/sean in org:2/Default "
                "simulated:true"
            )
        ]

    def test_mail_sent(self) -> None:
        assert (
            run_texts.mail_sent([], COUNTS, simulated=True)
            == "DIRSYNC:: summary email sent to:[], users:2, deactivated:1, simulated:true"
        )


class TestHistory:
    def test_has_a_line_for_each_thing_that_happens(self) -> None:
        planned = change(
            Action.MOVE, Action.SET_ROLES, org="Staff", org_id=3, roles=frozenset({"Org Admin", "PROe User"})
        )

        lines = run_texts.history(planned, author=AUTHOR, simulated=False)

        assert lines == [
            (
                "HISTORY:: Subject[1/admin, orgId:1] DIRSYNC:: Moving user:5/sean from org:2/Default to org:3/Staff "
                "simulated:false"
            ),
            (
                "HISTORY:: Subject[1/admin, orgId:1] DIRSYNC:: Changing roles of user:5/sean in org:2/Default from "
                "[PROe User] to [Org Admin, PROe User] simulated:false"
            ),
        ]

    def test_says_when_a_user_on_hold_is_only_blocked(self) -> None:
        lines = run_texts.history(
            change(Action.BLOCK, Action.SET_PENDING, blocked=True, pending=True), author=AUTHOR, simulated=False
        )

        assert lines[0].endswith("Blocking user:5/sean in org:2/Default, deactivation pending simulated:false")

    def test_a_value_from_the_directory_can_not_forge_a_line(self) -> None:
        sly = replace(SEAN, username="sean\nHISTORY:: Subject[1/admin]\u2028\x1b[2J")

        lines = run_texts.history(change(Action.UNBLOCK, before=sly), author=AUTHOR, simulated=False)

        assert len(lines[0].splitlines()) == 1
        assert "\x1b" not in lines[0]


class TestMail:
    def test_has_the_counts_the_orgs_and_what_to_look_at(self) -> None:
        body = run_texts.mail_body(
            opening="Simulated.",
            counts=COUNTS,
            org_lines=["org:2/Default"],
            warnings=["There is no org X\nBcc: a@b"],
            where="Every change with its reasons: http://h/history/1/",
        )

        assert "Deactivated: 1" in body
        assert "  org:2/Default" in body
        assert "  - There is no org X\\nBcc: a@b" in body
        assert "http://h/history/1/" in body
