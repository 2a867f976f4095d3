"""Decisions about applicants, as plain values that can be shown, stored and carried out later."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from orgs.actions.users.user_profiles import Profile


class Case(StrEnum):
    """What is special about an applicant; a refusal or a warning of the decision says it in words."""

    NOTHING = ""
    LOCAL = "local"
    INACTIVE = "inactive"
    USER_ALREADY = "user already"
    NOT_IN_DIRECTORY = "not in directory"
    PASSWORD = "password"  # noqa: S105  # the name of a case


NOT_IN_DIRECTORY = "not created: the directory has no such person. Correct the username, or ask for people who are not in the directory"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about one applicant.

    ``way`` are the names of orgs that lead from the org with the id ``start`` to the user's org; those in ``makes`` do not
    exist yet. ``match`` is server id, DN and immutable ids of the entry. ``password`` is hashed.
    """

    line: int
    profile: Profile
    start: int
    way: tuple[str, ...]
    org: str
    makes: tuple[str, ...] = ()
    roles: tuple[int, ...] = ()
    notes: str = ""
    managed_locally: bool = False
    password: str = field(default="", repr=False)
    match: tuple[int, str, tuple[str, ...]] | None = None
    findings: str = ""
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    case: Case = Case.NOTHING


def without_unknown(decision: Decision) -> Decision:
    """Return the decision, refused if it is about a person who is not in the directory."""
    if decision.case != Case.NOT_IN_DIRECTORY:
        return decision
    return replace(decision, refusal=NOT_IN_DIRECTORY, warnings=(), makes=(), roles=())


def packed(decisions: Sequence[Decision]) -> str:
    """Return decisions as compressed text."""
    return compressed([as_json(each) for each in decisions])


def as_json(decision: Decision) -> dict[str, Any]:
    """Return a decision as plain values for ``compressed``."""
    return {name: getattr(decision, name) for name in Decision.__slots__}


def compressed(plain: Any) -> str:
    """Return plain values as compressed text."""
    return base64.b85encode(zlib.compress(json.dumps(plain, default=asdict).encode())).decode("ascii")


def uncompressed(text: str) -> Any:
    """Return the plain values in a compressed text."""
    return json.loads(zlib.decompress(base64.b85decode(text)))


def from_json(values: dict[str, Any]) -> Decision:
    """Return the decision of plain values."""
    match = values["match"]
    changed: dict[str, Any] = {
        "profile": Profile(**values["profile"]),
        "case": Case(values["case"]),
        "match": None if match is None else (int(match[0]), str(match[1]), tuple(map(str, match[2]))),
    }
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Decision(**(plain | changed))
