"""The gate: who may back up and restore, and which reason everybody else gets."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orgs.actions import devices, legal_holds
from orgs.actions.backups import tokens
from orgs.actions.devices_by_hand import states
from orgs.actions.users import blocking, deactivation
from orgs.backups import gate
from orgs.backups.gate import BackupAct, BackupState
from orgs.models import Archive, ArchiveMove, ArchiveState, Repository, RepositoryLocation
from orgs.rules.actors import SYSTEM
from tests.backups import signed_in_device
from tests.makers import make_sysadmin, signed_in
from tests.worlds import NOON, user

MAY = BackupState(
    device_id=1,
    guid="123456789012345678",
    has_token=True,
    user_active=True,
    user_blocked=False,
    device_active=True,
    device_blocked=False,
    authorized=True,
    on_hold=False,
    archive_id=1,
    archive_state=ArchiveState.LIVE,
    location=RepositoryLocation.LIVE,
)

# In the order in which they are checked: a device with several reasons gets the first.
TABLE: list[tuple[str, int, dict[str, Any]]] = [
    ("unknown", 401, {"has_token": False}),
    ("user-inactive", 403, {"user_active": False}),
    ("user-blocked", 403, {"user_blocked": True}),
    ("device-inactive", 403, {"device_active": False}),
    ("device-blocked", 403, {"device_blocked": True}),
    ("device-deauthorized", 403, {"authorized": False}),
    ("archive-expired", 403, {"archive_state": ArchiveState.EXPIRED}),
    ("archive-cold", 503, {"archive_state": ArchiveState.COLD_STORAGE}),
    ("archive-cold", 503, {"location": RepositoryLocation.MOVING}),
    ("archive-cold", 503, {"location": RepositoryLocation.COLD}),
    ("no-archive", 403, {"location": ""}),
    ("no-archive", 403, {"archive_id": None, "archive_state": "", "location": ""}),
]


def code(state: BackupState | None, **how: Any) -> str:
    found = gate.refusal(state, **how)
    return found.code if found else ""


class TestTheTable:
    @pytest.mark.parametrize(("expected", "status", "facts"), TABLE)
    def test_has_a_status_a_code_and_words_for_each_reason(
        self, expected: str, status: int, facts: dict[str, Any]
    ) -> None:
        found = gate.refusal(replace(MAY, **facts))

        assert found is not None
        assert (found.code, found.status, bool(found.retry_after)) == (expected, status, status == 503)
        assert str(found.sentence).isascii()
        assert str(found.sentence).isprintable()

    def test_gives_the_first_of_two_reasons(self) -> None:
        for (first, _, some), (_, _, others) in itertools.combinations(TABLE[:6], 2):
            assert code(replace(MAY, **some, **others)) == first

    def test_knows_no_device_without_a_token(self) -> None:
        assert code(None) == "unknown"

    def test_keeps_devices_out_of_the_folders_of_others_before_all_else(self) -> None:
        assert code(MAY, guid=MAY.guid) == ""
        assert code(MAY, guid="223456789012345678") == "other-device"
        assert code(replace(MAY, user_active=False), guid="é") == "other-device"

    def test_lets_nobody_delete(self) -> None:
        assert code(MAY, act=BackupAct.DELETE) == "append-only"
        assert code(replace(MAY, on_hold=True), act=BackupAct.DELETE) == "legal-hold"
        assert code(replace(MAY, on_hold=True)) == ""


def test_in_any_state_exactly_those_may_back_up_whom_the_rules_allow() -> None:
    """An active, unblocked user with an authorized, active, unblocked device, whose archive is live."""
    flags = ("has_token", "user_active", "user_blocked", "device_active", "device_blocked", "authorized", "on_hold")
    archives = list(itertools.product(ArchiveState, ["", *RepositoryLocation]))
    for values in itertools.product([False, True], repeat=len(flags)):
        facts: dict[str, Any] = dict(zip(flags, values, strict=True))
        right = {**facts, "on_hold": False} == {
            "has_token": True,
            "user_active": True,
            "user_blocked": False,
            "device_active": True,
            "device_blocked": False,
            "authorized": True,
            "on_hold": False,
        }
        for state, location in archives:
            live = state == ArchiveState.LIVE and location == RepositoryLocation.LIVE
            allowed = gate.refusal(replace(MAY, **facts, archive_state=state, location=location)) is None
            assert allowed is (right and live), (facts, state, location)


@pytest.mark.django_db
class TestADevice:
    def test_is_let_in_by_its_token_alone_with_one_query(self) -> None:
        one, other = signed_in_device(user("sean")), signed_in_device(user("mia"))

        with CaptureQueriesContext(connection) as queries:
            state = gate.of_token(one.token)

        assert len(queries) == 1
        assert (code(state, guid=one.guid), code(state, guid=other.guid)) == ("", "other-device")
        assert code(gate.of_token("x" * 43)) == "unknown"
        assert code(gate.of_token("\ud800")) == "unknown"

    def test_is_refused_as_soon_as_the_user_or_the_device_is_cut_off(self) -> None:
        sean = user("sean")
        one = signed_in_device(sean)
        ids = [one.device.pk]

        def now() -> str:
            return code(gate.of_token(one.token))

        states.block(device_ids=ids, by=SYSTEM, at=NOON)
        assert now() == "device-blocked"
        states.unblock(device_ids=ids, by=SYSTEM, at=NOON)
        states.deauthorize(device_ids=ids, by=SYSTEM, at=NOON)
        assert now() == "device-deauthorized"
        states.authorize(device_ids=ids, by=SYSTEM, at=NOON)
        assert now() == ""
        blocking.block(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        assert now() == "user-blocked"
        blocking.unblock(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        deactivation.deactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        assert now() == "user-inactive"
        deactivation.reactivate(user_ids=[sean.pk], by=SYSTEM, at=NOON)
        # Its archive is on the way back.
        assert now() == "archive-cold"
        ArchiveMove.objects.all().delete()
        Repository.objects.update(location=RepositoryLocation.LIVE)
        assert now() == ""

    def test_on_legal_hold_backs_up_and_deletes_nothing(self) -> None:
        sean = user("sean")
        one = signed_in_device(sean)
        matter = legal_holds.open_matter(name="Lease", by=SYSTEM, at=NOON)
        legal_holds.add_custodians(matter=matter, user_ids=[sean.pk], by=SYSTEM, at=NOON)

        state = gate.of_token(one.token)

        assert (code(state), code(state, act=BackupAct.DELETE)) == ("", "legal-hold")

    def test_with_an_old_archive_beside_the_live_one_is_let_in(self) -> None:
        one = signed_in_device(user("sean"))
        Archive.objects.create(
            device=one.device, state=ArchiveState.EXPIRED, cold_since=NOON, expires_at=NOON, purge_at=NOON
        )

        assert code(gate.of_token(one.token)) == ""

    def test_shows_on_its_page_what_the_gate_answers(self) -> None:
        one = signed_in_device(user("sean"))
        browser = signed_in(make_sysadmin())
        page = f"/devices/{one.device.pk}/"

        assert "<dd>allowed</dd>" in "".join(browser.get(page).content.decode().split("\n")).replace("  ", "")
        devices.deactivate(device_ids=[one.device.pk], by=SYSTEM, at=NOON)
        refused = browser.get(page).content.decode()

        assert str(gate.DEVICE_INACTIVE.sentence) in refused
        tokens.end(device_ids=[one.device.pk])
        assert str(gate.UNKNOWN.sentence) in browser.get(page).content.decode()
