"""A plan that nobody has applied says which devices would stop, and how many bytes would go to cold storage."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from directory.models import LdapServer, Run, RunState
from directory.sync.finish import json_summary
from directory.sync.stored import leaving_devices
from directory.values.plan import Action
from orgs.actions import devices
from orgs.models import Org, User
from orgs.rules.actors import SYSTEM
from tests.makers import (
    NOW,
    make_change,
    make_device,
    make_org,
    make_run,
    make_server,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db
A_YEAR_LATER = (NOW + timedelta(days=365)).date().isoformat()


def deactivates(run: Run, user: User) -> None:
    make_change(run, user, Action.BLOCK, Action.DEACTIVATE, blocked=True, active=False)


@pytest.fixture
def plan() -> Run:
    """A simulation that would deactivate sean, who has two devices and one that is out of use, and blocks mia."""
    run = make_run(make_server())
    sean, mia = make_user("sean"), make_user("mia")
    make_device(sean, "laptop", size_bytes=4_000_000_000)
    make_device(sean, "desktop", size_bytes=1_500_000_000)
    old = make_device(sean, "old laptop", size_bytes=9_000_000_000)
    devices.deactivate(device_ids=[old.pk], by=SYSTEM, at=NOW)
    make_device(mia, "laptop")
    deactivates(run, sean)
    make_change(run, mia, Action.BLOCK, Action.SET_PENDING, blocked=True, pending=True)
    return run


class TestTheCommand:
    def test_counts_what_stops_and_what_goes_to_cold_storage(self, plan: Run) -> None:
        words = "2 devices stop; 2 archives (5.1 GB) to cold storage, expire " + A_YEAR_LATER

        assert f"        {words}" in list(json_summary.text(plan, at=NOW))
        assert json_summary.summary(plan, at=NOW)["leaving"] == {
            "devices": 2,
            "archives": 2,
            "bytes": 5_500_000_000,
            "firstExpires": A_YEAR_LATER,
            "lastExpires": A_YEAR_LATER,
        }

    def test_names_each_device_with_its_bytes(self, plan: Run) -> None:
        [first, second] = json_summary.changes(plan, at=NOW)

        guids = dict(User.objects.get(username="sean").devices.values_list("name", "guid"))
        assert first["leaving"] == [
            {"device": "desktop", "guid": guids["desktop"], "bytes": 1_500_000_000, "expires": A_YEAR_LATER},
            {"device": "laptop", "guid": guids["laptop"], "bytes": 4_000_000_000, "expires": A_YEAR_LATER},
        ]
        assert (second["username"], second["leaving"]) == ("mia", [])

    @pytest.mark.parametrize("end", ["applied itself", "applied by another run", "overtaken", "too old"])
    def test_says_nothing_of_a_plan_that_waits_no_longer(self, plan: Run, end: str) -> None:
        if end == "applied itself":
            Run.objects.update(simulated=False, state=RunState.APPLIED)
        elif end == "too old":
            Run.objects.update(planned_at=NOW - timedelta(hours=25))
        else:
            later = make_run(LdapServer.objects.get(), simulated=False, state=RunState.APPLIED)
            Run.objects.filter(pk=later.pk).update(plan_from=plan if end == "applied by another run" else None)
        plan.refresh_from_db()

        assert json_summary.summary(plan, at=NOW)["leaving"] is None
        assert [each["leaving"] for each in json_summary.changes(plan, at=NOW)] == [[], []]
        assert not [line for line in json_summary.text(plan, at=NOW) if "stop" in line]

    def test_says_from_when_to_when_archives_of_several_orgs_expire(self, plan: Run) -> None:
        quick = make_org("Quick")
        Org.objects.filter(pk=quick.pk).update(archive_retention_days=30)
        make_device(leaver := make_user("lea", org=quick))
        deactivates(plan, leaver)

        totals = leaving_devices.totals(plan, at=NOW)

        assert totals is not None
        assert (totals.first_expiry, totals.last_expiry) == (NOW + timedelta(days=30), NOW + timedelta(days=365))

    def test_reads_the_devices_of_many_people_at_once(self, plan: Run) -> None:
        counts = []
        for number in range(2):
            for each in range(20 * number):
                made = make_user(f"u{each}")
                make_device(made)
                deactivates(plan, made)
            with CaptureQueriesContext(connection) as queries:
                list(json_summary.changes(plan, at=NOW))
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestThePages:
    @pytest.fixture(autouse=True)
    def _planned_now(self, plan: Run) -> None:
        Run.objects.update(planned_at=timezone.now())

    def test_of_a_plan_say_it_before_anybody_applies_it(self, plan: Run) -> None:
        browser = signed_in(make_sysadmin())
        for address in (f"/history/{plan.pk}/", f"/history/{plan.pk}/apply/"):
            text = browser.get(address).content.decode().replace("\xa0", " ")
            assert "2 devices stop." in text
            assert "2 archives (5.1 GB) go to cold storage." in text
            assert "They expire on " in text

    def test_of_a_change_name_each_device(self, plan: Run) -> None:
        change = plan.changes.get(username="sean")
        text = signed_in(make_sysadmin()).get(f"/history/{plan.pk}/changes/{change.pk}/").content.decode()

        guid = User.objects.get(username="sean").devices.get(name="laptop").guid
        assert (
            f"Then the device laptop ({guid}) stops; its archive (3.7 GB) goes to cold storage. It expires on "
            in text.replace("\xa0", " ")
        )
        assert "old laptop" not in text
