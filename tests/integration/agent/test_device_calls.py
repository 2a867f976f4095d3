"""What registered devices ask and report."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orgs.actions.backups import backup_reports
from orgs.actions.users import blocking
from orgs.models import Archive, BackupReport, Device, DeviceToken
from orgs.rules.actors import SYSTEM
from tests.agents import ask, code_of
from tests.backups import BackingUp, signed_in_device
from tests.makers import NOW
from tests.worlds import user

pytestmark = pytest.mark.django_db
REPORT = {
    "seconds": 12,
    "exit_code": 0,
    "message": "",
    "files": 9,
    "read_bytes": 99,
    "new_bytes": 5,
    "snapshot": "ab12",
}


@pytest.fixture
def laptop() -> BackingUp:
    return signed_in_device(user("ann"))


class TestMe:
    def test_says_that_all_is_well(self, laptop: BackingUp) -> None:
        given = ask("me", token=laptop.token).json()

        assert given["allowed"] is True
        assert (given["code"], given["message"]) == ("", "")
        assert (given["guid"], given["user"], given["org"]) == (laptop.guid, "ann", "Default")
        assert given["ask_again_seconds"] == 30

    def test_says_why_not(self, laptop: BackingUp) -> None:
        blocking.block(user_ids=[laptop.device.user_id], by=SYSTEM, at=NOW)

        given = ask("me", token=laptop.token).json()

        assert given["allowed"] is False
        assert given["code"] == "user-blocked"
        assert "blocked" in given["message"]

    @pytest.mark.parametrize("token", ["", "x", "x" * 5000])
    def test_knows_no_other_token(self, laptop: BackingUp, token: str) -> None:
        answer = ask("me", token=token)

        assert (answer.status_code, code_of(answer)) == (401, "unknown")

    def test_logs_an_unknown_token_once_an_hour(self, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(3):
            ask("me", token="x", address="203.0.113.77")

        lines = [each for each in caplog.messages if "unknown token of a device" in each]
        assert len(lines) == 1
        assert "203.0.113.77" in lines[0]

    def test_takes_one_query_and_writes_once_a_minute(self, laptop: BackingUp) -> None:
        ask("me", token=laptop.token, HTTP_USER_AGENT="rollcall-agent/1.2")
        first = Device.objects.get()
        assert first.last_connected is not None
        assert first.app_version == "1.2"

        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask("me", token=laptop.token)
        assert len(queries) == 1
        assert Device.objects.get().last_connected == first.last_connected

        an_hour_ago = timezone.now() - timedelta(hours=1)
        Device.objects.update(last_connected=an_hour_ago)
        ask("me", token=laptop.token)
        assert Device.objects.filter(last_connected__gt=an_hour_ago).exists()
        assert DeviceToken.objects.get().used_at is not None

    def test_writes_over_a_time_to_come_as_the_clock_was_put_back(self, laptop: BackingUp) -> None:
        ask("me", token=laptop.token)
        tomorrow = timezone.now() + timedelta(days=1)
        Device.objects.update(last_connected=tomorrow)
        DeviceToken.objects.update(used_at=tomorrow)

        ask("me", token=laptop.token)

        assert Device.objects.filter(last_connected__lt=tomorrow).exists()
        assert DeviceToken.objects.filter(used_at__lt=tomorrow).exists()


class TestAReport:
    def test_is_kept_and_is_the_last_backup(self, laptop: BackingUp) -> None:
        assert ask("report", REPORT, token=laptop.token).status_code == 204

        kept = BackupReport.objects.get()
        assert (kept.files, kept.read_bytes, kept.new_bytes, kept.seconds) == (9, 99, 5, 12)
        assert Device.objects.get().last_backup_at == kept.at

    def test_of_a_failure_is_no_backup(self, laptop: BackingUp) -> None:
        ask("report", REPORT | {"exit_code": 1, "message": "x" * 9000}, token=laptop.token)

        assert len(BackupReport.objects.get().message) == 4000
        assert Device.objects.get().last_backup_at is None

    def test_of_a_refused_device_is_taken(self, laptop: BackingUp) -> None:
        blocking.block(user_ids=[laptop.device.user_id], by=SYSTEM, at=NOW)

        assert ask("report", REPORT | {"exit_code": 77}, token=laptop.token).status_code == 204

    @pytest.mark.parametrize(
        "wrong",
        [
            {"exit_code": -1},
            {"exit_code": "0"},
            {"exit_code": True},
            {"exit_code": None},
            {"files": 2**63},
            {"seconds": 1e400},
            {"seconds": None},
            {"message": []},
            {"snapshot": "x" * 65},
            {"snapshot": "\0"},
        ],
    )
    def test_that_makes_no_sense_is_refused(self, laptop: BackingUp, wrong: dict[str, object]) -> None:
        answer = ask("report", REPORT | wrong, token=laptop.token)

        assert (answer.status_code, code_of(answer)) == (400, "bad-request")
        assert not BackupReport.objects.exists()

    def test_is_refused_after_many_within_an_hour(self, laptop: BackingUp) -> None:
        for _ in range(backup_reports.MOST_AN_HOUR):
            ask("report", REPORT, token=laptop.token)

        assert ask("report", REPORT, token=laptop.token).status_code == 429
        assert BackupReport.objects.count() == backup_reports.MOST_AN_HOUR


class TestANewArchive:
    def test_is_begun_where_the_old_one_is_gone(self, laptop: BackingUp) -> None:
        Archive.objects.all().delete()
        assert ask("me", token=laptop.token).json()["code"] == "no-archive"

        given = ask("archive", {}, token=laptop.token).json()

        assert given["repository_password"] != laptop.password
        assert ask("me", token=laptop.token).json()["allowed"] is True

    def test_is_refused_beside_a_live_one(self, laptop: BackingUp) -> None:
        assert ask("archive", {}, token=laptop.token).status_code == 409
