"""Data fixes: for SYSADMIN only, through actions only, and the bind password never shows."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.test import Client
from django.urls import reverse

from console.admin import data_fixes
from directory.actions import sync_settings
from directory.models import LdapServer, Match
from orgs.actions import devices, legal_holds
from orgs.actions.users import blocking, deactivation, pending_deactivation
from orgs.models import Archive, ArchiveState, AuditEntry, Custodian, Device, DirectoryService, Matter, Org, Role, User
from orgs.rules.actors import SYSTEM, person
from tests.makers import (
    BIND_PASSWORD,
    NOW,
    PASSWORD,
    make_alert,
    make_change,
    make_device,
    make_matter,
    make_org,
    make_run,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)
from tests.state import differences, snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_sysadmin()


@pytest.fixture
def browser(ada: User) -> Client:
    return signed_in(ada)


def match(user: User, server: LdapServer | None) -> Match:
    """Note that a sync has found the user on this server."""
    return Match.objects.create(
        user=user, server=server, dn=f"uid={user.username},dc=example,dc=com", unique_id="4711", matched_at=NOW
    )


def synchronized_with(org: Org, server: LdapServer) -> None:
    """Have the org's users looked for on this server."""
    Org.objects.filter(pk=org.pk).update(directory_service=DirectoryService.LDAP)
    server.org_links.create(org=org)


def page(model: str, what: str = "changelist", *args: int) -> str:
    return reverse(f"data-fixes:{model}_{what}", args=args)


class TestTheDoor:
    def test_is_the_consoles_own(self) -> None:
        question = Client().get("/data-fixes/orgs/user/", follow=True)

        assert question.redirect_chain[-1][0] == "/sign-in/?next=/data-fixes/orgs/user/"
        assert Client().get("/data-fixes/login/")["Location"].startswith("/sign-in/")
        assert Client().post("/data-fixes/login/", {"username": "ada", "password": "x"}).status_code == 302

    def test_is_closed_to_all_but_a_sysadmin(self) -> None:
        client = signed_in(make_server_administrator())

        assert client.get("/data-fixes/", follow=True).status_code == 403
        assert client.get(page("orgs_user"), follow=True).status_code == 403

    def test_sends_who_changes_their_own_password_to_their_account(self, browser: Client) -> None:
        answer = browser.get("/data-fixes/password_change/")

        assert (answer.status_code, answer["Location"]) == (302, reverse("account:password"))


class TestEveryModel:
    def test_can_be_looked_at_without_the_bind_password(self, browser: Client) -> None:
        server = make_server()
        wendy = make_user("wendy")
        make_device(wendy)
        make_matter("Inquiry", wendy)
        make_change(make_run(server), wendy)
        match(wendy, server)
        make_alert()

        for model in data_fixes._registry:
            name = f"{model._meta.app_label}_{model._meta.model_name}"
            listed = browser.get(page(name))
            assert listed.status_code == 200, name
            for row in model._default_manager.all()[:1]:
                shown = browser.get(page(name, "change", row.pk))
                assert shown.status_code == 200, name
                assert BIND_PASSWORD not in shown.content.decode(), name

    def test_nothing_is_deleted(self, browser: Client) -> None:
        wendy = make_user("wendy")

        assert browser.post(page("orgs_user", "delete", wendy.pk), {"post": "yes"}).status_code == 403
        assert "delete_selected" not in browser.get(page("orgs_user")).content.decode()

    def test_an_ldap_server_is_changed_on_its_own_page(self, browser: Client) -> None:
        server = make_server()

        shown = browser.get(page("directory_ldapserver", "change", server.pk)).content.decode()
        refused = browser.post(page("directory_ldapserver", "change", server.pk), {"name": "x"})

        assert reverse("ldap_servers:edit", args=[server.pk]) in shown
        assert refused.status_code == 403
        assert LdapServer.objects.get().name == "Headquarters"


class TestAnOrgThatComesToFollowLdap:
    def test_says_who_can_not_sign_in_any_more(self, browser: Client) -> None:
        left = make_org("Left")
        olga = make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD)
        User.objects.filter(pk=olga.pk).update(managed_locally=False)

        given = {"name": "Left", "directory_service": "ldap"}
        answer = browser.post(page("orgs_org", "change", left.pk), given, follow=True).content.decode()

        assert "with their local passwords, as their org follows LDAP: olga" in answer

    def test_does_not_lock_out_who_does_it(self, browser: Client, ada: User) -> None:
        make_sysadmin("carl")
        User.objects.filter(pk=ada.pk).update(managed_locally=False)

        given = {"name": "Default", "directory_service": "ldap"}
        answer = browser.post(page("orgs_org", "change", ada.org_id), given, follow=True).content.decode()

        assert "Nothing was changed: you could not sign in any more" in answer
        assert Org.objects.get(pk=ada.org_id).directory_service == ""


