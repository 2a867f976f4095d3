"""Becoming more than one is: fields that no form has, roles that one does not hold, plans that are not one's to apply."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from directory.models import LdapServer, Run, RunState
from orgs.models import Device, Matter, Org, Role, User
from tests.attacks.attempts import attack, body
from tests.attacks.forms import as_sent
from tests.attacks.world import MANAGER, ORG_ADMIN, PLAIN, SERVER_ADMIN, SYSADMIN, World
from tests.makers import PASSWORD, make_role, make_run, make_server

pytestmark = [pytest.mark.django_db, pytest.mark.once]

EXTRA: dict[str, Any] = {
    "is_superuser": "on",
    "is_staff": "on",
    "is_active": "on",
    "org": "1",
    "org_id": "1",
    "roles": ["1"],
    "granted_roles": ["1"],
    "permissions": ["admin"],
    "active": "",
    "blocked": "on",
    "managed_locally": "on",
    "legal_hold": "",
    "password": "chosen by the attacker",
    "session_epoch": "99",
    "id": "1",
    "pk": "1",
    "created_by": "csv",
    "locked": "",
    "approved_by": "1",
    "version": "",
}


@pytest.fixture
def sysadmin_role() -> Role:
    return Role.objects.get(name="SYSADMIN")


def data_fix(model: str, pk: int | None = None) -> str:
    return reverse(f"data-fixes:{model}_change", args=[pk]) if pk else reverse(f"data-fixes:{model}_changelist")


class TestGrantingASysadmin:
    @pytest.mark.parametrize("caller", [PLAIN, ORG_ADMIN, MANAGER, SERVER_ADMIN])
    def test_by_the_data_fix_of_oneself(self, world: World, sysadmin_role: Role, caller: str) -> None:
        client = world.client(caller)
        me = User.objects.get(pk=client.session["_auth_user_id"])
        given = {"username": me.username, "org": me.org_id, "granted_roles": [sysadmin_role.pk]}

        with attack(
            f"{caller} grants themselves SYSADMIN",
            how="POST of the data fix of their own user, of a new user, of the role grants, of their role's permissions",
            expected="403",
        ) as attempt:
            role = me.roles.get()
            for address, data in (
                (data_fix("orgs_user", me.pk), given),
                (reverse("data-fixes:orgs_user_add"), given | {"username": "mine"}),
                (reverse("data-fixes:orgs_rolegrant_add"), {"user": me.pk, "role": sysadmin_role.pk}),
                (data_fix("orgs_role", role.pk), {"name": role.name, "permissions": ["admin"]}),
            ):
                attempt.answer(client.post(address, data, follow=True), 403)
            assert not User.objects.get(pk=me.pk).is_staff

    @pytest.mark.parametrize("which", ["SYSADMIN", "a custom role that holds admin"])
    @pytest.mark.parametrize("place", ["edit", "add"])
    def test_by_letting_a_server_grant_it(self, world: World, place: str, which: str) -> None:
        role = Role.objects.get(name="SYSADMIN") if which == "SYSADMIN" else make_role("Boss", "admin")
        server = world.objects["server"]
        address = reverse("ldap_servers:edit", args=[server.pk]) if place == "edit" else reverse("ldap_servers:add")
        client = world.client(SERVER_ADMIN)
        given = as_sent(client.get(reverse("ldap_servers:edit", args=[server.pk])).context["form"])
        new = given | {"name": "Mine", "bind_password": "x" * 12} if place == "add" else given

        with attack(
            f"a Server Administrator lets a server grant {which} ({place})",
            how=f"POST {address} with that role ticked",
            expected="the form again: only a SYSADMIN may do that",
        ) as attempt:
            text = attempt.answer(client.post(address, new | {"grantable_roles": [role.pk]}), 200)
            assert "only a SYSADMIN may let a server grant" in text
            attempt.note("“only a SYSADMIN may let a server grant …”")

    def test_by_changing_a_server_that_may_grant_it(self, world: World, sysadmin_role: Role) -> None:
        server = world.objects["server"]
        LdapServer.objects.get(pk=server.pk).grantable_roles.add(sysadmin_role)
        client, address = world.client(SERVER_ADMIN), reverse("ldap_servers:edit", args=[server.pk])
        given = as_sent(client.get(address).context["form"]) | {"bind_password": "known to the attacker"}
        settings = {
            "role_name_script": "function (entry) { return ['SYSADMIN']; }",
            "active_script": "function (entry) { return false; }",
            "urls": "ldaps://mine.example",
            "search_filter": "(uid=sam)",
            "search_base": "dc=mine,dc=example",
            "username_attribute": "description",
        }

        with attack(
            "a Server Administrator changes a server that may grant SYSADMIN",
            how=f"POST {address} with another {', '.join(settings)}, one after the other",
            expected="the form again: only a SYSADMIN may change what decides who gets that role",
        ) as attempt:
            for name, value in settings.items():
                attempt.answer(
                    client.post(address, given | {name: value}), 200, shows="only a SYSADMIN may change", what=name
                )
            attempt.note("“only a SYSADMIN may change …”")


class TestPlansOfOthers:
    @pytest.mark.parametrize("what", ["apply", "discard", "undo"])
    def test_are_not_theirs_to_decide(self, world: World, what: str) -> None:
        run = world.objects["held"]
        address = reverse(f"runs:{what}", args=[run.pk])
        callers = [PLAIN, ORG_ADMIN, MANAGER, SERVER_ADMIN]

        with attack(
            f"{what} a run as somebody else than a SYSADMIN",
            how=f"POST {address} of a held-back run as {', '.join(callers)}",
            expected="403; the plan stays held back",
        ) as attempt:
            for caller in callers:
                attempt.answer(world.client(caller).post(address, EXTRA), 403, what=caller)
            assert Run.objects.get(pk=run.pk).state == RunState.HELD_BACK

    @pytest.mark.whole
    @pytest.mark.parametrize(
        ("what", "state", "values", "shows"),
        [
            ("apply", RunState.HELD_BACK, {"planned_at": timezone.now() - timedelta(hours=25)}, "older than 24 hours"),
            ("apply", RunState.FAILED, {}, "only a finished simulation or a held-back run has a plan to apply"),
            ("apply", RunState.DISCARDED, {}, "only a finished simulation or a held-back run has a plan to apply"),
            ("apply", RunState.APPLYING, {}, "only a finished simulation or a held-back run has a plan to apply"),
            ("apply", RunState.APPLIED, {}, "only a finished simulation or a held-back run has a plan to apply"),
            ("discard", RunState.APPLIED, {}, "is not held back"),
            ("discard", RunState.PLANNED, {}, "is not held back"),
            ("cancel", RunState.APPLIED, {}, "has ended"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_are_applied_as_their_state_allows_only(
        self, world: World, what: str, state: str, values: dict[str, Any], shows: str
    ) -> None:
        run = make_run(make_server("Elsewhere"), state=state, simulated=False, **values)
        address = reverse(f"runs:{what}", args=[run.pk])

        with attack(
            f"{what} a run that is {'25 hours old' if values else state}",
            how=f"POST {address} as a SYSADMIN",
            expected="refused with the reason; the run stays as it is",
        ) as attempt:
            before = Run.objects.values().get(pk=run.pk)
            text = attempt.answer(world.client(SYSADMIN).post(address, follow=True), 200)
            assert shows in text
            attempt.note(f"“{shows}”")
            assert Run.objects.values().get(pk=run.pk) == before


LOSSES = ["their role taken", "blocked", "deactivated", "the role's admin taken", "all of it in one go"]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_last_sysadmin_stays(world: World, loss: str) -> None:
    ada = User.objects.get(username="ada")
    client = world.client(SYSADMIN)
    role = make_role("Boss", "admin")
    if loss == "the role's admin taken":
        # The only SYSADMIN is one by a custom role.
        ada.grants.create(role=role)
        ada.grants.exclude(role=role).delete()

    with attack(
        f"the last SYSADMIN: {loss}",
        how="data fixes, by the last SYSADMIN themselves",
        expected="refused: someone has to hold the role",
    ) as attempt:
        wish = {"_selected_action": [ada.pk], "confirmed": "yes"}
        answers = {
            "their role taken": lambda: client.post(
                data_fix("orgs_user", ada.pk), {"username": "ada", "org": ada.org_id}
            ),
            "blocked": lambda: client.post(data_fix("orgs_user"), wish | {"action": "block"}),
            "deactivated": lambda: client.post(data_fix("orgs_user"), wish | {"action": "deactivate"}),
            "the role's admin taken": lambda: client.post(data_fix("orgs_role", role.pk), {"name": "Boss"}),
            "all of it in one go": lambda: client.post(
                data_fix("orgs_user"),
                {**wish, "_selected_action": list(User.objects.values_list("pk", flat=True)), "action": "deactivate"},
            ),
        }
        response = answers[loss]()
        text = attempt.answer(client.get(response.headers["Location"]), 200)
        assert "someone has to" in text
        attempt.note("“someone has to hold it”")


class TestFieldsThatNoFormHas:
    @pytest.mark.parametrize("name", ["notifications:form", "ldap_servers:interval", "session:confirm"])
    def test_are_ignored_in_settings(self, world: World, name: str) -> None:
        client = world.client(SYSADMIN)
        address = reverse(name)
        if name == "ldap_servers:interval":
            given: dict[str, Any] = {"interval_hours": "12", "notify_administrators": "", "reactivate_devices": ""}
        else:
            given = as_sent(client.get(address).context["form"]) | {"interval_hours": "1"}

        with attack(
            f"fields that {name} does not have",
            how=f"POST {address} with its own values and {', '.join([*EXTRA, 'interval_hours'])}",
            expected="as without them",
        ) as attempt:
            attempt.answer(client.post(address, EXTRA | given), 200, 302)

    @pytest.mark.parametrize("what", ["is_staff", "another user's session", "next page"])
    def test_are_ignored_at_the_sign_in(self, world: World, what: str) -> None:
        with attack(
            f"the sign-in with {what}",
            how=f"POST /sign-in/ as a plain user with {', '.join(EXTRA)}, user_id, _auth_user_id",
            expected="signed in as that user, with their roles",
        ) as attempt:
            browser = Client()
            ada = User.objects.get(username="ada")
            given = EXTRA | {"_auth_user_id": ada.pk, "user_id": ada.pk, "user": "ada", "next": "/data-fixes/"}
            attempt.goes_to(
                browser.post("/sign-in/", given | {"username": "pat", "password": PASSWORD}), "/data-fixes/"
            )
            attempt.answer(browser.get("/data-fixes/", follow=True), 403)
            assert browser.session["_auth_user_id"] == str(User.objects.get(username="pat").pk)

    def test_are_ignored_by_an_ldap_server(self, world: World) -> None:
        server = world.objects["server"]
        client, address = world.client(SERVER_ADMIN), reverse("ldap_servers:edit", args=[server.pk])
        given = as_sent(client.get(address).context["form"])
        more = {
            "position": "99",
            "name_key": "other",
            "changed_at": "2000-01-01",
            "id": "77",
            "server": "77",
            "at": "x",
        }

        with attack(
            "fields that the form of an LDAP server does not have",
            how=f"POST {address} with {', '.join(more)}",
            expected="saved as it was, apart from its version",
            but=("version", "changed_at"),
        ) as attempt:
            response = client.post(address, given | more)
            attempt.goes_to(response, address)

    @pytest.mark.whole
    @pytest.mark.parametrize(
        "model", ["orgs_user", "orgs_org", "orgs_device", "orgs_matter", "orgs_role", "directory_syncsettings"]
    )
    def test_are_ignored_by_data_fixes(self, world: World, model: str) -> None:
        objects = {
            "orgs_user": world.own.worker,
            "orgs_org": Org.objects.get(pk=world.own.org.pk),
            "orgs_device": Device.objects.get(pk=world.own.device.pk),
            "orgs_matter": Matter.objects.get(),
            "orgs_role": Role.objects.get(name="Clerk"),
            "directory_syncsettings": None,
        }
        found = objects[model]
        address = data_fix(model, found.pk if found else 1)
        client = world.client(SYSADMIN)
        form = client.get(address).context["adminform"].form
        own = set(form.fields)
        more = {
            "path": "0001",
            "depth": "1",
            "numchild": "0",
            "registration_key": "AAAA-AAAA-AAAA-AAAA",
            "guid": "1" * 18,
            "user": "1",
            "closed_at": "2026-01-01",
            "name_key": "x",
            "username_key": "x",
            "deactivated_by": "sync",
            "pending": "on",
            "interval_since": "2000-01-01",
        }
        given = {key: value for key, value in (EXTRA | more).items() if key not in own}

        with attack(
            f"fields that the data fix of {model} does not have",
            how=f"POST {address} as a SYSADMIN with {len(given)} of them: {', '.join(sorted(given))}",
            expected="saved as it was",
        ) as attempt:
            attempt.answer(client.post(address, as_sent(form) | given), 200, 302)

    def test_change_nothing_of_a_standard_role(self, world: World, sysadmin_role: Role) -> None:
        with attack(
            "a standard role changed or unlocked",
            how="POST of its data fix with permissions and locked, as a SYSADMIN",
            expected="403",
        ) as attempt:
            given = {"name": "SYSADMIN", "permissions": ["admin.user.read"], "locked": ""}
            attempt.answer(world.client(SYSADMIN).post(data_fix("orgs_role", sysadmin_role.pk), given), 403)

    @pytest.mark.whole
    def test_in_an_action_on_rows_that_are_none(self, world: World) -> None:
        rows = ("abc", "1' OR '1'='1", "\0", "-1", "9" * 40, "", "1.5", "١")
        actions = ("block", "deactivate", "reactivate", "no_such_action", "delete_selected")

        with attack(
            "actions of the data fixes on rows that are none",
            how=f"POST {', '.join(actions)} with {', '.join(map(repr, rows))[:90]} as the only row chosen, confirmed",
            expected="nothing done: back to the list",
        ) as attempt:
            for row in rows:
                for action in actions:
                    given = {"action": action, "_selected_action": [row], "confirmed": "yes"}
                    attempt.answer(world.client(SYSADMIN).post(data_fix("orgs_user"), given), 200, 302, what=row)

    @pytest.mark.whole
    @pytest.mark.parametrize("column", ["password", "user__password", "bind_password"])
    def test_are_no_way_to_read_a_secret_letter_by_letter(self, world: World, column: str) -> None:
        models = {"password": "orgs_user", "user__password": "orgs_device", "bind_password": "directory_ldapserver"}
        address = data_fix(models[column])

        with attack(
            f"{column} guessed by a filter of the data fixes",
            how=f"GET {address}?{column}__startswith=…, __contains, __regex, __gt, __exact, right and wrong guesses",
            expected="400, whatever the guess",
        ) as attempt:
            client = world.client(SYSADMIN)
            for lookup in ("startswith", "contains", "regex", "gt", "exact"):
                texts = set()
                for guess in ("md5", "zzz", "g"):
                    response = client.get(address, {f"{column}__{lookup}": guess}, follow=True)
                    attempt.answer(response, 400)
                    texts.add(body(response))
                assert len(texts) == 1, f"{column}__{lookup} tells"
