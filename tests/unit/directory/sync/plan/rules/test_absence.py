"""Who is absent: only whom no complete reading has, where nothing speaks against it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from directory.sync.plan.rules import absence
from directory.sync.plan.rules.absence import KnownBefore, ServerReading
from directory.values.ldap import Identity
from directory.values.plan import LookupResult, Presence

CORP = ServerReading(1, "Corp", pages=3, entries=2500, complete=True)
BRANCH = ServerReading(2, "Branch", pages=1, entries=1, complete=True)
STRANGER = KnownBefore()
NAMESAKE = Identity("uid=sean,dc=other", "", ("sean",))


@dataclass(frozen=True, slots=True)
class Unidentified:
    nameless: str = ""
    idless: str = ""

    def without_username(self) -> str:
        return self.nameless

    def without_id(self) -> str:
        return self.idless


def _decided(
    *searched: ServerReading,
    known: KnownBefore = STRANGER,
    namesakes: tuple[Identity, ...] = (),
    unidentified: Unidentified | None = None,
) -> LookupResult:
    return absence.of_nobody_found(searched, known, namesakes, unidentified=lambda _: unidentified or Unidentified())


def test_whom_no_complete_reading_has_is_absent() -> None:
    result = _decided(CORP, BRANCH)
    assert result.presence is Presence.ABSENT
    assert result.reason == (
        "nobody matches in Corp (2500 entries in 3 pages), Branch (1 entry in 1 page), searched to the last page"
    )


def test_the_server_that_had_the_user_last_counts_the_loss() -> None:
    assert _decided(CORP, BRANCH, known=KnownBefore("id", 1, has_ids=True)).server == "Corp"
    assert _decided(CORP, BRANCH, known=KnownBefore("id", 7, has_ids=True)).server == "Branch"


def test_entries_with_the_username_of_somebody_else_are_named() -> None:
    result = _decided(CORP, known=KnownBefore("id", 1, has_ids=True), namesakes=(NAMESAKE,))
    assert result.reason.startswith("nobody with a known immutable id of this user in Corp")
    assert result.namesakes == (NAMESAKE,)


def test_a_reading_of_changes_looks_for_nobody() -> None:
    changes = ServerReading(1, "Corp", complete=True, extent="changes since 12:00")
    result = _decided(changes, namesakes=(NAMESAKE,))
    assert (result.presence, result.namesakes) == (Presence.NOT_LOOKED_FOR, ())
    assert result.reason == "Corp was asked for changes since 12:00, and a full reading tells who is absent"


@pytest.mark.parametrize(
    ("reading", "known", "unidentified", "reason"),
    [
        (
            ServerReading(1, "Corp", complete=True, unread="ldap://b"),
            KnownBefore(),
            Unidentified(),
            "refers to ldap://b",
        ),
        (CORP, STRANGER, Unidentified(nameless="cn=x"), "entries without a username, such as cn=x"),
        (
            CORP,
            KnownBefore("id", 1, has_ids=True),
            Unidentified(idless="cn=y"),
            "without an immutable id, such as cn=y",
        ),
    ],
)
def test_a_doubt_leaves_the_user_unchecked(
    reading: ServerReading, known: KnownBefore, unidentified: Unidentified, reason: str
) -> None:
    result = _decided(BRANCH, reading, known=known, unidentified=unidentified, namesakes=(NAMESAKE,))
    assert (result.presence, result.namesakes) == (Presence.NOT_CHECKED, ())
    assert reason in result.reason


@pytest.mark.parametrize(
    ("known", "unidentified"),
    [
        (KnownBefore("id", 1, has_ids=True), Unidentified(nameless="cn=x")),
        (KnownBefore("id", 2, has_ids=True), Unidentified(idless="cn=y")),
        (STRANGER, Unidentified(idless="cn=y")),
    ],
    ids=["its id would tell it apart", "another server had the user", "no id is known that could be hidden"],
)
def test_entries_that_cannot_be_the_user_are_no_doubt(known: KnownBefore, unidentified: Unidentified) -> None:
    assert _decided(CORP, known=known, unidentified=unidentified).presence is Presence.ABSENT


def test_a_server_that_took_no_part_leaves_the_user_unchecked() -> None:
    result = absence.unread(9, None, known_id="id")
    assert (result.presence, result.server_id, result.known_id) == (Presence.NOT_CHECKED, 9, "id")
    assert result.reason == "an LDAP server of this org is disabled or took no part in this run"


def test_a_reading_that_broke_off_leaves_the_user_unchecked() -> None:
    broken = ServerReading(1, "Corp", error="the server is busy.")
    result = absence.unread(1, broken, known_id="")
    assert (result.presence, result.server) == (Presence.NOT_CHECKED, "Corp")
    assert result.reason == "Corp was not read to its end: the server is busy"


def test_who_came_into_scope_meanwhile_was_not_looked_for() -> None:
    result = absence.not_looked_for(_decided(CORP))
    assert (result.presence, result.server) == (Presence.NOT_CHECKED, "Corp")
    assert "while the directory was being read" in result.reason
