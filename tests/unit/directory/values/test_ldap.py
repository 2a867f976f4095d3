"""Entries, identities and connections: what is read from them, and what they never show."""

from __future__ import annotations

import pytest

from directory.values.ldap import Connection, Entry, Identity


class TestAnEntry:
    @pytest.mark.parametrize("name", ["givenName", "GIVENNAME", "givenname"])
    def test_has_its_values_under_any_letter_case(self, name: str) -> None:
        assert Entry("uid=ann", {"givenName": ("Ann", "Anne")}).values(name) == ("Ann", "Anne")

    def test_has_no_values_of_what_it_lacks(self) -> None:
        assert Entry("uid=ann", {"givenName": ("Ann",)}).values("given") == ()

    def test_is_the_same_whether_somebody_has_taken_a_hash_of_it(self) -> None:
        assert Entry("uid=ann", {}) == Entry("uid=ann", {}, digest=b"1")


class TestAnIdentity:
    def test_has_all_ids_the_chosen_one_first(self) -> None:
        assert Identity("uid=ann", "id-1", ("ann",), further_ids=("id-2", "id-3")).ids == ("id-1", "id-2", "id-3")

    def test_without_an_id_has_none(self) -> None:
        assert Identity("uid=ann", "", ("ann",)).ids == ()


def test_a_connection_shows_neither_its_password_nor_its_key() -> None:
    shown = repr(Connection("Corp", ("ldap://a",), "dc=example", bind_password="s3cret", client_key="k3y"))

    assert "s3cret" not in shown
    assert "k3y" not in shown
