"""Decides which devices and archives an undo can put back, and says why it can't put back the others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from directory.sync.plan.rules.change_builder import ChangeBuilder
from directory.values.plan import Action

Values = Mapping[str, Any]

LIVE, COLD = "live", "cold storage"
# The newest audit entry about another computer behind the device; None for none.
_COMPUTER = "computer_changed"
_STATE = ("active", "deactivated_by", "deactivated_at", "deactivated_with_user")


def put_back_devices_archives(
    builder: ChangeBuilder,
    side_effects: Values,
    *,
    devices: Mapping[str, Values],
    archives: Mapping[str, Values],
    at: datetime,
) -> dict[str, Any]:
    """Return the changed devices and archives that are put back, and add the steps for them.

    ``devices`` and ``archives`` are the present ones of the user. They are put back only as far as the user is.
    """
    to_restore = {
        "devices": _devices_to_restore(builder, side_effects["devices"]),
        "archives": _archives_to_restore(builder, side_effects["archives"]),
    }
    possible, problems = still_possible(
        to_restore, devices=devices, archives=archives, at=at, on_hold=builder.user.on_hold
    )
    builder.steps += [*_device_steps(possible["devices"]), *_archive_steps(possible["archives"])]
    builder.steps += [f"{problem}." for problem in problems]
    builder.warnings += problems
    return possible


def _devices_to_restore(builder: ChangeBuilder, changed: Mapping[str, Values]) -> dict[str, Any]:
    whole_user = {Action.REACTIVATE, Action.DEACTIVATE} & set(builder.actions)
    moved = Action.MOVE in builder.actions
    to_restore = {}
    for key, device in changed.items():
        before, after = device["before"], device["after"]
        then = dict(after)
        if whole_user:
            then |= {name: before[name] for name in _STATE}
        if moved:
            then["authorized"] = before["authorized"]
        if then != after:
            noted = {name: value for name, value in device.items() if name in {"name", _COMPUTER}}
            to_restore[key] = {**noted, "now": after, "then": then}
    return to_restore


def _archives_to_restore(builder: ChangeBuilder, changed: Mapping[str, Values]) -> dict[str, Any]:
    ways = {(COLD, LIVE): Action.REACTIVATE, (LIVE, COLD): Action.DEACTIVATE}
    to_restore = {}
    for key, archive in changed.items():
        before, after = archive["before"], archive["after"]
        way = ways.get((after["state"], before["state"]))
        if way is not None and way in builder.actions:
            to_restore[key] = {"device": archive["device"], "bytes": archive["bytes"], "now": after, "then": before}
    return to_restore


def still_possible(
    to_restore: Values, *, devices: Mapping[str, Values], archives: Mapping[str, Values], at: datetime, on_hold: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return the part of ``to_restore`` that can be put back now, and the reasons for the rest."""
    kept: dict[str, Any] = {"devices": {}, "archives": {}}
    problems = []
    for key, device in to_restore["devices"].items():
        if problem := _device_problem(device, devices.get(key)):
            problems.append(problem)
        else:
            kept["devices"][key] = device
    for key, archive in to_restore["archives"].items():
        now = archives.get(key)
        if problem := _archive_problem(archive, now, at, on_hold=on_hold):
            problems.append(problem)
        elif now is not None and now["state"] == archive["now"]["state"]:
            kept["archives"][key] = archive
    return kept, problems


def _device_problem(device: Values, now: Values | None) -> str:
    if now is None:
        return f"{device['name']} is not this user's device any more"
    if any(now[name] != value for name, value in device["now"].items()) or _has_another_computer(device, now):
        return f"{device['name']} has been changed since and stays as it is"
    return ""


def _has_another_computer(device: Values, now: Values) -> bool:
    """Return whether another computer came behind the device since: it gets no sign-in back, even if all else is the same."""
    if _COMPUTER not in device or now[_COMPUTER] is None:
        return False
    return device[_COMPUTER] is None or bool(now[_COMPUTER] > device[_COMPUTER])


def _archive_problem(archive: Values, now: Values | None, at: datetime, *, on_hold: bool) -> str:
    whose = f"The archive of {archive['device']}"
    if not _is_live(archive):
        passed = datetime.fromisoformat(archive["then"]["expires_at"]) <= at
        return f"{whose} was to expire before now: it is kept for its org's retention from now on" if passed else ""
    if now is None:
        return f"{whose} has been purged since and stays lost"
    overdue = now["state"] == COLD and datetime.fromisoformat(now["expires_at"]) <= at and not on_hold
    if overdue or now["state"] not in {LIVE, COLD}:
        return f"{whose} has expired since and stays lost"
    return ""


def _is_live(archive: Values) -> bool:
    return bool(archive["then"]["state"] == LIVE)


def _device_steps(devices: Mapping[str, Values]) -> list[str]:
    ways: dict[str, list[str]] = {}
    for device in devices.values():
        now, then = device["now"], device["then"]
        if then["active"] != now["active"]:
            ways.setdefault("active again" if then["active"] else "deactivated again", []).append(device["name"])
        if then["authorized"] != now["authorized"]:
            way = "authorized again, without another sign-in" if then["authorized"] else "to sign in again"
            ways.setdefault(way, []).append(device["name"])
    return [f"{_number(names, 'device')} {way}: {', '.join(names)}." for way, names in ways.items()]


def _archive_steps(archives: Mapping[str, Values]) -> list[str]:
    leaving = [archive["device"] for archive in archives.values() if _is_live(archive)]
    returning = [archive for archive in archives.values() if not _is_live(archive)]
    steps = [f"{_number(leaving, 'archive')} out of cold storage."] if leaving else []
    if returning:
        dates = sorted({archive["then"]["expires_at"][:10] for archive in returning})
        steps.append(f"{_number(returning, 'archive')} back to cold storage, until {', '.join(dates)}.")
    return steps


def _number(things: list[Any], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
