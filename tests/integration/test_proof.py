"""Why nobody was overlooked: a run keeps what proves that each server was read to its end, and shows it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from directory.sync.finish import json_summary
from tests.integration.employer import Employer
from tests.worlds import NOON, again, change_of, simulate, simulate_and_sync, user

pytestmark = pytest.mark.django_db


class TestAReading:
    def test_keeps_what_proves_that_it_is_complete(self, employer: Employer) -> None:
        for uid in ("kim", "lee", "mia"):
            employer.hires(uid)
        employer.server(page_size=2)

        reading = json_summary.summary(simulate(), at=NOON)["readings"][0]

        proof = reading["proof"]
        assert (reading["complete"], reading["entries"]) == (True, 3)
        assert (proof["pages"], proof["last_cookie_empty"], proof["controls_missing"]) == (2, True, 0)
        assert proof["results"] == {"success": 2}
        assert proof["failed_urls"] == []

    def test_that_failed_proves_nothing(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server(search_base="dc=nowhere")

        run = simulate()

        reading = json_summary.summary(run, at=NOON)["readings"][0]
        assert (reading["complete"], reading["proof"]) == (False, {})
        assert "No such object" in reading["error"]

    def test_is_shown_with_its_proof_on_the_page_of_the_run(self, employer: Employer, client: Client) -> None:
        employer.hires("mia")
        employer.server()
        user("mia")
        run = simulate()
        client.force_login(user("ada", org_name="ADMIN", roles=["SYSADMIN"]))

        page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()

        assert "What proves it" in page
        assert "The scripts took" in page
        assert "1 page, with the last cookie empty; results: success (1)" in page


class TestSomebodyAbsent:
    def test_is_asked_for_directly_before_the_account_is_touched(self, employer: Employer) -> None:
        employer.hires("mia")
        employer.server()
        sean = user("sean")

        run = simulate_and_sync()

        steps = change_of(run, "sean").steps
        assert any(step.startswith("Asked Corp again: nobody with the username sean") for step in steps)
        assert not again(sean).active

    def test_whom_the_filter_does_not_match_any_more_is_still_told_where(self, employer: Employer) -> None:
        employer.hires("sean", employeeType="guest")
        employer.server(search_filter="(&(objectClass=inetOrgPerson)(!(employeeType=guest)))")
        user("sean")
        employer.hires("mia")

        run = simulate()

        sentence = f"still in the directory at {employer.dn('sean')}, but the filter does not match"
        assert any(sentence in step for step in change_of(run, "sean").steps)
