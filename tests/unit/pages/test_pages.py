"""Every page: who may open it, what it shows of whose part, how many queries it takes, and that nothing leaks."""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker, Settings

from console.admin import data_fixes
from console.http.view_guards import guards_of
from console.presenters.devices.device_acts import DeviceAct
from console.presenters.users.user_acts import UserAct
from directory.models import Alert, BulkKind, LdapServer, RunState, SyncSettings
from directory.values.ldap import Connection
from directory.values.plan import Action
from orgs.actions.audit import Fact, note
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM
from tests.attacks.forms import as_sent
from tests.bulk_acts import done
from tests.makers import (
    BIND_PASSWORD,
    NOW,
    PASSWORD,
    make_alert,
    make_change,
    make_deployment_policy,
    make_device,
    make_finished_upload,
    make_hold_export,
    make_matter,
    make_org,
    make_policy,
    make_restore_job,
    make_role,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)
from tests.shared_worlds import kept_for_many_tests

pytestmark = pytest.mark.django_db

OPEN_TO_ALL = {
    "session:sign-in",
    "session:second-step",
    "session:forgotten-password",
    "session:new-password",
    "session:state",
    "session:sign-out",
}


def _pages(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace != data_fixes.name:
                yield from _pages(entry, f"{entry.namespace}:" if entry.namespace else namespace)
        else:
            yield f"{namespace}{entry.name}", entry


# What programs on devices ask is no page, and has tests of its own.
PAGES = {name: page for name, page in _pages(get_resolver()) if not guards_of(page.callback).for_agents}


@pytest.fixture(scope="module")
def world_of_the_module(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Any]]:
    with kept_for_many_tests(django_db_blocker):
        yield make_world()


@pytest.fixture
def world(world_of_the_module: dict[str, Any], db: None) -> dict[str, Any]:
    return copy.deepcopy(world_of_the_module)


def make_world() -> dict[str, Any]:
    """Make two companies side by side, a server, runs, a hold, an alert; one administrator of each kind."""
    left, right = make_org("Left"), make_org("Right")
    make_org("Left lower", parent=left)
    server = make_server()
    worker, stranger = make_user("wendy", org=left), make_user("stan", org=right)
    run = make_run(server)
    make_user("pat", org=left, roles=["PROe User"], password=PASSWORD)
    olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)
    make_user("mona", org=left, roles=["All Org Manager"], password=PASSWORD)
    make_sysadmin()
    make_server_administrator()
    laptop, matter = make_device(worker), make_matter("Inquiry", worker, org=left)
    return {
        "orgs": (left, right),
        "users": (worker, stranger),
        "devices": (laptop, make_device(stranger)),
        "server": server,
        "role": Role.objects.get(name="Org Admin"),
        "run": run,
        "change": make_change(run, worker, Action.BLOCK, Action.DEACTIVATE, active=False, blocked=True),
        "held": make_run(server, state=RunState.HELD_BACK, simulated=False, held_back=["12 of 60 would go"]),
        "matter": matter,
        "export": make_hold_export(matter, laptop),
        "policy": make_policy("Mail only", left),
        "deployment": make_deployment_policy("Laptops", left, brought=make_device(worker, "deployed")),
        "job": make_restore_job(worker.devices.get(name="laptop")),
        "alert": make_alert(),
        "act": done(BulkKind.UNBLOCK, [worker, stranger], by=User.objects.get(username="ada")),
        "upload": make_finished_upload(left, by=olga),
    }


def client_of(username: str) -> Client:
    return signed_in(User.objects.get(username=username))


