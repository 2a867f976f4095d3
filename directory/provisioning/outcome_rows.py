"""What an upload did with each of its rows, as plain values that are kept with the audit trail."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from directory.provisioning.decision_values import compressed, uncompressed
from directory.provisioning.upload_rows import Fate, UploadRow
from orgs.text import fold


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One row of a finished upload; ``user_id`` is the created user's, None if no user was created from it.

    ``org_id`` is the org that decides who may see the row: the user's, or for other rows the one that was chosen.
    """

    line: int
    username: str
    email: str
    first_name: str
    last_name: str
    org: str
    org_id: int
    fate: Fate
    user_id: int | None = None
    roles: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def outcome_rows(
    rows: Sequence[UploadRow],
    *,
    created: Mapping[int, tuple[int, int]],
    org_id: int,
    org_ids: Mapping[str, int],
    role_names: Mapping[int, str],
) -> list[OutcomeRow]:
    """Return what was done with each row.

    ``created`` has by line the ids of the new user and of their org; ``org_id`` is the org that was chosen, ``org_ids`` are
    the ids by folded name of the orgs that rows may name.
    """
    return [_outcome(each, created.get(each.row.line), org_id, org_ids, role_names) for each in rows]


def _outcome(
    each: UploadRow,
    made: tuple[int, int] | None,
    org_id: int,
    org_ids: Mapping[str, int],
    role_names: Mapping[int, str],
) -> OutcomeRow:
    profile = each.decision.profile if made is not None and each.decision is not None else each.row
    return OutcomeRow(
        line=each.row.line,
        username=profile.username,
        email=profile.email,
        first_name=profile.first_name,
        last_name=profile.last_name,
        org=each.decision.org if made is not None and each.decision is not None else each.row.org,
        org_id=made[1] if made is not None else org_ids.get(fold(each.row.org), org_id),
        fate=each.fate,
        user_id=made[0] if made is not None else None,
        roles=_roles(each, role_names) if made is not None else (),
        reasons=tuple(each.reasons),
    )


def _roles(each: UploadRow, role_names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(sorted(role_names[pk] for pk in each.decision.roles)) if each.decision is not None else ()


def packed(rows: Sequence[OutcomeRow]) -> str:
    """Return rows as compressed text."""
    return compressed([{name: getattr(each, name) for name in OutcomeRow.__slots__} for each in rows])


def unpacked(text: str) -> list[OutcomeRow]:
    """Return the rows in a packed text."""
    return [_row(values) for values in uncompressed(text)]


def _row(values: dict[str, Any]) -> OutcomeRow:
    made = {"fate": Fate(values["fate"]), "roles": tuple(values["roles"]), "reasons": tuple(values["reasons"])}
    return OutcomeRow(**(values | made))


def seen_from(rows: Sequence[OutcomeRow], org_ids: Collection[int]) -> list[OutcomeRow]:
    """Return the rows that somebody may see who administers these orgs."""
    return [each for each in rows if each.org_id in org_ids]
