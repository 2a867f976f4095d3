"""An error while secrets are at hand: they are in no report of Django's, no log of a worker, no audit row and no message."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from console.celery import app
from directory.models import LdapServer
from orgs.models import AuditEntry
from tests.attacks.ldap_pages import applied, filled_in
from tests.directories import Authority
from tests.makers import PASSWORD, make_sysadmin, make_user, signed_in
from tests.mutual_tls import READER
from tests.worlds import ldap_server

pytestmark = pytest.mark.django_db
AUTHORITY = Authority()
CERTIFICATE, KEY = AUTHORITY.issue_to(READER)
SECRET = "Read3r? geheim"
BODY = KEY.splitlines()[1]
BUG = "a bug of ours"
# Of the form of an LDAP server, by what a text can be pasted into.
FIELDS = (
    "name", "urls", "ca_certificate", "client_certificate", "client_key", "bind_dn", "bind_password", "search_base",
    "search_filter", "page_size", "left_out_contexts", "groups_base", "groups_filter", "username_attribute",
    "email_attribute", "first_name_attribute", "last_name_attribute", "unique_id_attribute", "always_list_attributes",
    "unmarked_attributes", "canary", "active_script", "org_name_script", "role_name_script",
)  # fmt: skip


def break_down(*given: Any, **named: Any) -> None:
    """Fail with secrets in the variables, as a bug would."""
    held = (given, named, SECRET, KEY)
    raise RuntimeError(f"{BUG} ({len(held)})")


@contextmanager
def reports() -> Iterator[list[str]]:
    """Note the reports that Django would write of each error, for a mail and for a page."""
    written: list[str] = []

    def report(request: HttpRequest, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        written.extend((reporter.get_traceback_text(), reporter.get_traceback_html()))

    got_request_exception.connect(report)
    try:
        yield written
    finally:
        got_request_exception.disconnect(report)


@pytest.fixture
def client() -> Client:
    client = signed_in(make_sysadmin())
    client.raise_request_exception = False
    client.post(reverse("session:confirm"), {"password": PASSWORD})
    return client


@pytest.fixture
def corp() -> LdapServer:
    return ldap_server("ldaps://corp.invalid", bind_dn="cn=reader", bind_password=SECRET)


@pytest.fixture(params=[False, True], ids=["", "DEBUG"])
def debug(request: pytest.FixtureRequest, settings: Settings) -> bool:
    settings.DEBUG = request.param
    return bool(request.param)


def is_silent(written: list[str], log: pytest.LogCaptureFixture, answer: bytes) -> None:
    """See that the error is reported, and nothing secret with it."""
    assert len(written) == 2
    assert all(BUG in report for report in written)
    for text in (*written, log.text, answer.decode()):
        assert SECRET not in text
        assert BODY not in text
    assert BUG in log.text


class TestAnErrorInAView:
    @pytest.mark.usefixtures("debug")
    @pytest.mark.parametrize(
        ("view", "broken"),
        [
            ("edit", "directory.actions.servers.save"),
            ("test-connection", "directory.actions.server_trials.test_connection"),
            ("test-search", "directory.actions.server_trials.first_entries"),
            ("edit", "console.forms.ldap_servers.pasted_text.normalized"),
        ],
    )
    def test_of_an_ldap_server(
        self,
        view: str,
        broken: str,
        client: Client,
        corp: LdapServer,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        given = filled_in(client, corp) | {
            "bind_password": SECRET,
            "client_certificate": CERTIFICATE,
            "client_key": KEY,
        }
        monkeypatch.setattr(broken, break_down)
        with reports() as written:
            answer = client.post(reverse(f"ldap_servers:{view}", args=[corp.pk]), given)
        is_silent(written, caplog, answer.content)

    def test_with_a_key_in_any_field(
        self, client: Client, corp: LdapServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        given = filled_in(client, corp)
        monkeypatch.setattr("console.views.ldap.server_pages._save_valid", break_down)
        for field in FIELDS:
            with reports() as written:
                answer = client.post(reverse("ldap_servers:edit", args=[corp.pk]), given | {field: KEY})
            is_silent(written, caplog, answer.content)

    @pytest.mark.parametrize("field", ["username", "password"])
    def test_that_signs_in(self, field: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        client = Client(raise_request_exception=False)
        monkeypatch.setattr("console.views.session.proofs.authenticate", break_down)
        with reports() as written:
            answer = client.post(reverse("session:sign-in"), {"username": "ada", "password": "x", field: SECRET})
        is_silent(written, caplog, answer.content)

    def test_that_asks_for_the_password_again(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("console.views.session.proofs.authenticate", break_down)
        with reports() as written:
            answer = client.post(reverse("session:confirm"), {"password": SECRET})
        is_silent(written, caplog, answer.content)

    def test_that_sets_a_password(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr("console.views.users.account_access.local_passwords.set_password", break_down)
        page = reverse("users:password", args=[make_user("mia", password=PASSWORD).pk])
        with reports() as written:
            answer = client.post(page, {"new_password1": SECRET, "new_password2": SECRET})
        is_silent(written, caplog, answer.content)

    @pytest.mark.parametrize(
        "broken",
        ["directory.actions.users.user_uploads.preview", "directory.provisioning.person_values.validate_password"],
    )
    def test_that_takes_a_file_with_passwords(
        self, broken: str, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = reverse("users:upload")
        org = client.get(page).context["form"].initial["org"]
        monkeypatch.setattr(broken, break_down)
        file = SimpleUploadedFile("people.csv", f"username,password\nzoe,{SECRET}\n".encode())
        with reports() as written:
            answer = client.post(page, {"org": org, "file": file})
        is_silent(written, caplog, answer.content)


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_an_error_in_a_task_is_logged_without_variables(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("directory.tasks.pipeline.execute", break_down)
    caplog.set_level(logging.DEBUG)

    ended = app.tasks["directory.tasks.carry_out_run"].apply(kwargs={"run_id": 1})

    assert BUG in caplog.text
    for text in (caplog.text, str(ended.traceback), repr(ended.result)):
        assert SECRET not in text
        assert BODY not in text


class TestAKeyInAWrongField:
    # Both of these are stored under a key of ours.
    WRONG = tuple(field for field in FIELDS if field not in {"client_key", "bind_password"})

    def test_is_refused_by_the_page_and_kept_nowhere(
        self, client: Client, corp: LdapServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG, logger="rollcall")
        given = filled_in(client, corp) | {"bind_password": SECRET} | dict.fromkeys(self.WRONG, KEY)
        answer = client.post(reverse("ldap_servers:edit", args=[corp.pk]), given)

        errors = answer.context["form"].errors
        assert set(self.WRONG) - errors.keys() == set()
        assert BODY not in str(errors)
        assert BODY not in str(list(LdapServer.objects.values()))
        assert BODY not in str(list(AuditEntry.objects.values()))
        assert BODY not in caplog.text

    def test_is_refused_on_the_command_line(self, tmp_path: Path) -> None:
        lists = {"urls", "left_out_contexts", "always_list_attributes", "unmarked_attributes"}
        given = {"name": "Corp", "urls": ["ldaps://corp.invalid"], "search_base": "dc=example,dc=com"}
        pasted: dict[str, Any] = {field: [KEY] if field in lists else KEY for field in self.WRONG}
        # What is of a wrong type is named alone.
        number = {"page_size": pasted.pop("page_size")}
        for wrong in (pasted, number):
            code, output = applied(tmp_path / "corp.json", given | wrong)

            assert code == 1
            assert [field for field in wrong if field not in output] == []
            assert BODY not in output
        assert not LdapServer.objects.exists()
        assert BODY not in str(list(AuditEntry.objects.values()))