def address(page: str, world: dict[str, Any]) -> str:
    ids = {
        "orgs": world["orgs"][0].pk,
        "users": world["users"][0].pk,
        "roles": world["role"].pk,
        "devices": world["devices"][0].pk,
        "archives": world["devices"][0].archives.get().pk,
        "restores": world["devices"][0].pk,
        "deployment": world["deployment"].pk,
        "legal_holds": world["matter"].pk,
        "ldap_servers": world["server"].pk,
        "runs": world["run"].pk,
        "alerts": world["alert"].pk,
        "bulk_acts": world["act"].pk,
    }
    converters = PAGES[page].pattern.converters
    arguments = {"pk": ids[page.partition(":")[0]]} if "pk" in converters else {}
    if "change_pk" in converters:
        arguments["change_pk"] = world["change"].pk
    if "job_pk" in converters:
        arguments["job_pk"] = world["job"].pk
    if "policy_pk" in converters:
        arguments["policy_pk"] = world["policy"].pk
    if "export_pk" in converters:
        arguments["export_pk"] = world["export"].pk
    if "upload_pk" in converters:
        arguments["upload_pk"] = world["upload"].pk
    return reverse(page, kwargs=arguments)


def body(response: Any) -> str:
    content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


# The pages that change one matter or policy.
HOLD_ACTS = (
    "edit",
    "close",
    "reopen",
    "find-custodians",
    "list-custodians",
    "put-on-hold",
    "release",
    "policy-edit",
    "policy-delete",
)
# Who gets in: SYSADMIN ada, Server Administrator sam, All Org Manager mona, Org Admin olga, and pat, who only backs up.
EVERYONE = {"ada", "sam", "mona", "olga", "pat"}
ADMINISTRATORS = EVERYONE - {"pat"}
EVERYWHERE = {"ada", "sam", "mona"}
SERVER = {"ada", "sam"}
EXPECTED = {
    "dashboard": EVERYONE,
    "session:confirm": EVERYONE,
    "account": EVERYONE,
    "orgs": ADMINISTRATORS,
    "orgs:add": {"ada", "sam", "olga"},
    "orgs:rename": {"ada", "sam", "olga"},
    "orgs:notes": {"ada", "sam", "olga"},
    "orgs:move": {"ada", "sam", "olga"},
    "orgs:deactivate": {"ada", "sam", "olga"},
    "orgs:reactivate": {"ada", "sam", "olga"},
    "orgs:renew-key": {"ada", "sam", "olga"},
    "orgs:retention": {"ada", "sam", "olga"},
    "orgs:snapshots": {"ada", "sam", "olga"},
    "orgs:key-holder": {"ada", "sam", "olga"},
    "orgs:default-roles": {"ada", "sam", "olga"},
    "orgs:directory-service": SERVER,
    "orgs:servers": SERVER,
    "users": ADMINISTRATORS,
    "users:add": {"ada", "sam", "olga"},
    "users:audit": SERVER,
    "users:upload": {"ada", "sam", "olga"},
    "users:upload-preview": {"ada", "sam", "olga"},
    "users:upload-create": {"ada", "sam", "olga"},
    "users:upload-rows": {"ada", "sam", "olga"},
    "users:upload-mend": {"ada", "sam", "olga"},
    "users:upload-discard": {"ada", "sam", "olga"},
    "users:upload-outcome": {"ada", "sam", "olga"},
    "users:upload-outcome-rows": {"ada", "sam", "olga"},
    **{f"users:{act}": {"ada", "sam", "olga"} for act in ("another-person", *UserAct)},
    "users:password": {"ada", "sam", "olga"},
    "users:mail-password-link": {"ada", "sam", "olga"},
    "users:end-sessions": {"ada", "sam", "olga"},
    "users:reset-second-factor": {"ada", "sam", "olga"},
    "users:export-chosen": ADMINISTRATORS,
    "bulk_acts": ADMINISTRATORS,
    "bulk_acts:choose": {"ada", "sam", "olga"},
    "bulk_acts:cancel": {"ada", "sam", "olga"},
    "bulk_acts:undo": {"ada", "sam", "olga"},
    "bulk_acts:ask": set(),
    "roles": ADMINISTRATORS,
    "roles:copy": SERVER,
    "roles:edit": SERVER,
    "roles:delete": SERVER,
    "roles:second-factor": {"ada"},
    "devices": ADMINISTRATORS,
    "devices:audit": SERVER,
    **{f"devices:{act}": {"ada", "sam", "olga"} for act in DeviceAct},
    "archives": ADMINISTRATORS,
    "archives:keep-longer": {"ada", "sam", "olga"},
    "archives:keep-one-longer": {"ada", "sam", "olga"},
    "restores": ADMINISTRATORS,
    # They reach the org of mona's limited role, but not its computers.
    "restores:cancel": {"ada", "sam", "olga"},
    "deployment": ADMINISTRATORS,
    **{
        f"deployment:{act}": {"ada", "sam", "olga"}
        for act in ("add", "edit", "renew-token", "enable", "disable", "delete")
    },
    "legal_holds": ADMINISTRATORS,
    **{
        f"legal_holds:{page}": {"ada", "sam", "olga"}
        for page in ("exports", "export-add", "export-remove", "export-download")
    },
    **{f"legal_holds:{act}": {"ada", "sam", "olga"} for act in ("add", "policy-add", *HOLD_ACTS)},
    "ldap_servers": SERVER,
    "ldap_servers:found-elsewhere": {"ada"},
    "runs": SERVER,
    "runs:apply": {"ada"},
    "runs:discard": {"ada"},
    "runs:undo": {"ada"},
    "notifications": SERVER,
    "alerts": SERVER,
    "status": SERVER,
    "audit": SERVER,
}


