"""Devices and archives on the way back: they follow their user, and what can't come back is said with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from directory.sync.plan.rules import undo_devices_archives
from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.values.plan import Action
from tests.unit.directory.sync.plan.rules.facts import SEAN, known

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ON = {"active": True, "authorized": True, "deactivated_by": "", "deactivated_at": None, "deactivated_with_user": False}
OFF = {
    "active": False,
    "authorized": True,
    "deactivated_by": "sync",
    "deactivated_at": "2026-01-04T12:00:00+00:00",
    "deactivated_with_user": True,
}
LIVE = {"state": "live", "expires_at": None}
COLD = {"state": "cold storage", "expires_at": "2026-02-01T12:00:00+00:00"}
GONE = {"state": "expired", "expires_at": None}


def put_back(
    *actions: Action,
    device: tuple[dict[str, Any], dict[str, Any]] | None = None,
    archive: tuple[dict[str, Any], dict[str, Any]] | None = None,
    now: dict[str, Any] | None = None,
    on_hold: bool = False,
    **noted: Any,
) -> tuple[dict[str, Any], ChangeBuilder]:
    """Put back a device or an archive, given as before and after the run, for a user with these actions.

    ``noted`` is what else the run noted of the device.
    """
    builder = ChangeBuilder(known(on_hold=on_hold), SEAN)
    for action in actions:
        builder.add(action, "")
    devices = {"7": {"name": "laptop", "before": device[0], "after": device[1], **noted}} if device else {}
    archives = {"9": {"device": "laptop", "bytes": 5, "before": archive[0], "after": archive[1]}} if archive else {}
    present = {} if now is None else {"7" if device else "9": now}
    put = undo_devices_archives.put_back_devices_archives(
        builder,
        {"devices": devices, "archives": archives},
        devices=present if device else {},
        archives=present if archive else {},
        at=NOON,
    )
    builder.steps = [step for step in builder.steps if step]
    return put, builder


class TestADevice:
    def test_comes_back_with_its_user(self) -> None:
        put, builder = put_back(Action.REACTIVATE, device=(ON, OFF), now=OFF)

        assert put["devices"] == {"7": {"name": "laptop", "now": OFF, "then": ON}}
        assert builder.steps == ["1 device active again: laptop."]

    def test_stays_where_its_user_does_not_come_back(self) -> None:
        put, builder = put_back(Action.RENAME, device=(ON, OFF), now=OFF)

        assert put["devices"] == {}
        assert builder.steps == []

    def test_is_authorized_again_when_a_move_is_taken_back(self) -> None:
        put, builder = put_back(Action.MOVE, device=(ON, ON | {"authorized": False}), now=ON | {"authorized": False})

        assert put["devices"]["7"]["then"] == ON
        assert builder.steps == ["1 device authorized again, without another sign-in: laptop."]

    @pytest.mark.parametrize(
        ("now", "problem"),
        [
            (None, "laptop is not this user's device any more"),
            (OFF | {"deactivated_by": "person"}, "laptop has been changed since and stays as it is"),
        ],
    )
    def test_that_is_another_one_by_now_stays(self, now: dict[str, Any] | None, problem: str) -> None:
        put, builder = put_back(Action.REACTIVATE, device=(ON, OFF), now=now)

        assert put["devices"] == {}
        assert builder.warnings == [problem]
        assert builder.steps == [f"{problem}."]

    @pytest.mark.parametrize(
        ("noted", "now", "comes_back"),
        [
            # Runs of before Rollcall noted it say nothing of the computer.
            ({}, 4, True),
            ({"computer_changed": None}, None, True),
            ({"computer_changed": 4}, 4, True),
            # The entry of then has been removed from the audit trail since.
            ({"computer_changed": 4}, None, True),
            ({"computer_changed": None}, 4, False),
            ({"computer_changed": 4}, 5, False),
        ],
    )
    def test_that_has_another_computer_since_stays(
        self, noted: dict[str, Any], now: int | None, comes_back: bool
    ) -> None:
        off = ON | {"authorized": False}

        put, builder = put_back(Action.MOVE, device=(ON, off), now=off | {"computer_changed": now}, **noted)

        assert bool(put["devices"]) == comes_back
        assert ("laptop has been changed since and stays as it is" in builder.warnings) != comes_back


class TestAnArchive:
    def test_leaves_cold_storage_with_its_user(self) -> None:
        put, builder = put_back(Action.REACTIVATE, archive=(LIVE, COLD), now=COLD)

        assert put["archives"] == {"9": {"device": "laptop", "bytes": 5, "now": COLD, "then": LIVE}}
        assert builder.steps == ["1 archive out of cold storage."]

    def test_goes_back_to_cold_storage_until_the_day_of_before(self) -> None:
        put, builder = put_back(Action.DEACTIVATE, archive=(COLD, LIVE), now=LIVE)

        assert put["archives"]["9"]["then"] == COLD
        assert builder.steps == ["1 archive back to cold storage, until 2026-02-01."]

    def test_that_was_to_expire_by_now_gets_its_orgs_retention(self) -> None:
        put, builder = put_back(Action.DEACTIVATE, archive=(COLD | {"expires_at": NOON.isoformat()}, LIVE), now=LIVE)

        assert put["archives"] == {}
        assert builder.warnings == [
            "The archive of laptop was to expire before now: it is kept for its org's retention from now on"
        ]

    @pytest.mark.parametrize(
        ("now", "problem"),
        [
            (None, "The archive of laptop has been purged since and stays lost"),
            (GONE, "The archive of laptop has expired since and stays lost"),
            (COLD | {"expires_at": NOON.isoformat()}, "The archive of laptop has expired since and stays lost"),
        ],
    )
    def test_that_is_lost_is_told(self, now: dict[str, Any] | None, problem: str) -> None:
        put, builder = put_back(Action.REACTIVATE, archive=(LIVE, COLD), now=now)

        assert put["archives"] == {}
        assert builder.warnings == [problem]

    def test_of_somebody_on_hold_comes_back_although_its_day_has_passed(self) -> None:
        overdue = COLD | {"expires_at": NOON.isoformat()}

        put, builder = put_back(Action.REACTIVATE, archive=(LIVE, COLD), now=overdue, on_hold=True)

        assert put["archives"]["9"]["then"] == LIVE
        assert builder.warnings == []

    def test_that_somebody_has_brought_back_already_is_left_alone(self) -> None:
        put, builder = put_back(Action.REACTIVATE, archive=(LIVE, COLD), now=LIVE)

        assert put["archives"] == {}
        assert builder.warnings == []