class TestUsers:
    def test_are_changed_by_actions(self, browser: Client) -> None:
        wendy, sales = make_user("wendy", roles=["PROe User"]), make_org("Sales")

        browser.post(
            page("orgs_user", "change", wendy.pk),
            {"username": "wanda", "email": "w@example.com", "org": sales.pk, "managed_locally": "on", "active": ""},
        )

        changed = User.objects.get(pk=wendy.pk)
        assert (changed.username, changed.org, changed.managed_locally) == ("wanda", sales, True)
        assert changed.active
        assert not changed.roles.exists()
        noted = AuditEntry.objects.filter(object_type="user", object_id=wendy.pk).values_list("action", flat=True)
        assert {"profile updated", "user moved", "roles set", "managed locally"} <= set(noted)

    def test_a_refusal_is_shown_and_nothing_is_written(self, browser: Client, ada: User) -> None:
        response = browser.post(
            page("orgs_user", "change", ada.pk), {"username": "renamed", "org": ada.org_id}, follow=True
        )

        assert "someone has to hold it" in response.content.decode()
        assert User.objects.get(pk=ada.pk).username == "ada"

    def test_are_deactivated_after_the_effects_were_named(self, browser: Client) -> None:
        wendy = make_user("wendy")
        make_device(wendy)
        wish = {"action": "deactivate", "_selected_action": [wendy.pk]}

        question = browser.post(page("orgs_user"), wish).content.decode()
        assert "Devices: 1. Deactivated at once." in question
        assert User.objects.get(pk=wendy.pk).active
        browser.post(page("orgs_user"), wish | {"confirmed": "yes"})

        assert not User.objects.get(pk=wendy.pk).active
        assert not wendy.devices.get().active

    @pytest.mark.parametrize("action", ["block", "unblock", "deactivate", "reactivate", "clear_pending"])
    def test_are_asked_about_before_and_told_about_after_every_action(self, browser: Client, action: str) -> None:
        wendy = make_user("wendy")
        if action == "unblock":
            blocking.block(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        elif action == "reactivate":
            deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        elif action == "clear_pending":
            pending_deactivation.set_pending(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        wish = {"action": action, "_selected_action": [wendy.pk]}
        before = snapshot()

        question = browser.post(page("orgs_user"), wish)

        assert "Yes, do it" in question.content.decode()
        assert differences(before, snapshot()) == []
        answer = browser.post(page("orgs_user"), wish | {"confirmed": "yes"}, follow=True).content.decode()
        assert ": 1." in answer
        assert differences(before, snapshot())


class TestReactivating:
    @pytest.fixture
    def wendy(self) -> User:
        """A user with two devices, deactivated for so long that one archive has expired."""
        wendy = make_user("wendy")
        make_device(wendy, "old")
        make_device(wendy, "new")
        deactivation.deactivate(user_ids=[wendy.pk], by=SYSTEM, at=NOW)
        Archive.objects.filter(device__name="old").update(state=ArchiveState.EXPIRED, purge_at=NOW)
        return wendy

    def question_and_answer(self, browser: Client, wendy: User) -> tuple[str, str]:
        wish = {"action": "reactivate", "_selected_action": [wendy.pk]}
        question = browser.post(page("orgs_user"), wish).content.decode()
        return question, browser.post(page("orgs_user"), wish | {"confirmed": "yes"}, follow=True).content.decode()

    def test_says_what_comes_back_and_what_is_lost(self, browser: Client, wendy: User) -> None:
        question, answer = self.question_and_answer(browser, wendy)

        assert "Devices: 2. Active again" in question
        assert "Lost archives: 1. Have expired" in question
        assert "Devices that are active again: 2." in answer
        assert "Archives that had expired and are lost: 1." in answer
        assert wendy.devices.filter(active=True).count() == 2

    def test_leaves_devices_off_where_the_settings_say_so(self, browser: Client, wendy: User, ada: User) -> None:
        sync_settings.save(values={"reactivate_devices": False}, by=person(ada), at=NOW)

        question, answer = self.question_and_answer(browser, wendy)

        assert "Devices: 2. Stay deactivated" in question
        assert "Devices that are active again: 0." in answer
        assert User.objects.get(pk=wendy.pk).active
        assert not wendy.devices.filter(active=True).exists()

    def test_of_a_device_says_so_too(self, browser: Client) -> None:
        laptop = make_device(make_user("wendy"))
        devices.deactivate(device_ids=[laptop.pk], by=SYSTEM, at=NOW)
        wish = {"action": "reactivate", "_selected_action": [laptop.pk]}

        assert "Devices that back up again: 1." in browser.post(page("orgs_device"), wish).content.decode()
        assert not Device.objects.get().active
        answer = browser.post(page("orgs_device"), wish | {"confirmed": "yes"}, follow=True).content.decode()

        assert "Archives out of cold storage: 1." in answer


class TestPasswords:
    NEW: ClassVar[dict[str, str]] = {"new_password1": "a whole new sentence", "new_password2": "a whole new sentence"}

    def test_are_set_from_the_users_page(self, browser: Client) -> None:
        wendy = make_user("wendy")
        address = reverse("users:password", args=[wendy.pk])

        assert address in browser.get(page("orgs_user", "change", wendy.pk)).content.decode()
        answer = browser.post(address, self.NEW, follow=True).content.decode()

        assert "The password of wendy is set" in answer
        assert User.objects.get(pk=wendy.pk).check_password(self.NEW["new_password1"])

    def test_are_not_set_where_they_would_open_nothing(self, browser: Client) -> None:
        wendy = make_user("wendy")
        Org.objects.filter(name="Default").update(directory_service=DirectoryService.LDAP)
        address = reverse("users:password", args=[wendy.pk])

        assert "Mark the user as managed locally" in " ".join(browser.get(address).content.decode().split())
        browser.post(address, self.NEW)
        assert not User.objects.get(pk=wendy.pk).has_usable_password()

    def test_are_missed_by_somebody_who_is_managed_locally_from_now_on(self, browser: Client) -> None:
        wendy = make_user("wendy")
        Org.objects.filter(name="Default").update(directory_service=DirectoryService.LDAP)

        given = {"username": "wendy", "org": wendy.org_id, "managed_locally": "on"}
        answer = browser.post(page("orgs_user", "change", wendy.pk), given, follow=True).content.decode()

        assert "wendy has no local password" in answer


class TestMoving:
    @pytest.fixture
    def laptop(self) -> Device:
        """The laptop of wendy, whom a sync has found on the server Headquarters."""
        laptop = make_device(make_user("wendy"))
        match(laptop.user, make_server())
        return laptop

    def move(self, browser: Client, user: User, org: Org) -> None:
        browser.post(page("orgs_user", "change", user.pk), {"username": user.username, "org": org.pk})

        assert User.objects.get(pk=user.pk).org == org

    def test_to_an_org_that_asks_the_same_server_leaves_devices_signed_in(
        self, browser: Client, laptop: Device
    ) -> None:
        sales = make_org("Sales")
        synchronized_with(sales, LdapServer.objects.get())

        self.move(browser, laptop.user, sales)

        assert Device.objects.get().authorized

    def test_to_an_org_that_asks_another_server_signs_devices_out(self, browser: Client, laptop: Device) -> None:
        sales = make_org("Sales")
        synchronized_with(sales, make_server("Branch"))

        self.move(browser, laptop.user, sales)

        assert not Device.objects.get().authorized
        assert AuditEntry.objects.filter(action="device deauthorized", object_id=laptop.pk).exists()

    def test_to_an_org_that_asks_no_server_signs_devices_out(self, browser: Client, laptop: Device) -> None:
        self.move(browser, laptop.user, make_org("Sales"))

        assert not Device.objects.get().authorized

    def test_leaves_the_devices_of_who_was_never_found_signed_in(self, browser: Client) -> None:
        laptop, sales = make_device(make_user("wendy")), make_org("Sales")
        synchronized_with(sales, make_server())

        self.move(browser, laptop.user, sales)

        assert Device.objects.get().authorized


class TestMatches:
    def test_are_forgotten_after_the_effects_were_named(self, browser: Client) -> None:
        wendy, stan = make_user("wendy"), make_user("stan")
        server = make_server()
        match(wendy, server)
        kept = match(stan, server)
        wish = {"action": "forget", "_selected_action": [wendy.pk]}

        question = browser.post(page("directory_match"), wish).content.decode()
        assert "looks for 1 user by username alone" in question
        assert Match.objects.count() == 2
        browser.post(page("directory_match"), wish | {"confirmed": "yes"})

        assert Match.objects.get() == kept
        noted = AuditEntry.objects.get(action="match forgotten")
        assert (noted.actor_label, noted.object_type, noted.object_id) == ("ada", "user", wendy.pk)
        assert noted.before == {
            "LDAP server": "Headquarters",
            "DN": "uid=wendy,dc=example,dc=com",
            "immutable id": "4711",
        }

    def test_are_forgotten_even_when_their_server_is_gone(self, browser: Client) -> None:
        wendy = make_user("wendy")
        match(wendy, None)

        browser.post(page("directory_match"), {"action": "forget", "_selected_action": [wendy.pk], "confirmed": "yes"})

        assert not Match.objects.exists()

    def test_are_not_changed_by_hand(self, browser: Client) -> None:
        wendy = make_user("wendy")
        match(wendy, None)

        assert browser.post(page("directory_match", "change", wendy.pk), {"dn": "x"}).status_code == 403


class TestOrgsRolesAndHolds:
    def test_an_org_is_made_and_changed_by_actions(self, browser: Client) -> None:
        top = Org.objects.get(depth=1)

        browser.post(page("orgs_org", "add"), {"name": "Sales", "parent": top.pk, "directory_service": "ldap"})

        sales = Org.objects.get(name="Sales")
        assert (sales.depth, sales.directory_service) == (2, "ldap")
        browser.post(page("orgs_org", "change", sales.pk), {"name": "Sales North"})
        assert Org.objects.get(pk=sales.pk).name == "Sales North"

    def test_a_standard_role_is_locked_and_a_custom_one_is_not(self, browser: Client) -> None:
        standard = Role.objects.get(name="Org Admin")

        assert browser.post(page("orgs_role", "change", standard.pk), {"name": "x"}).status_code == 403
        browser.post(page("orgs_role", "add"), {"name": "Clerk", "permissions": ["admin.user.read"]})
        assert Role.objects.get(name="Clerk").permissions == ["admin.user.read"]

    def test_a_matter_is_opened_held_and_closed(self, browser: Client) -> None:
        wendy = make_user("wendy")

        browser.post(page("orgs_matter", "add"), {"name": "Inquiry"})
        matter = Matter.objects.get()
        browser.post(page("orgs_custodian", "add"), {"matter": matter.pk, "user": wendy.pk})
        assert User.objects.on_legal_hold().get() == wendy
        browser.post(page("orgs_matter"), {"action": "close", "_selected_action": [matter.pk], "confirmed": "yes"})

        assert not User.objects.on_legal_hold().exists()


class TestReleasing:
    """A matter was closed and opened again: each of its users has a released row and one that holds."""

    @pytest.fixture
    def matter(self) -> Matter:
        matter = make_matter("Inquiry", make_user("wendy"), make_user("stan"))
        legal_holds.close_matter(matter=matter, by=SYSTEM, at=NOW)
        legal_holds.reopen_matter(matter=matter, by=SYSTEM, at=NOW)
        return matter

    def rows(self, *, released: bool) -> list[int]:
        return list(Custodian.objects.filter(released_at__isnull=not released).values_list("pk", flat=True))

    def test_a_row_that_is_released_already_ends_no_other_hold(self, browser: Client, matter: Matter) -> None:
        wish = {"action": "release", "_selected_action": self.rows(released=True)}

        for given in (wish, wish | {"confirmed": "yes"}):
            answer = browser.post(page("orgs_custodian"), given, follow=True).content.decode()
            assert "none of the chosen custodians is on hold by that row" in answer
        assert User.objects.on_legal_hold().count() == 2

    def test_counts_and_ends_only_what_holds(self, browser: Client, matter: Matter) -> None:
        holding = Custodian.objects.get(user__username="wendy", released_at=None)
        wish = {"action": "release", "_selected_action": [*self.rows(released=True), holding.pk]}

        question = browser.post(page("orgs_custodian"), wish).content.decode()
        assert "2 of the chosen custodians are released already" in question
        assert ("wendy: Inquiry" in question, "stan: Inquiry" in question) == (True, False)
        browser.post(page("orgs_custodian"), wish | {"confirmed": "yes"})

        assert [user.username for user in User.objects.on_legal_hold()] == ["stan"]