OF_ONE_PERSON = {"bulk_acts:ask"}


class TestEveryPage:
    @pytest.mark.parametrize("place", PAGES)
    def test_names_the_permission_it_needs(self, place: str) -> None:
        needs = guards_of(PAGES[place].callback).permission

        assert (needs is not None) is (place not in OPEN_TO_ALL)

    @pytest.mark.parametrize("place", [page for page in PAGES if page not in OPEN_TO_ALL])
    @pytest.mark.in_turns
    @pytest.mark.once
    def test_sends_who_is_not_signed_in_to_the_sign_in(self, place: str, world: dict[str, Any]) -> None:
        for response in (Client().get(address(place, world)), Client().post(address(place, world))):
            assert response.status_code == 302
            assert response["Location"].startswith("/sign-in/?next=")

    @pytest.mark.parametrize("place", [page for page in PAGES if page not in OPEN_TO_ALL])
    @pytest.mark.in_turns
    @pytest.mark.once
    def test_opens_to_the_right_roles_only(self, place: str, world: dict[str, Any]) -> None:
        allowed = EXPECTED.get(place, EXPECTED.get(place.partition(":")[0], set()))

        for name in sorted(EVERYONE):
            response = client_of(name).get(address(place, world))
            # A file that nobody reads keeps its place among the exports for a while.
            body(response)
            status = response.status_code
            # 405: the guard of the method comes first; what a POST may do is tested below.
            if place in OF_ONE_PERSON:
                # Only who prepared the act finds the question; it is answered already.
                assert status == (302 if name == "ada" else 403 if name in {"pat", "mona"} else 404), (name, status)
                continue
            if name == "sam" and (
                place == "legal_holds:export-remove"
                or (place.startswith("restores:") and "pk" in PAGES[place].pattern.converters)
            ):
                # His restores, and exports, reach his own org only, and his org is another one.
                assert status in {404, 405}, (name, status)
                continue
            assert status in ({200, 405} if name in allowed else {403, 405}), (name, status)

    @pytest.mark.parametrize("place", ["runs:apply", "runs:discard", "runs:undo", "runs:cancel", "alerts:dismiss"])
    def test_that_writes_refuses_who_may_not(self, place: str, world: dict[str, Any]) -> None:
        allowed = EXPECTED.get(place, EXPECTED[place.partition(":")[0]])

        for name in sorted(EVERYONE - allowed):
            assert client_of(name).post(address(place, world)).status_code == 403

    def test_survives_the_strict_content_security_policy_and_tells_no_secret(self, world: dict[str, Any]) -> None:
        client = client_of("ada")

        for page in PAGES:
            text = body(client.get(address(page, world)))
            assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']", text), page
            assert not re.search(r"<script(?![^>]*\b(?:src|nonce)=)", text), page
            assert BIND_PASSWORD not in text, page
            assert "md5$" not in text, page

    def test_has_no_link_for_roles_that_may_not_follow_it(self, world: dict[str, Any]) -> None:
        for name in sorted(EVERYONE):
            client = client_of(name)
            side = body(client.get("/")).partition('id="menu"')[2].partition("</nav>")[0]
            menu = re.findall(r'href="([^"]+)"', side)

            assert menu
            assert {client.get(link).status_code for link in menu} == {200}


