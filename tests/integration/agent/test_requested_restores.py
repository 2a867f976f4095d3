"""Restores that are requested in the console: what the computer gets, what it reports, and what becomes of the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orgs.actions.devices_by_hand import states
from orgs.actions.errors import Refused
from orgs.actions.restores import requested_restores
from orgs.actions.restores.requested_restores import MOST_WAITING, ChosenFiles
from orgs.models import AuditEntry, RestoreJob, RestoreState, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.agents import ask, code_of
from tests.backups import BackingUp, signed_in_device
from tests.makers import make_sysadmin, make_user

pytestmark = pytest.mark.django_db
FILES = ChosenFiles("ab" * 32, ("/home/ann/letters",), file_count=3, size_bytes=900)


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def laptop() -> BackingUp:
    return signed_in_device(make_user("ann"))


def requested(laptop: BackingUp, by: User | Actor) -> RestoreJob:
    actor = person(by) if isinstance(by, User) else by
    return requested_restores.request(device_id=laptop.device.pk, files=FILES, by=actor, at=timezone.now())


def trail() -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(action__startswith="restore ").order_by("pk")
    return list(entries.values_list("action", "actor_label"))


class TestTheComputer:
    def test_gets_what_was_requested_with_its_answer(self, laptop: BackingUp, ada: User) -> None:
        job = requested(laptop, ada)

        with CaptureQueriesContext(connection) as queries:
            jobs = ask("me", token=laptop.token).json()["jobs"]

        expected = {"id": job.pk, "snapshot": "ab" * 32, "paths": ["/home/ann/letters"], "target": "", "by": "ada"}
        assert jobs == [expected]
        reads = [query for query in queries if query["sql"].startswith("SELECT")]
        assert len(reads) == 2

    def test_gets_nothing_while_it_may_not_restore(self, laptop: BackingUp, ada: User) -> None:
        requested(laptop, ada)
        states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=timezone.now())

        assert ask("me", token=laptop.token).json()["jobs"] == []

        states.unblock(device_ids=[laptop.device.pk], by=SYSTEM, at=timezone.now())
        assert len(ask("me", token=laptop.token).json()["jobs"]) == 1

    def test_reports_the_end_once(self, laptop: BackingUp, ada: User) -> None:
        job = requested(laptop, ada)

        first = ask(f"jobs/{job.pk}", {"state": "done", "message": "Restored to /home/ann/R.\x07"}, token=laptop.token)
        again = ask(f"jobs/{job.pk}", {"state": "failed", "message": "no"}, token=laptop.token)

        assert (first.status_code, again.status_code) == (204, 204)
        job.refresh_from_db()
        assert (job.state, job.message) == (RestoreState.DONE, "Restored to /home/ann/R.")
        assert trail() == [("restore requested", "ada"), ("restore done", f"device {laptop.guid}")]
        assert ask("me", token=laptop.token).json()["jobs"] == []

    def test_reports_no_restore_of_another_one(self, laptop: BackingUp, ada: User) -> None:
        other = signed_in_device(make_user("eve"))
        job = requested(laptop, ada)

        answer = ask(f"jobs/{job.pk}", {"state": "done", "message": ""}, token=other.token)

        assert (answer.status_code, code_of(answer)) == (404, "no-job")
        assert RestoreJob.objects.get().state == RestoreState.WAITING

    @pytest.mark.parametrize("state", ["", "waiting", "cancelled", "expired", "x" * 99])
    def test_reports_done_or_failed_and_nothing_else(self, laptop: BackingUp, ada: User, state: str) -> None:
        job = requested(laptop, ada)

        assert ask(f"jobs/{job.pk}", {"state": state}, token=laptop.token).status_code == 400
        assert RestoreJob.objects.get().state == RestoreState.WAITING

    def test_that_restored_before_it_heard_of_the_end_tells_the_truth(self, laptop: BackingUp, ada: User) -> None:
        job = requested(laptop, ada)
        requested_restores.cancel(job_ids=[job.pk], by=person(ada), at=timezone.now())

        ask(f"jobs/{job.pk}", {"state": "done", "message": "Restored."}, token=laptop.token)

        assert RestoreJob.objects.get().state == RestoreState.DONE
        assert [action for action, _by in trail()] == ["restore requested", "restore cancelled", "restore done"]


class TestARequest:
    def test_is_audited_with_snapshot_and_paths(self, laptop: BackingUp, ada: User) -> None:
        job = requested(laptop, ada)

        entry = AuditEntry.objects.get(action="restore requested")
        assert (entry.actor_label, entry.object_id) == ("ada", laptop.device.pk)
        assert entry.after == {
            "snapshot": "ab" * 32,
            "paths": ["/home/ann/letters"],
            "files": 3,
            "bytes": 900,
            "restore": job.pk,
        }

    def test_to_a_device_that_may_not_restore_is_refused(self, laptop: BackingUp, ada: User) -> None:
        states.block(device_ids=[laptop.device.pk], by=SYSTEM, at=timezone.now())

        with pytest.raises(Refused, match="This device is blocked"):
            requested(laptop, ada)

    def test_of_somebody_who_holds_more_is_refused(self, ada: User) -> None:
        hers = signed_in_device(ada)
        helper = make_user("hal", roles=["Org Help Desk"])

        with pytest.raises(Refused, match="Only somebody who holds it too may restore their files"):
            requested(hers, helper)
        assert requested(hers, ada).state == RestoreState.WAITING

    def test_beyond_those_that_may_wait_is_refused(self, laptop: BackingUp, ada: User) -> None:
        for _ in range(MOST_WAITING):
            requested(laptop, ada)

        with pytest.raises(Refused, match="20 restores of laptop wait already"):
            requested(laptop, ada)

    def test_that_is_cancelled_is_not_done(self, laptop: BackingUp, ada: User) -> None:
        job = requested(laptop, ada)

        assert requested_restores.cancel(job_ids=[job.pk], by=person(ada), at=timezone.now()) == 1
        assert requested_restores.cancel(job_ids=[job.pk], by=person(ada), at=timezone.now()) == 0
        assert ask("me", token=laptop.token).json()["jobs"] == []
        assert RestoreJob.objects.get().state == RestoreState.CANCELLED

    def test_that_no_computer_comes_for_expires(self, laptop: BackingUp, ada: User) -> None:
        requested(laptop, ada)
        RestoreJob.objects.update(requested_at=timezone.now() - timedelta(days=8))

        assert ask("me", token=laptop.token).json()["jobs"] == []
        assert requested_restores.expire(by=SYSTEM, at=timezone.now()) == 1
        assert RestoreJob.objects.get().state == RestoreState.EXPIRED
        assert trail()[-1] == ("restore expired", "system")
