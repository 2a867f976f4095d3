"""A field of an LDAP server is described once: a new one is everywhere by that, or a test names the place where it is not."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import models

from console.forms.ldap_servers import LdapServerForm
from directory.management import servers_json
from directory.models import LdapServer
from directory.values import server_fields
from directory.values.ldap import Connection
from directory.values.server_field_kinds import LISTS, TEXTS, FieldKind, ServerField
from directory.values.server_fields import FIELDS
from orgs.models.encrypted_text import EncryptedTextField
from tests.makers import make_server, make_sysadmin

PROJECT = Path(__file__).parents[4]
README = (PROJECT / "README.md").read_text()
# What stands in the table beside the fields: where it is in lists, what Rollcall notes itself, and who asks it.
BESIDE = {"id", "name_key", "position", "sync_search_failed_at", "sync_search_failure", "changed_at", "version"}
# Fields of the form that are shown where a question has to be answered.
BEHIND_QUESTIONS = {"inherited", "left_behind", "limits_off"}
# What a connection holds beside the fields.
OF_THE_MOMENT = {"sync_searches", "at"}
each_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)


def columns() -> dict[str, models.Field[Any, Any]]:
    """Return the columns that hold fields, by name."""
    return {column.name: column for column in LdapServer._meta.concrete_fields if column.name not in BESIDE}


class TestEachField:
    @each_field
    def test_has_a_column_of_its_kind(self, field: ServerField) -> None:
        column = columns().get(field.name)
        assert column is not None, f"directory/models/servers/: no column {field.name}"
        wanted: type[models.Field[Any, Any]] | tuple[type[models.Field[Any, Any]], ...] = (
            models.JSONField if field.kind in LISTS
            else (models.CharField, models.TextField) if field.kind in TEXTS
            else models.BooleanField if field.kind is FieldKind.FLAG
            else models.PositiveIntegerField | models.PositiveSmallIntegerField  # type: ignore[assignment]
        )  # fmt: skip
        assert isinstance(column, wanted), f"directory/models/servers: {field.name} is no column for {field.kind.value}"
        assert column.null is field.nullable
        assert isinstance(column, EncryptedTextField) is field.secret
        assert not column.help_text, (
            f"directory/models/servers: the help of {field.name} belongs into the registry alone"
        )

    @each_field
    def test_is_described_in_the_readme(self, field: ServerField) -> None:
        assert re.search(rf'[`"]{field.name}[`"]', README), f"README.md: {field.name} is not described"

    def test_has_a_name_of_its_own(self) -> None:
        assert len(set(server_fields.names())) == len(FIELDS)

    def test_is_what_the_table_holds(self) -> None:
        assert columns().keys() - set(server_fields.names()) == set(), "directory/values/server_fields.py"

    def test_is_what_a_connection_holds(self) -> None:
        held = {each.name for each in dataclasses.fields(Connection)} - OF_THE_MOMENT
        assert held - set(server_fields.names()) == set(), "directory/values/server_fields.py"

    @pytest.mark.django_db
    def test_is_on_the_page_once(self) -> None:
        form = LdapServerForm(viewer=make_sysadmin(), server=None)
        assert set(server_fields.names()) - form.fields.keys() == set(), "console/forms/ldap_servers.py"
        shown = [pointer.name for pointer in form.helper.layout.get_field_names()]
        assert sorted(shown) == sorted(form.fields.keys() - BEHIND_QUESTIONS), "console/forms/ldap_server_layout.py"

    @pytest.mark.django_db
    def test_is_in_the_json_unless_it_is_a_secret(self) -> None:
        shown = servers_json.as_json(make_server())
        assert shown.keys() == set(server_fields.names()) - server_fields.secrets().keys() | {"orgs", "grantable_roles"}


@pytest.fixture(scope="module")
def made_up() -> dict[str, Any]:
    """What became of fields that are nothing but entries of the registry and columns, in a process that has them."""
    # On SQLite, where it makes a database of its own beside that of the tests.
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": ""}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.directory.values.made_up_fields"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class TestANewField:
    def test_is_normalized_and_saved(self, made_up: dict[str, Any]) -> None:
        assert made_up["normalized"] == ["ou=mail,dc=example", ["a", "b"]]

    def test_is_in_the_json_in_both_ways(self, made_up: dict[str, Any]) -> None:
        assert made_up["json"]["mailboxes_base"] == "ou=mail,dc=example"
        assert made_up["json type"] == {"mailboxes_base": "must be text", "gateway": "must be a list of texts"}

    def test_is_checked_by_its_kind(self, made_up: dict[str, Any]) -> None:
        assert "is no DN" in made_up["syntax"]["mailboxes_base"]
        assert made_up["private key"] == ["gateway"]

    def test_is_on_the_page_with_its_value_and_its_help(self, made_up: dict[str, Any]) -> None:
        (field,), help_is_there = made_up["page"]
        assert 'value="ou=mail,dc=example"' in field
        assert help_is_there
        assert made_up["lists on the page"] == ["a\nb"]

    def test_is_in_the_audit_trail_and_of_a_secret_only_that_there_is_one(self, made_up: dict[str, Any]) -> None:
        assert made_up["audit"] == {"mailboxes_base": "ou=mail,dc=example", "mailbox_key": "set", "gateway": ["a", "b"]}

    def test_changes_the_digest_of_those_servers_alone_that_use_it(self, made_up: dict[str, Any]) -> None:
        bare, other = made_up["digest"]
        assert bare == LdapServer().configuration_digest != other

    def test_that_is_a_secret_is_shown_nowhere(self, made_up: dict[str, Any]) -> None:
        assert "mailbox_key" not in made_up["json"]
        assert "s3cret" not in json.dumps(made_up)
        assert "mailbox_key" in made_up["hidden in data fixes"]

    def test_that_is_a_secret_is_looked_for_in_all_texts_and_missed_where_no_key_opens_it(
        self, made_up: dict[str, Any]
    ) -> None:
        assert made_up["in the open"] == ["directory_ldapserver, row 1: canary holds the mailbox key of LDAP server 1"]
        assert "Its mailbox key can't be decrypted with the keys there are." in made_up["facts"]

    def test_of_the_connection_has_secrets_entered_again(self, made_up: dict[str, Any]) -> None:
        assert "gateway" in made_up["fields of the password"]
        assert {"gateway", "urls"} <= set(made_up["fields of the secret"])

    def test_keeps_whoever_changed_it_from_approving_plans(self, made_up: dict[str, Any]) -> None:
        assert made_up["harmless"] == ["name", "sync_interval_hours"]

    def test_that_is_a_secret_can_be_entered(self, made_up: dict[str, Any]) -> None:
        (field,) = made_up["secret on the page"]
        assert 'type="password"' in field
        assert "value=" not in field

    def test_has_to_be_described_in_the_readme(self) -> None:
        assert "mailboxes_base" not in README