class TestScope:
    def test_an_act_on_users_outside_is_not_found(self, world: dict[str, Any]) -> None:
        stan = world["users"][1]
        outside = done(BulkKind.UNBLOCK, [stan], by=User.objects.get(username="ada"))
        client = client_of("olga")

        assert "stan" not in body(client.get(reverse("bulk_acts:detail", args=[world["act"].pk])))
        assert client.get(reverse("bulk_acts:detail", args=[outside.pk])).status_code == 404

    @pytest.mark.parametrize("place", ["orgs", "users", "devices"])
    def test_what_lies_outside_is_not_found(self, place: str, world: dict[str, Any]) -> None:
        inside, outside = world[place]
        client = client_of("olga")

        assert client.get(reverse(f"{place}:detail", args=[inside.pk])).status_code == 200
        assert client.get(reverse(f"{place}:detail", args=[outside.pk])).status_code == 404

    @pytest.mark.parametrize(
        "place",
        [
            *("users:list", "users:export", "devices:list", "devices:export", "orgs:list"),
            *("archives:list", "archives:export", "archives:by-org", "archives:by-org-export"),
        ],
    )
    def test_lists_and_exports_show_the_viewers_part_only(self, place: str, world: dict[str, Any]) -> None:
        olga, ada = body(client_of("olga").get(reverse(place))), body(client_of("ada").get(reverse(place)))

        assert ("stan" in ada) or ("Right" in ada)
        assert "stan" not in olga
        assert "Right" not in olga

    def test_a_filter_does_not_reach_outside(self, world: dict[str, Any]) -> None:
        response = client_of("olga").get(reverse("users:list"), {"org": world["orgs"][1].pk})

        assert "stan" not in body(response)

    def test_the_pages_of_an_org_name_nothing_above_it(self, world: dict[str, Any]) -> None:
        text = body(client_of("olga").get(reverse("orgs:detail", args=[world["orgs"][0].pk])))

        assert "ADMIN" not in text

    def test_a_role_counts_the_visible_members_only(self, world: dict[str, Any]) -> None:
        role = make_role("Clerk", "admin.user.read")
        for user in world["users"]:
            user.grants.create(role=role)

        text = body(client_of("olga").get(reverse("roles:detail", args=[role.pk])))

        assert "1 member" in text


