"""An LDAP server with a password, whoever tries its settings out, and comparing before and after."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.invariants import broken
from directory.models import LdapServer, SyncSettings
from tests.attacks.ldap_pages import as_typed, filled_in
from tests.catalogue import Row
from tests.state import Rows, changed_users, differences, lost, snapshot
from tests.worlds import ldap_server

SECRET = "bind-canary-90210"
READER = "cn=reader,dc=example,dc=com"


def corp(where: str, **values: Any) -> LdapServer:
    """Store a server with a password, and another one beside it."""
    SyncSettings.load()
    ldap_server("ldaps://branch.invalid", name="Branch", orgs=[], search_base="dc=branch")
    return ldap_server(where, **{"bind_dn": READER, "bind_password": SECRET, "connect_timeout": 2, **values})


def unchanged(row: Row, before: Rows, result: str) -> None:
    """Note what was said, and that nothing has changed."""
    after = snapshot()
    assert differences(before, after) == []
    assert broken(at=timezone.now()) == []
    row.saw(result, wrongly_changed=len(changed_users(before, after)), lost=lost(before, after))


def saved_by_page(client: Client, server: LdapServer, change: dict[str, Any]) -> Any:
    return client.post(reverse("ldap_servers:edit", args=[server.pk]), filled_in(client, server) | as_typed(change))


def tried(client: Client, server: LdapServer, change: dict[str, Any], button: str = "test-connection") -> bytes:
    page = reverse(f"ldap_servers:{button}", args=[server.pk])
    response = client.post(page, filled_in(client, server) | as_typed(change))
    assert response.status_code == 200
    return response.content
