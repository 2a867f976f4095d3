"""A process whose LDAP servers have two fields that are nothing but entries of the registry and columns; prints what came of them."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import django

from directory.values import server_fields
from directory.values.server_field_kinds import FieldKind, FieldSection, ServerField

BASE = ServerField("mailboxes_base", FieldKind.DN, help="Where mailboxes are.", section=FieldSection.GROUPS)
SECRET = ServerField("mailbox_key", FieldKind.PASSWORD, section=FieldSection.CONNECTION, secret=True)
GATEWAY = ServerField("gateway", FieldKind.LINES, section=FieldSection.CONNECTION)
# Before anything else is imported, as if they stood there.
server_fields.FIELDS += (BASE, SECRET, GATEWAY)
django.setup()

from crispy_forms.utils import render_crispy_form  # noqa: E402
from django.db import connection, models  # noqa: E402

from directory.models import LdapServer  # noqa: E402
from orgs.models.encrypted_text import EncryptedTextField, Sealed  # noqa: E402

COLUMNS: dict[str, models.Field[Any, Any]] = {
    BASE.name: models.CharField("base of mailboxes", max_length=255, blank=True, default=""),
    SECRET.name: EncryptedTextField("mailbox key", blank=True, default=""),
    GATEWAY.name: models.JSONField("gateways", blank=True, default=list),
}
for name, column in COLUMNS.items():
    LdapServer.add_to_class(name, column)

from console.data_fix_pages.ldap_servers import LdapServerAdmin  # noqa: E402
from console.forms.ldap_servers import LdapServerForm  # noqa: E402
from directory.actions import servers  # noqa: E402
from directory.input_errors import Invalid  # noqa: E402
from directory.invariants import secrets  # noqa: E402
from directory.management import servers_json  # noqa: E402
from directory.status import servers as status  # noqa: E402
from directory.sync.review import plan_contributors  # noqa: E402
from orgs.models import AuditEntry  # noqa: E402
from orgs.rules.actors import COMMAND_LINE  # noqa: E402
from tests.makers import NOW, make_sysadmin  # noqa: E402

GIVEN = {"name": "Corp", "urls": ["ldaps://ldap.invalid"], "search_base": "dc=example", "gateway": [" a ", "b"]}


def found() -> dict[str, Any]:
    """Return what came of the fields, by where."""
    ((server, _),) = servers_json.apply(
        {**GIVEN, "mailboxes_base": " ou=mail, dc=example ", "mailbox_key": "s3cret-4711-of-mailboxes"},
        by=COMMAND_LINE,
        at=NOW,
    )
    form = LdapServerForm(viewer=make_sysadmin(), server=server)
    page = render_crispy_form(form)
    saved = AuditEntry.objects.get(action="LDAP server saved").after
    bare, other = LdapServer(), LdapServer(**{BASE.name: "ou=x"})
    return {
        "normalized": [server.mailboxes_base, server.gateway],  # type: ignore[attr-defined]
        "json": servers_json.as_json(server),
        "json type": refused({"name": "Corp", "mailboxes_base": 3, "gateway": "one"}),
        "syntax": servers.problems(server=server, values={"mailboxes_base": "no dn"}),
        "private key": sorted(servers.problems(server=server, values={"gateway": ["-----BEGIN PRIVATE KEY-----"]})),
        "page": [re.findall(r'<input[^>]*name="mailboxes_base"[^>]*>', page), BASE.help in page],
        "lists on the page": re.findall(r'<textarea[^>]*name="gateway"[^>]*>\s*([^<]*)<', page),
        "audit": {name: saved[name] for name in COLUMNS},
        "digest": [bare.configuration_digest, other.configuration_digest],
        "fields of the secret": servers.SECRETS[SECRET.name],
        "fields of the password": servers.SECRETS["bind_password"],
        "hidden in data fixes": list(LdapServerAdmin.exclude or ()),
        "harmless": sorted(plan_contributors._HARMLESS["LDAP server"]),
        "secret on the page": re.findall(r'<input[^>]*name="mailbox_key"[^>]*>', page),
    }


def found_of_the_secret() -> dict[str, Any]:
    """Return what is said of the secret where it stands in the open, and where no key opens it."""
    LdapServer.objects.update(canary="s3cret-4711-of-mailboxes")
    in_the_open = list(secrets.nowhere_else(NOW))
    LdapServer.objects.update(canary="", **{SECRET.name: Sealed("no key opens this")})
    return {"in the open": in_the_open, "facts": [str(line.fact) for line in status.look(at=NOW)]}


def refused(given: dict[str, Any]) -> dict[str, str]:
    """Return why a file is refused, by key."""
    try:
        servers_json.apply(given, by=COMMAND_LINE, at=NOW)
    except Invalid as error:
        return dict(error.errors)
    return {}


if __name__ == "__main__":
    connection.creation.create_test_db(verbosity=0, serialize=False)
    with connection.cursor() as cursor:
        for name, column in COLUMNS.items():
            empty = "[]" if isinstance(column, models.JSONField) else ""
            kind = f"{column.db_type(connection)} NOT NULL DEFAULT '{empty}'"
            cursor.execute(f"ALTER TABLE {LdapServer._meta.db_table} ADD COLUMN {name} {kind}")
    sys.stdout.write(json.dumps({**found(), **found_of_the_secret()}))