class TestLists:
    @pytest.mark.parametrize(
        "place",
        [
            *("users:list", "users:export", "devices:list", "devices:export", "orgs:list", "roles:list"),
            *("archives:list", "archives:export", "archives:by-org", "archives:by-org-export", "archives:due"),
            *(
                "restores:list",
                "deployment:list",
                "legal_holds:list",
                "ldap_servers:list",
                "runs:list",
                "alerts:list",
                "audit:list",
                "audit:export",
            ),
            "dashboard",
        ],
    )
    @pytest.mark.database
    def test_take_the_same_queries_however_long_they_are(self, place: str, world: dict[str, Any]) -> None:
        client = client_of("ada")
        parameters = {"per_page": "200"}
        fill(10)
        # The first look makes the settings' one row.
        body(client.get(reverse(place), parameters))
        with CaptureQueriesContext(connection) as few:
            body(client.get(reverse(place), parameters))
        fill(20)
        with CaptureQueriesContext(connection) as many:
            body(client.get(reverse(place), parameters))

        assert len(many) == len(few)

    def test_page_and_sort_by_the_address(self, world: dict[str, Any]) -> None:
        fill(10)
        client = client_of("ada")

        first = body(client.get(reverse("users:list"), {"sort": "-username"}))
        beyond = client.get(reverse("users:list"), {"page": "99", "per_page": "7", "sort": "nonsense"})

        assert first.index("wendy") < first.index("stan")
        assert beyond.status_code == 200

    def test_answer_htmx_with_the_fragment_alone(self, world: dict[str, Any]) -> None:
        headers = {"HX-Request": "true", "HX-Target": "user-list"}

        text = body(client_of("ada").get(reverse("users:list"), headers=headers))

        assert text.strip().startswith('<section id="user-list"')

    def test_keep_states_apart(self, world: dict[str, Any]) -> None:
        User.objects.filter(username="wendy").update(blocked=True, blocked_by="sync")
        client = client_of("ada")

        by_sync = body(client.get(reverse("users:export"), {"state": "blocked-by-sync"}))
        by_hand = body(client.get(reverse("users:export"), {"state": "blocked-by-hand"}))

        assert "wendy" in by_sync
        assert "wendy" not in by_hand

    def test_find_who_is_on_hold(self, world: dict[str, Any]) -> None:
        client = client_of("ada")

        assert "wendy" in body(client.get(reverse("users:export"), {"hold": "yes"}))
        assert "wendy" not in body(client.get(reverse("users:export"), {"hold": "no"}))


def fill(count: int) -> None:
    """Make more of everything that lists show."""
    start = User.objects.count()
    server = LdapServer.objects.get(name="Headquarters")
    org = make_org(f"Filler {start}")
    for number in range(start, start + count):
        user = make_user(f"filler{number}", org=org, roles=["PROe User", "Desktop User"])
        make_deployment_policy(f"Policy {number}", org, brought=make_device(user))
        make_matter(f"Matter {number}", user)
        make_role(f"Role {number}", "admin.user.read")
        make_alert(f"alert {number}")
        make_run(server)
        make_org(f"Org {number}")
        make_server(f"Server {number}")


class TestTheMenu:
    def test_is_empty_for_nobody(self, client: Client) -> None:
        response = client.get("/sign-in/")

        assert isinstance(response.context["user"], AnonymousUser)
        assert response.context["menu"] == []


