"""The rows of an upload as plain values: each with its fate and the reasons, stored between preview and creation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from directory.provisioning.csv_files.csv_file import Problem, Row
from directory.provisioning.decision_values import Decision, as_json, compressed, from_json, uncompressed
from orgs.text import fold

# Raised by a change of the stored form: previews of an earlier form are not read.
FORM = 2


class Fate(StrEnum):
    """What becomes of a row."""

    CREATED = "created"
    WARNED = "warned"
    REFUSED = "refused"
    INACTIVE = "inactive"
    THERE = "there"
    LEFT_OUT = "left-out"


IN_WORDS = {
    Fate.CREATED: "to be created",
    Fate.WARNED: "to be created, with a warning",
    Fate.REFUSED: "refused",
    Fate.INACTIVE: "inactive by script",
    Fate.THERE: "there already",
    Fate.LEFT_OUT: "left out",
}
BECOME_USERS = frozenset({Fate.CREATED, Fate.WARNED})


@dataclass(frozen=True, slots=True)
class UploadRow:
    """One row: its values without the password, the fate, and why; ``changed`` is what has changed since the last preview."""

    row: Row
    hashed_password: str = field(default="", repr=False)
    left_out: bool = False
    fate: Fate = Fate.CREATED
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    decision: Decision | None = None
    changed: str = ""

    @property
    def becomes_user(self) -> bool:
        """Whether a user will be created from this row."""
        return self.fate in BECOME_USERS

    @property
    def reasons(self) -> list[str]:
        """Return all that is said about the row: problems, what the directory said, warnings."""
        findings = [self.decision.findings] if self.decision is not None and self.decision.findings else []
        return [*map(str, self.problems), *findings, *self.warnings]


@dataclass(frozen=True, slots=True)
class UploadContent:
    """All rows of an upload, notes and warnings about how it was read, and what the uploader has asked for."""

    rows: tuple[UploadRow, ...]
    notes: tuple[str, ...] = ()
    create_unknown: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def created(self) -> list[Decision]:
        """Return the decisions about the users who will be created."""
        return [each.decision for each in self.rows if each.becomes_user and each.decision is not None]


def packed(content: UploadContent) -> str:
    """Return the content of an upload as compressed text."""
    rows = [
        {name: getattr(each, name) for name in UploadRow.__slots__}
        | {
            "row": {name: getattr(each.row, name) for name in Row.__slots__ if name != "password"},
            "decision": as_json(each.decision) if each.decision is not None else None,
        }
        for each in content.rows
    ]
    whole = {name: getattr(content, name) for name in ("notes", "create_unknown", "warnings")}
    return compressed({"form": FORM, "rows": rows} | whole)


def unpacked(text: str) -> UploadContent | None:
    """Return the content in a packed text; None if an earlier version of Rollcall has packed it in another form."""
    stored = uncompressed(text)
    if not isinstance(stored, dict) or stored.get("form") != FORM:
        return None
    rows = tuple(_row(values) for values in stored["rows"])
    return UploadContent(
        rows, tuple(stored["notes"]), bool(stored["create_unknown"]), tuple(stored.get("warnings", ()))
    )


def _row(values: dict[str, Any]) -> UploadRow:
    row = values["row"]
    made: dict[str, Any] = {
        "row": Row(**(row | {"lasting": _problems(row["lasting"])})),
        "fate": Fate(values["fate"]),
        "problems": _problems(values["problems"]),
        "warnings": tuple(values["warnings"]),
        "decision": from_json(values["decision"]) if values["decision"] is not None else None,
    }
    return UploadRow(**(values | made))


def _problems(stored: Sequence[Sequence[Any]]) -> tuple[Problem, ...]:
    return tuple(Problem(*each) for each in stored)


def compared(before: UploadRow, now: UploadRow) -> UploadRow:
    """Return the row as it is judged now, with what has changed since it was shown."""
    changes = [] if before.fate == now.fate else [f"was {IN_WORDS[before.fate]}, is {IN_WORDS[now.fate]}"]
    old, new = before.decision, now.decision
    if before.becomes_user and now.becomes_user and old is not None and new is not None:
        values = [
            (name, getattr(old.profile, name), getattr(new.profile, name))
            for name in ("username", "email", "first_name", "last_name")
        ]
        values.append(("org", old.org, new.org) if fold(old.org) != fold(new.org) else ("org", "", ""))
        changes += [f"{name}: {was or 'empty'} → {is_now or 'empty'}" for name, was, is_now in values if was != is_now]
        changes += ["the org has moved"] if old.start != new.start and fold(old.org) == fold(new.org) else []
        changes += ["other roles"] if old.roles != new.roles else []
        changes += ["another entry of the directory"] if old.match != new.match else []
        changes += ["other warnings"] if before.warnings != now.warnings else []
    return replace(now, changed="; ".join(changes))
