"""What scripts probably do not mean is said: an attribute that holds FALSE as a text counts as true."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse

from directory.scripts import script_hints
from directory.scripts.script_hints import texts_taken_for_truth
from tests.makers import make_server, make_sysadmin, signed_in


@pytest.mark.parametrize(
    "source",
    [
        "function (entry) { return !entry.nsAccountLock; }",
        "function (entry) { return !!entry.NSACCOUNTLOCK }",
        "function (entry) { return entry.nsAccountLock ? false : true; }",
        "function (entry) { if (entry.nsaccountlock) { return false; } return true; }",
        "function (entry) { if (entry.uid && !entry.nsAccountLock) return true; return false; }",
        "function (entry) { return entry.nsAccountLock && entry.uid; }",
        "function (entry) { return !(entry.x) && !entry['nsAccountLock']; }",
        "(e) => !e.nsAccountLock",
        "e => !e?.nsAccountLock",
        "function (entry) { var locked = entry.nsAccountLock; return !locked; }",
        "function (entry) { const locked = entry.nsAccountLock\n  return locked ? false : true }",
        "function (entry) { return Boolean(entry.nsAccountLock); }",
        "function (entry) { return entry.nsAccountLock; }",
        "function (entry) { /* === */ return !entry.nsAccountLock; // entry.nsAccountLock === 'TRUE'\n }",
    ],
)
def test_a_text_that_is_taken_for_truth_is_named(source: str) -> None:
    assert texts_taken_for_truth(source) == ["nsAccountLock"]


@pytest.mark.parametrize(
    "source",
    [
        "function (entry) { return entry.nsAccountLock !== 'TRUE'; }",
        "function (entry) { return entry.nsAccountLock != 'true'; }",
        "function (entry) { return String(entry.nsAccountLock).toUpperCase() !== 'TRUE'; }",
        "function (entry) { return !entry.nsAccountLock || entry.nsAccountLock.toLowerCase() === 'false'; }",
        "function (entry) { return (entry.nsAccountLock || '').toUpperCase() !== 'TRUE'; }",
        "function (entry) { return entry.nsAccountLock ? entry.nsAccountLock === 'FALSE' : true; }",
        "function (entry) { if (!entry.nsAccountLock) return true; return entry.nsAccountLock === 'FALSE'; }",
        "function (entry) { var lock = entry.nsAccountLock || 'FALSE'; return lock.toUpperCase() === 'FALSE'; }",
        "function (entry) { var lock = entry.nsAccountLock; return !lock || lock === 'false'; }",
        "function (entry) { return !ldap.has(entry.nsAccountLock, 'TRUE'); }",
        "function (entry) { return !entry.pwdAccountLockedTime; }",
        "function (entry) { return 'entry.nsAccountLock ? no'; }",
        "",
    ],
)
def test_a_script_that_compares_it_is_let_be(source: str) -> None:
    assert texts_taken_for_truth(source) == []


@pytest.mark.parametrize("name", ["loginDisabled", "ds-pwp-account-disabled", "pwdReset"])
def test_others_of_their_kind_are_known(name: str) -> None:
    assert texts_taken_for_truth(f'function (entry) {{ return !entry["{name}"]; }}') == [name]


@pytest.mark.django_db
def test_the_page_and_the_command_line_say_it(tmp_path: Path) -> None:
    script = "function (entry) { return !entry.loginDisabled; }"
    server = make_server(active_script=script)
    file = tmp_path / "server.json"
    file.write_text(json.dumps({"name": server.name, "active_script": script, "page_size": 100}))
    output = StringIO()

    page = signed_in(make_sysadmin()).get(reverse("ldap_servers:edit", args=[server.pk]))
    call_command("ldapserver", "apply", str(file), stderr=output)

    assert "loginDisabled holds the text TRUE or FALSE" in page.content.decode()
    assert f"{server.name}: active_script: loginDisabled holds the text TRUE or FALSE" in output.getvalue()


@pytest.mark.parametrize(
    ("source", "resolved", "warned"),
    [
        ("e => e.groups.length", False, True),
        ("e => ldap.has(e['Groups'], 'Support')", False, True),
        ("e => e.groups.length", True, False),
        ("e => e.memberOf // groups, e.groups", False, False),
        ("e => found.groups()", False, False),
    ],
)
@pytest.mark.django_db
def test_a_script_that_looks_at_groups_that_nobody_resolves_is_told(source: str, resolved: bool, warned: bool) -> None:
    server = make_server(role_name_script=source, resolve_groups=resolved)

    found = script_hints.of_server(server).get("role_name_script", [])

    assert any("resolve groups" in hint for hint in found) == warned