class TestLdapServerForm:
    @pytest.fixture
    def given(self, world: dict[str, Any]) -> dict[str, Any]:
        """What the form of the stored server holds, as a browser sends it."""
        form = client_of("ada").get(reverse("ldap_servers:edit", args=[world["server"].pk])).context["form"]
        return as_sent(form)

    def test_keeps_the_password_where_it_is_left_empty(self, world: dict[str, Any], given: dict[str, Any]) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])

        response = client_of("ada").post(page, given | {"name": "Renamed"})

        assert response.status_code == 302, response.context["form"].errors
        stored = LdapServer.objects.get(pk=world["server"].pk)
        assert (stored.name, stored.bind_password) == ("Renamed", BIND_PASSWORD)

    def test_wants_the_password_again_for_another_address(self, world: dict[str, Any], given: dict[str, Any]) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])

        response = client_of("ada").post(page, given | {"urls": "ldaps://evil.invalid"})

        assert "bind_password" in response.context["form"].errors
        assert LdapServer.objects.get(pk=world["server"].pk).urls == ["ldaps://ldap.invalid"]

    @pytest.mark.parametrize(
        "change",
        [
            {"urls": "ldaps://evil.invalid"},
            {"bind_dn": "cn=other,dc=example,dc=com"},
            {"start_tls": "on"},
            {"verify_certificates": ""},
            {"ca_certificate": "other"},
        ],
    )
    @pytest.mark.parametrize("button", ["test-connection", "test-search"])
    def test_never_sends_a_stored_password_elsewhere(
        self,
        world: dict[str, Any],
        given: dict[str, Any],
        change: dict[str, Any],
        button: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        reached: list[Any] = []
        monkeypatch.setattr("directory.actions.server_trials.test_connection", lambda **call: reached.append(call))
        monkeypatch.setattr("directory.actions.server_trials.first_entries", lambda **call: reached.append(call))

        page = reverse(f"ldap_servers:{button}", args=[world["server"].pk])
        text = body(client_of("ada").post(page, given | change))

        assert reached == []
        assert "Enter the bind password" in text

    def test_tests_unsaved_values_with_the_stored_password_where_nothing_else_changed(
        self, world: dict[str, Any], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reached: list[Connection] = []

        def answer(*, connection: Connection, **_trial: object) -> list[object]:
            reached.append(connection)
            return []

        monkeypatch.setattr("directory.actions.server_trials.test_connection", answer)

        page = reverse("ldap_servers:test-connection", args=[world["server"].pk])
        client_of("ada").post(page, given | {"search_base": "ou=people,dc=example,dc=com", "name": ""})

        assert [(each.search_base, each.bind_password) for each in reached] == [
            ("ou=people,dc=example,dc=com", BIND_PASSWORD)
        ]
        assert LdapServer.objects.get(pk=world["server"].pk).search_base == "dc=example,dc=com"

    @pytest.mark.parametrize("button", ["test-connection", "test-search"])
    def test_says_that_the_stored_password_can_not_be_decrypted_and_never_sends_what_is_stored(
        self, world: dict[str, Any], given: dict[str, Any], button: str, settings: Settings
    ) -> None:
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
        server, client = world["server"], client_of("ada")

        text = body(client.post(reverse(f"ldap_servers:{button}", args=[server.pk]), given))

        assert "can't be decrypted with the configured keys" in html.unescape(text)
        assert client.get(reverse("ldap_servers:list")).status_code == 200
        assert "enter it again" in body(client.get(reverse("ldap_servers:edit", args=[server.pk])))

    def test_tells_the_second_editor(self, world: dict[str, Any], given: dict[str, Any]) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])
        client = client_of("ada")
        client.post(page, given | {"name": "First"})

        response = client.post(page, given | {"name": "Second"})

        assert "Someone else has saved" in body(response)
        assert LdapServer.objects.get(pk=world["server"].pk).name == "First"

    def test_shows_a_script_that_does_not_compile_beside_its_field(
        self, world: dict[str, Any], given: dict[str, Any]
    ) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])

        response = client_of("ada").post(page, given | {"active_script": "function (entry) { return ["})

        assert "active_script" in response.context["form"].errors

    def test_lets_a_server_be_asked_only_for_what_is_needed(self, world: dict[str, Any], given: dict[str, Any]) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])
        client = client_of("ada")
        assert "ask only for needed attributes" in body(client.get(page)).lower()
        assert "needed_attributes_only" not in given

        client.post(page, given | {"needed_attributes_only": "on"})

        assert LdapServer.objects.get(pk=world["server"].pk).needed_attributes_only
        assert as_sent(client.get(page).context["form"])["needed_attributes_only"]

    def test_lets_only_a_sysadmin_grant_roles_that_hold_admin(
        self, world: dict[str, Any], given: dict[str, Any]
    ) -> None:
        page = reverse("ldap_servers:edit", args=[world["server"].pk])
        role = User.objects.get(username="ada").roles.get()
        wish = given | {"grantable_roles": [role.pk]}

        refused = client_of("sam").post(page, wish)
        done = client_of("ada").post(page, wish)

        assert "grantable_roles" in refused.context["form"].errors
        assert done.status_code == 302

    def test_is_added_with_orgs(self, world: dict[str, Any], given: dict[str, Any]) -> None:
        left = world["orgs"][0]
        new = given | {"name": "Branch", "bind_password": "other secret", "orgs": [left.pk]}

        response = client_of("sam").post(reverse("ldap_servers:add"), new)

        assert response.status_code == 302
        assert list(LdapServer.objects.get(name="Branch").orgs.all()) == [left]
        assert Org.objects.get(pk=left.pk).directory_service == "ldap"

    def test_deletes_after_asking(self, world: dict[str, Any]) -> None:
        page = reverse("ldap_servers:delete", args=[world["server"].pk])
        client = client_of("ada")

        call = body(client.get(page))
        client.post(page)

        assert "The history of runs stays" in call
        assert not LdapServer.objects.exists()


