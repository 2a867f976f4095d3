"""The pages of roles: what they allow, who has them and from where, who can do one thing, copies and their changes."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.elements.permission_words import SENTENCES
from orgs.actions import orgs
from orgs.actions.users import role_grants
from orgs.models import AuditEntry, Org, Role, User
from orgs.permissions import Permission
from orgs.rules.actors import SYSTEM, person
from tests.makers import (
    NOW,
    PASSWORD,
    make_org,
    make_role,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
    signed_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Client:
    return signed_in(make_sysadmin())


def page(name: str, role: Role) -> str:
    return reverse(f"roles:{name}", args=[role.pk])


def shown(client: Client, address: str, data: dict[str, Any] | None = None, *, post: bool = False) -> str:
    response = client.post(address, data or {}, follow=True) if post else client.get(address, data or {})
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def role(name: str) -> Role:
    return Role.objects.get(name=name)


def test_every_permission_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Permission)
    assert all(str(sentence).endswith(".") for sentence in SENTENCES.values())


class TestARole:
    def test_says_what_it_allows_itself_and_by_what(self, ada: Client) -> None:
        text = shown(ada, page("detail", role("Server Administrator")))

        assert "See the users and the legal holds of every org." in text
        assert "with admin.alluser" in text

    def test_says_where_each_member_has_it_from(self, ada: Client) -> None:
        clerk = make_role("Clerk", "admin.user.read")
        wendy = make_user("wendy", roles=["Clerk"])
        stan = make_user("stan")
        root = User.objects.get(username="ada")
        role_grants.set_roles(roles={stan.pk: frozenset({clerk.pk})}, by=person(root), at=NOW)
        wendy.grants.update(granted_at=NOW)
        stan.grants.update(granted_at=NOW)
        AuditEntry.objects.filter(object_type="user").update(at=NOW)

        text = shown(ada, page("detail", clerk))

        assert "given as the account was made by hand" in text
        assert "by hand, ada" in text

    def test_that_is_standard_is_locked(self, ada: Client) -> None:
        org_admin = role("Org Admin")

        assert page("edit", org_admin) not in shown(ada, page("detail", org_admin))
        assert "It is a standard role." in shown(ada, page("edit", org_admin))
        assert "it stays" in shown(ada, page("delete", org_admin))


class TestACopy:
    def test_has_the_same_permissions_and_can_be_changed(self, ada: Client) -> None:
        org_admin = role("Org Admin")

        response = ada.post(page("copy", org_admin), {"name": "Site lead"})

        copy = role("Site lead")
        assert response.headers["Location"] == page("edit", copy)
        assert (copy.permissions, copy.locked) == (org_admin.permissions, False)

    def test_needs_a_free_name(self, ada: Client) -> None:
        response = ada.post(page("copy", role("Org Admin")), {"name": "help desk"})

        assert "is taken" in response.context["form"].errors["name"][0]

    def test_of_more_than_one_holds_is_refused(self) -> None:
        sam = signed_in(make_server_administrator())

        response = sam.post(page("copy", role("SYSADMIN")), {"name": "Mine"})

        assert "would give more than you hold" in response.context["form"].errors["name"][0]
        assert not Role.objects.filter(name="Mine").exists()


class TestACustomRole:
    def test_is_saved_after_it_was_shown_who_gains_and_loses(self, ada: Client) -> None:
        clerk = make_role("Clerk", "admin.user.read")
        make_user("wendy", roles=["Clerk"])
        given = {"name": "Clerk", "permissions": ["admin.org.read"]}

        text = shown(ada, page("edit", clerk), given, post=True)
        assert "Save Clerk like this?" in text
        assert "admin.org.read" in text.partition("Gain")[2]
        assert "admin.user.read" in text.partition("Lose")[2]
        assert role("Clerk").permissions == ["admin.user.read"]

        assert "Clerk is saved." in shown(ada, page("edit", clerk), given | {"confirmed": "yes"}, post=True)
        assert role("Clerk").permissions == ["admin.org.read"]

    def test_offers_no_permission_that_one_does_not_hold(self) -> None:
        clerk, sam = make_role("Clerk", "admin.user.read"), signed_in(make_server_administrator())

        text = shown(sam, page("edit", clerk))
        assert 'value="admin" disabled' in text

        refused = shown(
            sam, page("edit", clerk), {"name": "Clerk", "permissions": ["admin"], "confirmed": "yes"}, post=True
        )
        assert "would give more than you hold" in refused
        assert role("Clerk").permissions == ["admin.user.read"]

    def test_warns_of_passwords_that_are_forgotten(self, ada: Client) -> None:
        clerk = make_role("Clerk", "admin.user.read")
        make_user("wendy", roles=["Clerk"], password=PASSWORD)
        AuditEntry.objects.filter(object_label="wendy").update(actor=make_user("less").pk)

        text = shown(
            ada, page("edit", clerk), {"name": "Clerk", "permissions": ["admin"], "confirmed": "yes"}, post=True
        )

        assert "wendy has no local password any more" in text

    def test_is_deleted_when_nobody_has_it(self, ada: Client) -> None:
        clerk = make_role("Clerk", "admin.user.read")

        assert "Nobody has it, and nothing gives it." in shown(ada, page("delete", clerk))
        assert "Clerk is deleted." in shown(ada, page("delete", clerk), post=True)
        assert not Role.objects.filter(name="Clerk").exists()

    def test_that_somebody_has_says_who_and_stays(self, ada: Client) -> None:
        clerk = make_role("Clerk", "admin.user.read")
        make_user("wendy", roles=["Clerk"])
        orgs.change(org=make_org("Left"), own_default_roles=True, default_roles=[clerk], by=SYSTEM, at=NOW)
        make_server("Corp").grantable_roles.set([clerk])

        text = shown(ada, page("delete", clerk))
        assert "1 user" in text
        assert ">Left</a>" in text
        assert ">Corp</a>" in text
        assert "Delete the role" not in text
        shown(ada, page("delete", clerk), post=True)
        assert Role.objects.filter(name="Clerk").exists()


class TestWhoCanDoOneThing:
    def test_is_found_in_two_clicks(self, ada: Client) -> None:
        address = next(
            link for link in shown(ada, reverse("roles:list")).split('href="') if 'permission=admin.user"' in link
        ).partition('"')[0]
        make_user("olga", org=make_org("Left"), roles=["Org Admin"])
        make_user("pat", roles=["PROe User"])

        text = shown(ada, address)

        assert "olga" in text
        assert ">pat<" not in text
        assert ">Org Admin</a>" in text

    def test_is_said_with_where(self, ada: Client) -> None:
        left = make_org("Left")
        make_org("Lower", parent=left)
        make_user("olga", org=left, roles=["Org Admin"])
        make_user("boss", org=left, roles=["All Org Admin"])

        text = shown(ada, reverse("roles:permission-holders"), {"permission": "admin.user"})

        assert "Left and the orgs below it" in text.partition(">olga<")[2]
        assert "every org" in text.partition(">boss<")[2].partition(">olga<")[0]

    def test_is_of_ones_own_part(self) -> None:
        left = make_org("Left")
        olga = signed_in(make_user("olga", org=left, roles=["Org Admin"], password=PASSWORD))
        make_user("stranger", org=make_org("Right"), roles=["Org Admin"])

        assert "stranger" not in shown(olga, reverse("roles:permission-holders"), {"permission": "admin.user"})

    @pytest.mark.parametrize("wanted", ["", "nonsense", "admin.user'--"])
    def test_needs_a_permission(self, ada: Client, wanted: str) -> None:
        text = shown(ada, reverse("roles:permission-holders"), {"permission": wanted})

        assert "Choose what somebody can do" in text


class TestWhatAPersonCanDo:
    def test_is_said_with_the_roles_and_where(self, ada: Client) -> None:
        left = make_org("Left")
        olga = make_user("olga", org=left, roles=["Org Admin", "PROe User"])

        text = shown(ada, reverse("users:powers", args=[olga.pk]))

        assert ">Org Admin</a>" in text
        assert "Left" in text.partition("Create and change users, and give roles")[2]
        assert "their own account" in text.partition("Sign in to this console.")[2]

    def test_is_linked_from_the_page_of_the_user(self, ada: Client) -> None:
        pat = make_user("pat")

        assert reverse("users:powers", args=[pat.pk]) in shown(ada, reverse("users:roles", args=[pat.pk]))
        assert "no role that allows anything" in shown(ada, reverse("users:powers", args=[pat.pk]))

    def test_of_somebody_outside_is_not_found(self) -> None:
        olga = signed_in(make_user("olga", org=make_org("Left"), roles=["Org Admin"], password=PASSWORD))
        stranger = make_user("stranger", org=Org.objects.get(depth=1))

        assert olga.get(reverse("users:powers", args=[stranger.pk])).status_code == 404


def test_roles_are_changed_by_server_administrators_only() -> None:
    olga = signed_in(make_user("olga", org=make_org("Left"), roles=["Org Admin"], password=PASSWORD))
    clerk = make_role("Clerk", "admin.user.read")

    for name in ("copy", "edit", "delete"):
        assert olga.get(page(name, clerk)).status_code == 403
        assert page(name, clerk) not in shown(olga, page("detail", clerk))
