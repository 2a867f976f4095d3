"""What a field of an LDAP server says of itself: whether a stored secret might be sent elsewhere when it is changed."""

from __future__ import annotations

import dataclasses

from directory.values import server_fields
from directory.values.server_field_kinds import FieldKind, FieldSection, ServerField


class TestSecrets:
    def test_go_by_what_says_where_they_are_sent(self) -> None:
        assert server_fields.secrets() == {
            "bind_password": ("urls", "start_tls", "verify_certificates", "ca_certificate", "bind_dn", "follow_referrals"),
            "client_key": ("urls", "start_tls", "verify_certificates", "ca_certificate", "sasl_external", "follow_referrals"),
        }  # fmt: skip

    def test_a_new_field_of_the_connection_asks_for_all_of_them_unless_it_says_otherwise(self) -> None:
        field = ServerField("gateway", FieldKind.NAME, section=FieldSection.CONNECTION)
        assert field.sends("bind_password")
        assert field.sends("client_key")
        assert not dataclasses.replace(field, secrets=()).sends("bind_password")
        assert not dataclasses.replace(field, section=FieldSection.SEARCH).sends("bind_password")