class TestRuns:
    def test_open_the_steps_of_a_change_in_place_and_on_a_page(self, world: dict[str, Any]) -> None:
        page = reverse("runs:change", args=[world["run"].pk, world["change"].pk])
        client = client_of("ada")
        target = f"steps-{world['change'].pk}"

        fragment = body(client.get(page, headers={"HX-Request": "true", "HX-Target": target}))
        whole = body(client.get(page))

        assert "the active script returned false" in fragment
        assert "<html" not in fragment
        assert "<html" in whole

    def test_name_the_place_of_the_steps_that_they_ask_for(self, world: dict[str, Any]) -> None:
        client = client_of("ada")
        whole = body(client.get(reverse("runs:detail", args=[world["run"].pk])))
        link = re.search(r'hx-get="(/history/[^"]+)" hx-target="#(steps-[^"]+)"', whole)
        assert link is not None
        address, target = link.groups()

        response = client.get(address, headers={"HX-Request": "true", "HX-Target": target})

        assert f'id="{target}"' in whole
        assert body(response).strip().startswith("<ol")

    def test_without_changes_offer_nothing_to_filter(self, world: dict[str, Any]) -> None:
        client = client_of("ada")

        nothing = body(client.get(reverse("runs:detail", args=[world["held"].pk])))
        something = body(client.get(reverse("runs:detail", args=[world["run"].pk]), {"q": "nobody"}))

        assert 'role="search"' not in nothing
        assert 'role="search"' in something

    def test_are_polled_while_live_and_stop_at_the_end(self, world: dict[str, Any]) -> None:
        run = make_run(state=RunState.READING, phase="reading Headquarters", done=12)
        page = reverse("runs:detail", args=[run.pk])
        client, headers = client_of("ada"), {"HX-Request": "true", "HX-Target": "run-progress"}

        whole = body(client.get(page))
        polled = client.get(page, headers=headers)
        type(run).objects.filter(pk=run.pk).update(state=RunState.PLANNED)
        ended = client.get(page, headers=headers)

        assert 'hx-trigger="every 2s"' in whole
        assert polled.status_code == 200
        assert "reading Headquarters" in body(polled)
        assert ended.status_code == 286
        assert "hx-swap-oob" in body(ended)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({}, True),
            ({"action": "deactivate"}, True),
            ({"action": "move"}, False),
            ({"outcome": "planned"}, True),
            ({"outcome": "conflict"}, False),
            ({"q": "wendy"}, True),
            ({"q": "returned false"}, True),
            ({"q": "nobody"}, False),
        ],
    )
    def test_filter_their_changes(self, world: dict[str, Any], query: dict[str, str], found: bool) -> None:
        text = body(client_of("ada").get(reverse("runs:csv", args=[world["run"].pk]), query))

        assert ("wendy" in text) is found

    def test_do_not_take_block_for_unblock(self, world: dict[str, Any]) -> None:
        run = make_run()
        make_change(run, world["users"][0], Action.UNBLOCK)

        text = body(client_of("ada").get(reverse("runs:csv", args=[run.pk]), {"action": "block"}))

        assert "wendy" not in text

    def test_are_refused_with_the_reason(self, world: dict[str, Any]) -> None:
        response = client_of("ada").post(reverse("ldap_servers:simulate"), follow=True)

        assert "there is no enabled LDAP server that an org uses" in body(response)

    def test_a_held_back_plan_is_discarded_by_a_sysadmin(self, world: dict[str, Any]) -> None:
        client_of("ada").post(reverse("runs:discard", args=[world["held"].pk]))
        world["held"].refresh_from_db()

        assert world["held"].state == RunState.DISCARDED

    def test_show_the_buttons_of_a_plan_to_a_sysadmin_only(self, world: dict[str, Any]) -> None:
        page = reverse("runs:detail", args=[world["held"].pk])

        assert reverse("runs:discard", args=[world["held"].pk]) in body(client_of("ada").get(page))
        assert reverse("runs:discard", args=[world["held"].pk]) not in body(client_of("sam").get(page))

    def test_are_saved_as_json(self, world: dict[str, Any]) -> None:
        response = client_of("ada").get(reverse("runs:json", args=[world["run"].pk]))

        saved = json.loads(body(response))

        assert saved["run"] == world["run"].pk
        assert [change["username"] for change in saved["changes"]] == ["wendy"]


