"""The digest of a configuration changes with each field that decides anything, and with nothing else; its form stays."""

from __future__ import annotations

from typing import Any

import pytest

from directory.models import LdapServer
from directory.values.server_digest import in_digest
from directory.values.server_field_kinds import LISTS, FieldKind, InDigest, ServerField
from directory.values.server_fields import FIELDS


def other(field: ServerField, value: Any) -> Any:
    """Return another value for a field."""
    if field.kind is FieldKind.FLAG:
        return not value
    if field.kind is FieldKind.NUMBER:
        return (value or 0) + 1
    return [*value, "dc=other"] if field.kind in LISTS else f"{value}x"


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_changes_it_where_it_says_so(field: ServerField) -> None:
    before = LdapServer(resolve_groups=field.name != "resolve_groups")
    after = LdapServer(resolve_groups=before.resolve_groups)
    setattr(after, field.name, other(field, getattr(before, field.name)))
    changed = after.configuration_digest != before.configuration_digest
    assert changed is (field.name in in_digest()), "directory/values/server_digest.py"


def test_in_words_of_its_own_is_only_what_was_there_before_there_was_a_rule() -> None:
    assert {field.name for field in FIELDS if field.in_digest is InDigest.EARLIER} == {
        "client_certificate", "sasl_external", "left_out_contexts", "dereference_aliases", "cannot_page",
        "needed_attributes_only", "resolve_groups", "groups_base", "groups_filter", "groups_depth",
    }  # fmt: skip


class TestTheDigest:
    """Stored simulations and verdicts go by it, so these are written down: another form would void them on every server."""

    def test_of_a_new_server_is_what_it_was(self) -> None:
        assert LdapServer().configuration_digest == "1cc4aefafeaa45d3052e004a57c227eb5a7dea82dfeed11e60cee777dc405a52"

    def test_of_a_server_with_everything_that_was_in_it_from_the_start_is_what_it_was(self) -> None:
        server = LdapServer(
            urls=["ldaps://a"],
            start_tls=True,
            verify_certificates=False,
            ca_certificate="CA",
            bind_dn="cn=x",
            follow_referrals=True,
            search_base="dc=x",
            search_scope="base",
            search_filter="(a=b)",
            username_attribute="u",
            email_attribute="e",
            first_name_attribute="f",
            last_name_attribute="l",
            unique_id_attribute="i",
            always_list_attributes=["m"],
            active_script="1",
            org_name_script="2",
            role_name_script="3",
        )
        assert server.configuration_digest == "030b30bfa7d1db8f2fb1bf0137f6cd920cfd4ec69953afbfa8f101d77767307e"

    def test_of_a_server_with_everything_that_came_later_is_what_it_was(self) -> None:
        server = LdapServer(
            needed_attributes_only=True,
            cannot_page=True,
            resolve_groups=True,
            groups_base="ou=g",
            groups_filter="(g=*)",
            groups_depth=3,
            client_certificate="C",
            sasl_external=True,
            left_out_contexts=["dc=y"],
            dereference_aliases=True,
        )
        assert server.configuration_digest == "9694eb97a5b8de8070c46f9b172ebf49385b7da4bb46264af84da46e8906801c"
