"""A server's client certificate and key on the page and as JSON: they fit each other, and the key is never shown again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from directory import status
from directory.actions import servers
from directory.input_errors import Invalid
from directory.invariants import broken
from directory.ldap.connection_test.connection_test import test_connection
from directory.models import LdapServer, RunState, ScriptVersion
from directory.values.pem_certificates import ends
from orgs.models import AuditEntry
from orgs.rules.actors import SYSTEM
from tests.attacks.ldap_pages import Ear, applied, filled_in, on_the_page
from tests.attacks.ldap_world import saved_by_page, tried
from tests.directories import Authority, people
from tests.makers import make_sysadmin, signed_in
from tests.mutual_tls import READER, MutualDirectory
from tests.worlds import NOON, ldap_server, simulate, sync, user

pytestmark = [pytest.mark.django_db, pytest.mark.once]
AUTHORITY = Authority()
CERTIFICATE, KEY = AUTHORITY.issue_to(READER)
OTHER, OTHER_KEY = AUTHORITY.issue_to(READER)
BODY = KEY.splitlines()[1]


@pytest.fixture
def client(db: None) -> Client:
    return signed_in(make_sysadmin())


@pytest.fixture(scope="module")
def demanding() -> Iterator[MutualDirectory]:
    with MutualDirectory(ldif=people(3)) as directory:
        yield directory


def corp(url: str = "ldaps://corp.invalid", **values: Any) -> LdapServer:
    return ldap_server(url, **{"client_certificate": CERTIFICATE, "client_key": KEY, "connect_timeout": 2, **values})


def by_certificate(directory: MutualDirectory) -> LdapServer:
    return corp(
        directory.ldaps_url,
        ca_certificate=directory.ca_certificate,
        client_certificate=directory.certificate,
        client_key=directory.key,
        sasl_external=True,
    )


def with_passphrase(key: str) -> str:
    private = serialization.load_pem_private_key(key.encode(), password=None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(*form, serialization.BestAvailableEncryption(b"geheim")).decode()


def errors(**values: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        corp(**values)
    return caught.value.errors


@pytest.mark.parametrize(
    ("values", "field", "expected"),
    [
        ({"client_key": OTHER_KEY}, "client_key", "not the one of the first client certificate"),
        ({"client_key": with_passphrase(KEY)}, "client_key", "the key is encrypted: take its passphrase off first"),
        ({"client_key": CERTIFICATE}, "client_key", "no private key in PEM form"),
        ({"client_key": KEY.replace(BODY, "AAAA")}, "client_key", "the private key can't be read"),
        ({"client_key": ""}, "client_key", "a client certificate needs its private key"),
        ({"client_certificate": KEY}, "client_certificate", "it belongs into the field of the key"),
        ({"client_certificate": CERTIFICATE + KEY, "client_key": ""}, "client_certificate", "it belongs into the field of the key"),
        ({"client_certificate": "MIIB"}, "client_certificate", "no certificate in PEM form"),
        ({"client_certificate": ""}, "client_certificate", "a client key needs its certificate"),
        ({"url": "ldap://corp.invalid"}, "client_certificate", "use ldaps:// URLs or StartTLS"),
        ({"sasl_external": True, "bind_dn": "cn=a", "bind_password": "x"}, "sasl_external", "leave the bind DN"),
        ({"sasl_external": True, "client_certificate": "", "client_key": ""}, "sasl_external", "needs a client certificate"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_beside_its_field(values: dict[str, Any], field: str, expected: str) -> None:
    assert expected in errors(**values)[field]
    assert not LdapServer.objects.exists()


def test_a_certificate_may_be_followed_by_those_of_its_authorities() -> None:
    assert corp(client_certificate=f"{CERTIFICATE}\n{AUTHORITY.pem}").connection.client_key == KEY.strip()


@pytest.mark.parametrize("mangled", [lambda pem: pem.replace("\n", " \r\n   "), lambda pem: pem.replace("\n", " ")])
def test_what_was_pasted_with_blanks_is_read_by_tls(mangled: Callable[[str], str], demanding: MutualDirectory) -> None:
    shown = by_certificate(demanding)
    clean = shown.connection

    values = {name: mangled(getattr(clean, name)) for name in ("ca_certificate", "client_certificate", "client_key")}
    assert servers.problems(server=shown, values=values) == {}
    LdapServer.objects.filter(pk=shown.pk).update(**values)

    shown.refresh_from_db()
    assert shown.connection == clean
    assert all(step.ok for step in test_connection(shown.connection))


def test_a_simulation_reads_by_the_certificate(demanding: MutualDirectory) -> None:
    user("u00001")
    server = by_certificate(demanding)

    run = simulate(server)

    assert run.state == RunState.PLANNED, run.error
    assert run.readings.get().proof["bound_as"] == READER


def test_a_run_goes_by_its_own_time(demanding: MutualDirectory) -> None:
    user("u00001")
    by_certificate(demanding)

    run = sync(simulated=True, at=datetime.now(UTC) + timedelta(days=400))

    assert "client certificate has expired on" in run.readings.get().error


class TestTheKey:
    def test_is_encrypted_and_rotated_like_a_password(self, settings: Settings) -> None:
        old, new = (Fernet.generate_key().decode() for _ in range(2))
        settings.ENCRYPTION_KEYS = [old]
        server = corp()
        with connection.cursor() as cursor:
            cursor.execute("SELECT client_key FROM directory_ldapserver")
            assert BODY not in str(cursor.fetchall())
        settings.ENCRYPTION_KEYS = [new, old]
        call_command("rotate_keys", stdout=StringIO())
        settings.ENCRYPTION_KEYS = [new]

        assert LdapServer.objects.get(pk=server.pk).connection.client_key == KEY.strip()

    def test_that_no_key_opens_stops_a_run_and_is_a_problem_of_the_status(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        server = corp()
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

        run = simulate(server)

        assert run.state == RunState.FAILED
        assert "the stored client key can't be decrypted with the configured keys" in run.error
        assert "Its client key can't be decrypted" in str(status.servers.look(at=NOON))

    def test_is_on_no_page_and_in_no_export(self, client: Client, demanding: MutualDirectory) -> None:
        server = by_certificate(demanding)
        body, sent = demanding.key.splitlines()[1], filled_in(client, server)
        refused = sent | {"client_key": demanding.key, "page_size": "x"}
        edit = reverse("ldap_servers:edit", args=[server.pk])
        out = StringIO()
        call_command("ldapserver", "show", stdout=out)
        places = {
            "the form": client.get(edit).content.decode(),
            "a refused form": client.post(edit, refused).content.decode(),
            "a test": client.post(reverse("ldap_servers:test-connection", args=[server.pk]), sent).content.decode(),
            "data fixes": client.get(
                reverse("data-fixes:directory_ldapserver_change", args=[server.pk])
            ).content.decode(),
            "ldapserver show": out.getvalue(),
            "the audit trail": str(list(AuditEntry.objects.values_list("before", "after"))),
        }

        assert [place for place, text in places.items() if body in text] == []
        assert '"client_key"' not in out.getvalue()
        assert demanding.certificate.splitlines()[1] in out.getvalue()

    def test_stays_where_the_form_leaves_it_empty(self, client: Client, demanding: MutualDirectory) -> None:
        server = by_certificate(demanding)

        assert saved_by_page(client, server, {"page_size": 7}).status_code == 302
        page = on_the_page(tried(client, server, {}))

        assert LdapServer.objects.get(pk=server.pk).connection.client_key == demanding.key.strip()
        assert "3 entries found" in page

    def test_goes_with_its_certificate(self) -> None:
        server = corp()

        saved = servers.save(server=server, values={"client_certificate": ""}, by=SYSTEM, at=NOON)

        assert saved.client_key == ""

    def test_is_noted_as_set_and_changed(self) -> None:
        server = corp()
        servers.save(server=server, values={"client_certificate": OTHER, "client_key": OTHER_KEY}, by=SYSTEM, at=NOON)

        first, second = AuditEntry.objects.filter(action="LDAP server saved").order_by("pk")
        assert (first.after["client_key"], second.after["client_key"]) == ("set", "changed")

    @pytest.mark.parametrize(
        "change",
        [
            {"urls": ["EVIL"]},
            {"urls": ["HOME", "EVIL"]},
            {"verify_certificates": False},
            {"ca_certificate": AUTHORITY.pem},
            {"follow_referrals": True},
            {"sasl_external": True},
        ],
    )
    def test_is_used_nowhere_but_where_it_was_entered_for(
        self, change: dict[str, Any], client: Client, tmp_path: Path
    ) -> None:
        with Ear() as home, Ear() as evil:
            places = {"HOME": home.url.replace("ldap", "ldaps", 1), "EVIL": evil.url.replace("ldap", "ldaps", 1)}
            server = corp(places["HOME"])
            changed = {
                name: [places[each] for each in value] if name == "urls" else value for name, value in change.items()
            }

            response = saved_by_page(client, server, changed)
            pages = [on_the_page(tried(client, server, changed, f"test-{what}")) for what in ("connection", "search")]
            code, output = applied(tmp_path / "file.json", {"name": "Corp", **changed})

        assert "client_key" in response.context["form"].errors
        assert all("Enter the client key" in each for each in pages)
        assert (code, "client_key: " in output) == (1, True)
        assert (home.received, evil.received) == (b"", b"")
        assert LdapServer.objects.get(pk=server.pk).connection.client_key == KEY.strip()

    def test_in_the_open_is_found_by_the_invariants(self) -> None:
        server = corp()
        source = f"/* {KEY.splitlines()[2]} */"
        ScriptVersion.objects.create(server=server, script="active", source=source, author="ada", created_at=NOON)

        found = [each for each in broken(at=timezone.now()) if "client key" in str(each)]

        assert len(found) == 1


class TestTheConfiguration:
    def test_is_another_one_with_a_certificate_of_somebody_else_only(self) -> None:
        without = ldap_server("ldaps://corp.invalid").configuration_digest
        mine = corp().configuration_digest
        renewed = corp(client_certificate=OTHER, client_key=OTHER_KEY).configuration_digest
        stranger, key = AUTHORITY.issue_to("CN=somebody else")
        theirs = corp(client_certificate=stranger, client_key=key).configuration_digest
        external = corp(client_certificate=stranger, client_key=key, sasl_external=True).configuration_digest

        assert mine == renewed
        assert len({without, mine, theirs, external}) == 4

    def test_goes_through_a_file_and_back(self, tmp_path: Path) -> None:
        corp(sasl_external=True)
        out = StringIO()
        call_command("ldapserver", "show", "Corp", stdout=out)
        shown = json.loads(out.getvalue())

        code, output = applied(tmp_path / "file.json", shown)

        assert (code, output) == (0, "")
        assert LdapServer.objects.get().connection.client_key == KEY.strip()


def test_a_certificate_that_ends_soon_is_said_on_its_page_and_in_the_status(client: Client) -> None:
    certificate, key = AUTHORITY.issue_to(READER, days=9)
    server, last = corp(client_certificate=certificate, client_key=key), ends(certificate)

    before, after = (
        [line for line in status.servers.look(at=at) if "certificate" in line.fact]
        for at in (last - timedelta(days=5), last + timedelta(hours=1))
    )

    assert [line.state for line in before] == [status.lines.LineState.WARNING]
    assert [line.state for line in after] == [status.lines.LineState.PROBLEM]
    page = on_the_page(client.get(reverse("ldap_servers:edit", args=[server.pk])).content)
    assert "The client certificate ends on" in page
    assert "Enter a new certificate, with its key." in page