class TestSettings:
    def test_are_saved(self, world: dict[str, Any]) -> None:
        given = {"notification_addresses": "a@example.com\nb@example.com", "reactivate_devices": "on"}

        client_of("sam").post(reverse("notifications:form"), given)

        stored = SyncSettings.load()
        assert stored.notification_addresses == ["a@example.com", "b@example.com"]
        assert (stored.notify_administrators, stored.reactivate_devices) == (False, True)

    def test_show_a_bad_address_beside_the_field(self, world: dict[str, Any]) -> None:
        response = client_of("sam").post(reverse("notifications:form"), {"notification_addresses": "nobody"})

        assert "nobody is no email address" in body(response)

    def test_the_interval_is_edited_in_place(self, world: dict[str, Any]) -> None:
        headers = {"HX-Request": "true", "HX-Target": "interval"}

        text = body(client_of("sam").post(reverse("ldap_servers:interval"), {"interval_hours": "6"}, headers=headers))

        assert text.strip().startswith('<form id="interval"')
        assert SyncSettings.load().interval_hours == 6

    def test_alerts_are_dismissed(self, world: dict[str, Any]) -> None:
        client_of("sam").post(reverse("alerts:dismiss", args=[world["alert"].pk]))

        alert = Alert.objects.get(pk=world["alert"].pk)
        assert alert.dismissed_by is not None
        assert alert.dismissed_by.username == "sam"


class TestCsrf:
    def test_protects_every_post(self, world: dict[str, Any]) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.get(username="ada"), backend="console.security.access.LocalBackend")

        for page in ("ldap_servers:simulate", "ldap_servers:add", "notifications:form", "session:sign-out"):
            assert client.post(reverse(page)).status_code == 403


class TestTheAuditTrail:
    def test_is_filtered(self, world: dict[str, Any]) -> None:
        entry = AuditEntry.objects.filter(action="user created").first()
        assert entry is not None

        text = body(client_of("ada").get(reverse("audit:export"), {"action": "matter opened"}))

        assert "matter opened" in text
        assert "user created" not in text

    def test_leads_to_the_runs_that_were_started_by_hand(self, world: dict[str, Any]) -> None:
        run = world["run"]
        note([Fact("run", run.pk, str(run))], action="simulation started", by=SYSTEM, at=NOW)

        text = body(client_of("ada").get(reverse("audit:list"), {"object_type": "run"}))

        assert f'<a class="in-text" href="{reverse("runs:detail", args=[run.pk])}">{run}</a>' in text
