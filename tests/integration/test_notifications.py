"""Who is told how a run ended: the log lines of a whole run, mails at a real SMTP server, alerts."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from pytest_django import Settings

from directory.actions import stored_plans, sync_settings
from directory.models import Alert, AlertKind, Mail, MailKind, RunState
from directory.sync import alerts_and_mails, pipeline
from orgs.rules.actors import SYSTEM
from tests.conftest import Mailbox
from tests.integration.employer import Employer
from tests.worlds import NOON, Clock, org, simulate, simulate_and_sync, user

pytestmark = pytest.mark.django_db


class TestLogLines:
    def test_of_a_simulation_are_the_seeds_letter_by_letter(
        self, employer: Employer, caplog: pytest.LogCaptureFixture
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        employer.server()
        default, students = org("Default").pk, org("Students").pk
        sean = user("sean")
        user("mia", last_name="Mia")
        caplog.set_level(logging.INFO, "rollcall.sync")

        simulate()

        assert [record.getMessage() for record in caplog.records] == [
            f"DIRSYNC:: Submitting for orgs: , [{default},{students}]",
            f"DIRSYNC:: Running for org:{default}/Default",
            f"DIRSYNC:: Running for org:{students}/Students",
            f"DIRSYNC:: Completed for org:{default}/Default users:2, deactivated:1, activated:0, moved:0, rolesChanged:0",
            f"DIRSYNC:: Completed for org:{students}/Students users:0, deactivated:0, activated:0, moved:0, rolesChanged:0",
            (
                f"DIRSYNC:: Summary for orgIds:, [{default},{students}], users:2, deactivated:1, activated:0, moved:0, roleChanges:0, "
                "simulated:true"
            ),
            (
                f"HISTORY:: Subject[0/system, orgId:1] DIRSYNC:: Blocking and deactivating user:{sean.pk}/sean in "
                f"org:{default}/Default simulated:true"
            ),
            "DIRSYNC:: summary email sent to:[], users:2, deactivated:1, simulated:true",
        ]

    def test_of_an_applied_plan_open_the_sync_and_each_org_as_well(
        self, employer: Employer, caplog: pytest.LogCaptureFixture
    ) -> None:
        employer.hires("mia", departmentNumber="Default")
        employer.server()
        default, students = org("Default").pk, org("Students").pk
        user("sean")
        user("mia", last_name="Mia")
        simulation = simulate()
        caplog.set_level(logging.INFO, "rollcall.sync")
        caplog.clear()

        applied = stored_plans.apply_plan(run=simulation, by=SYSTEM, at=NOON, wake=False)
        pipeline.execute(applied.pk, clock=Clock())

        lines = [record.getMessage() for record in caplog.records]
        applied.refresh_from_db()
        assert applied.state == RunState.APPLIED
        assert lines[:3] == [
            f"DIRSYNC:: Submitting for orgs: , [{default},{students}]",
            f"DIRSYNC:: Running for org:{default}/Default",
            f"DIRSYNC:: Running for org:{students}/Students",
        ]
        assert sum("Completed for org" in line for line in lines) == 2
        assert "simulated:false" in lines[-1]


class TestMail:
    def test_goes_to_the_addresses_of_the_settings_and_to_administrators(
        self, employer: Employer, mailbox: Mailbox
    ) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        user("ada", org_name="ADMIN", email="ada@example.com", roles=["SYSADMIN"])
        user("una", org_name="ADMIN", email="una@example.com", roles=["PROe User", "Desktop User"])
        employer.hires("mia", departmentNumber="Default")
        user("sean")
        employer.server()

        run = simulate()

        assert mailbox.recipients == [["it@example.com"], ["ada@example.com"]]
        assert [message["To"] for message in mailbox.messages] == ["it@example.com", "ada@example.com"]
        message = mailbox.messages[0]
        assert message["Subject"] == "Simulated directory sync: 1 user, 1 change"
        assert f"run-{run.pk}-summary" in message["Message-ID"]
        assert "Deactivated: 1" in message.get_content()

    def test_shows_each_administrator_their_part(self, employer: Employer, mailbox: Mailbox) -> None:
        users = {
            "ola": ("Students", ["Org Admin"]),
            "max": ("Default", ["Org Manager"]),
            "all": ("Default", ["All Org Manager"]),
            "far": ("Elsewhere", ["Org Admin"]),
            "res": ("Default", ["Admin Restore"]),
        }
        org("Elsewhere", parent="ADMIN")
        for name, (org_name, roles) in users.items():
            user(name, org_name=org_name, email=f"{name}@example.com", roles=roles)
        user("ada", org_name="ADMIN", email="ada@example.com", roles=["SYSADMIN"])
        employer.hires("mia", departmentNumber="Nowhere")
        user("mia", last_name="Mia")
        user("sean")
        employer.server()

        run = simulate()

        mails = dict(zip([str(message["To"]) for message in mailbox.messages], mailbox.messages, strict=True))
        assert sorted(mails) == [f"{name}@example.com" for name in ("ada", "all", "max", "ola")]
        bodies = {name.partition("@")[0]: message.get_content() for name, message in mails.items()}
        assert "/Students" in bodies["ola"]
        assert "/Default" not in bodies["ola"]
        assert "Deactivated: 1" in bodies["ola"]
        assert mails["ola@example.com"]["Subject"] == "Simulated directory sync: 1 user, 1 change"
        for name in ("ola", "max", "all"):
            assert f"/history/{run.pk}/" not in bodies[name]
            assert "There is no org Nowhere" not in bodies[name]
            assert "/users/" in bodies[name]
        assert "/Default" in bodies["max"]
        assert "/Default" in bodies["all"]
        assert "/Students" in bodies["all"]
        assert f"/history/{run.pk}/" in bodies["ada"]
        assert "There is no org Nowhere" in bodies["ada"]

    def test_of_a_failure_names_the_server_to_server_administrators_only(
        self, employer: Employer, mailbox: Mailbox
    ) -> None:
        user("ola", org_name="Default", email="ola@example.com", roles=["Org Admin"])
        user("ada", org_name="ADMIN", email="ada@example.com", roles=["SYSADMIN"])
        user("sean")
        employer.server(search_base="dc=nowhere")

        simulate()

        bodies = {str(message["To"]): message.get_content() for message in mailbox.messages}
        assert "No such object" in bodies["ada@example.com"]
        assert "No such object" not in bodies.get("ola@example.com", "")

    def test_has_a_message_id_that_no_other_installation_has(self, employer: Employer, mailbox: Mailbox) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.server()
        first = simulate()
        stored = Mail.objects.get()
        Mail.objects.all().delete()

        for _ in range(2):
            letter = alerts_and_mails.Letter("it@example.com", "again", "again")
            alerts_and_mails.write_mails(run=first, kind=MailKind.SUMMARY, letters=[letter], at=NOON)

        again = Mail.objects.get()
        assert re.fullmatch(rf"<run-{first.pk}-summary-[0-9a-f]{{16}}@\S+>", again.message_id)
        assert again.message_id != stored.message_id

    def test_that_is_not_taken_is_kept_and_sent_later_once(self, employer: Employer, mailbox: Mailbox) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.server()
        mailbox.refuse = "451 try again later"
        simulate()
        assert "451" in Mail.objects.get().error
        mailbox.refuse = ""

        alerts_and_mails.send_waiting(at=NOON.replace(hour=13))
        alerts_and_mails.send_waiting(at=NOON.replace(hour=14))

        assert len(mailbox.messages) == 1
        assert Mail.objects.get().sent_at == NOON.replace(hour=13)

    def test_that_nobody_takes_for_two_days_is_given_up_with_an_alert_once(
        self, employer: Employer, mailbox: Mailbox
    ) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.server()
        mailbox.refuse = "554 no thanks"
        run = simulate()

        for hours in (49, 50):
            alerts_and_mails.send_waiting(at=NOON + timedelta(hours=hours))

        alert = Alert.objects.get(kind=AlertKind.MAIL)
        assert "was never sent: Simulated directory sync" in alert.message
        assert "554" in alert.message
        assert (alert.run_id, alert.created_at) == (run.pk, NOON + timedelta(hours=49))

    def test_of_a_held_back_run_says_the_originals_sentence_and_that_nothing_was_written(
        self, employer: Employer, mailbox: Mailbox
    ) -> None:
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia", departmentNumber="Default")
        for number in range(10):
            user(f"user{number}")
        employer.server()

        simulate_and_sync()

        body = mailbox.messages[-1].get_content()
        assert mailbox.messages[-1]["Subject"] == "Directory sync held back"
        assert "Directory sync deactivation not executed." in body
        assert "Nothing was written." in body

    def test_without_an_smtp_server_is_not_written(self, employer: Employer, settings: Settings) -> None:
        settings.EMAIL_HOST = ""
        sync_settings.save(values={"notification_addresses": ["it@example.com"]}, by=SYSTEM, at=NOON)
        employer.hires("mia")
        employer.server()

        simulate()

        assert not Mail.objects.exists()
