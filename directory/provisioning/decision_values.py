"""Decisions about applicants, as plain values that can be shown, stored and carried out later."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orgs.actions.users.user_profiles import Profile


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


def packed(decisions: Sequence[Decision]) -> str:
    """Return decisions as compressed text."""
    plain = [{name: getattr(each, name) for name in Decision.__slots__} for each in decisions]
    return base64.b85encode(zlib.compress(json.dumps(plain, default=asdict).encode())).decode("ascii")


def unpacked(text: str) -> list[Decision]:
    """Return the decisions in a packed text."""
    return [_decision(values) for values in json.loads(zlib.decompress(base64.b85decode(text)))]


def _decision(values: dict[str, Any]) -> Decision:
    match = values["match"]
    changed: dict[str, Any] = {
        "profile": Profile(**values["profile"]),
        "match": None if match is None else (int(match[0]), str(match[1]), tuple(map(str, match[2]))),
    }
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Decision(**(plain | changed))
