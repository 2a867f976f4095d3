"""An org's directory service and LDAP servers, its place in the tree, and who may change which servers decide."""

from __future__ import annotations

import pytest

from directory import invariants
from directory.actions import servers
from directory.actions.organization import org_moves, org_settings, role_removal
from directory.input_errors import Refused
from directory.models import LdapServer
from directory.org_scope import own_lists, server_lists, servers_by_org
from orgs.actions import orgs
from orgs.models import AuditEntry, Org, Role, User
from orgs.rules.actors import SYSTEM, Actor, person
from tests.makers import (
    NOW,
    make_org,
    make_role,
    make_server,
    make_server_administrator,
    make_sysadmin,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree() -> tuple[Org, Org]:
    left = make_org("Left")
    return left, make_org("Lower", parent=left)


def give(org: Org, *listed: LdapServer, by: Actor = SYSTEM) -> None:
    org_settings.set_servers(org=org, servers=[server.pk for server in listed], by=by, at=NOW)


def serve(org: Org, service: str, by: Actor = SYSTEM) -> None:
    org_settings.set_directory_service(org=org, service=service, by=by, at=NOW)


class TestAListOfServers:
    def test_has_an_order_of_its_own(self, tree: tuple[Org, Org]) -> None:
        left, lower = tree
        first, second = make_server("First", position=0), make_server("Second", position=1)

        give(left, second, first)

        assert server_lists()[lower.pk] == (second.pk, first.pk)
        entry = AuditEntry.objects.get(action="LDAP servers of org changed")
        assert (entry.before, entry.after) == ({"ldap_servers": []}, {"ldap_servers": ["Second", "First"]})

    def test_keeps_that_order_when_the_servers_are_put_into_another_one(self, tree: tuple[Org, Org]) -> None:
        left, lower = tree
        listed = [make_server(name, position=number) for number, name in enumerate(("One", "Two", "Three"))]
        one, two, three = listed
        give(left, two, one)
        give(lower, one, three)

        servers.reorder(ids=[three.pk, one.pk, two.pk], by=SYSTEM, at=NOW)

        assert own_lists()[left.pk] == (two.pk, one.pk)
        assert own_lists()[lower.pk] == (three.pk, one.pk)

    def test_gets_one_more_at_its_place_or_at_the_end(self, tree: tuple[Org, Org]) -> None:
        left, lower = tree
        one, two, three = (make_server(name, position=number) for number, name in enumerate(("One", "Two", "Three")))
        give(left, three, one)
        give(lower, one, three)

        servers.save(server=two, values={}, orgs=[left, lower], by=SYSTEM, at=NOW)

        assert own_lists()[left.pk] == (three.pk, one.pk, two.pk)
        assert own_lists()[lower.pk] == (one.pk, two.pk, three.pk)

    def test_is_inherited_again_when_it_is_empty(self, tree: tuple[Org, Org]) -> None:
        left, lower = tree
        first, second = make_server("First"), make_server("Second")
        give(left, first)
        give(lower, second)

        give(lower)

        assert server_lists()[lower.pk] == (first.pk,)
        assert lower.pk not in own_lists()

    def test_names_servers_that_exist(self, tree: tuple[Org, Org]) -> None:
        with pytest.raises(Refused, match="does not exist any more"):
            org_settings.set_servers(org=tree[0], servers=[4711], by=SYSTEM, at=NOW)


class TestADirectoryService:
    def test_brings_orgs_into_the_scope_of_a_sync_and_takes_them_out(self, tree: tuple[Org, Org]) -> None:
        left, lower = tree
        server = make_server()
        give(left, server)

        serve(left, "ldap")
        assert servers_by_org()[lower.pk] == (server.pk,)

        serve(lower, "local")
        assert servers_by_org()[lower.pk] == ()

        serve(lower, "")
        assert servers_by_org()[lower.pk] == (server.pk,)

    def test_is_one_of_the_known_ones(self, tree: tuple[Org, Org]) -> None:
        with pytest.raises(Refused, match="there is no directory service cloud"):
            serve(tree[0], "cloud")


class TestPowers:
    """Which servers decide about whom is as strictly kept on the page of an org as on the page of a server."""

    @pytest.fixture
    def boss(self) -> LdapServer:
        """A server that may make anybody a SYSADMIN."""
        make_sysadmin()
        server = make_server("Boss")
        server.grantable_roles.set([Role.objects.get(name="SYSADMIN")])
        return server

    @pytest.fixture
    def sam(self) -> Actor:
        return person(make_server_administrator())

    def test_are_those_of_a_sysadmin_where_a_server_may_grant_more(
        self, tree: tuple[Org, Org], boss: LdapServer, sam: Actor
    ) -> None:
        left, lower = tree
        serve(left, "ldap")
        with pytest.raises(Refused, match="only a SYSADMIN may do this: Boss would decide"):
            give(left, boss, by=sam)

        give(lower, boss, by=person(User.objects.get(username="ada")))
        serve(lower, "local")
        with pytest.raises(Refused, match="only a SYSADMIN may do this: Boss would decide"):
            serve(lower, "", by=sam)

    def test_do_not_come_by_a_move(self, tree: tuple[Org, Org], boss: LdapServer, sam: Actor) -> None:
        left, _ = tree
        give(left, boss)
        serve(left, "ldap")
        other = make_org("Other")

        with pytest.raises(Refused, match="only a SYSADMIN may do this: Boss would decide"):
            org_moves.move(org=other, parent=left, by=sam, at=NOW)

        org_moves.move(org=other, parent=left, by=person(User.objects.get(username="ada")), at=NOW)
        assert servers_by_org()[other.pk] == (boss.pk,)
        assert invariants.broken(at=NOW) == []

    def test_to_end_the_approval_of_plans_are_those_of_a_sysadmin(self, tree: tuple[Org, Org], sam: Actor) -> None:
        left, lower = tree
        make_sysadmin()
        strict, lax = make_server("Strict", requires_approval=True), make_server("Lax")
        for server in (strict, lax):
            server.grantable_roles.set([])
        give(left, strict)
        serve(left, "ldap")

        for attempt in (
            lambda: serve(lower, "local", by=sam),
            lambda: give(lower, lax, by=sam),
            lambda: org_moves.move(org=lower, parent=make_org("Outside"), by=sam, at=NOW),
        ):
            with pytest.raises(Refused, match="only a SYSADMIN may take an org from Strict"):
                attempt()
        with pytest.raises(Refused, match="only a SYSADMIN may let a server decide without approval beside Strict"):
            give(lower, strict, lax, by=sam)
        serve(lower, "local", by=person(User.objects.get(username="ada")))


class TestADeletedRole:
    def test_is_gone(self) -> None:
        role_removal.delete(role=make_role("Clerk", "admin.user.read"), by=SYSTEM, at=NOW)

        assert not Role.objects.filter(name="Clerk").exists()
        assert AuditEntry.objects.get(action="role deleted").before["permissions"] == ["admin.user.read"]
        assert invariants.broken(at=NOW) == []

    def test_leaves_a_trail_that_fits_where_somebody_held_it(self) -> None:
        role = make_role("Clerk", "admin.user.read")
        pat = make_user("pat", roles=["Clerk"])
        pat.grants.all().delete()
        AuditEntry.objects.filter(object_id=pat.pk, action="user created").update(after={"org": "Default", "roles": []})

        role_removal.delete(role=role, by=SYSTEM, at=NOW)

        assert invariants.broken(at=NOW) == []

    def test_was_held_by_nobody(self) -> None:
        role = make_role("Clerk", "admin.user.read")
        make_user("pat", roles=["Clerk"])

        with pytest.raises(Refused, match="1 user holds Clerk: take it from them first"):
            role_removal.delete(role=role, by=SYSTEM, at=NOW)

    def test_was_given_by_no_org(self) -> None:
        role = make_role("Clerk", "admin.user.read")
        orgs.change(org=make_org("Left"), own_default_roles=True, default_roles=[role], by=SYSTEM, at=NOW)

        with pytest.raises(Refused, match="Clerk is a default role of Left: take it from there first"):
            role_removal.delete(role=role, by=SYSTEM, at=NOW)

    def test_was_on_no_server_s_list(self) -> None:
        role = make_role("Clerk", "admin.user.read")
        make_server("Corp").grantable_roles.set([role])

        with pytest.raises(Refused, match="Corp may grant Clerk"):
            role_removal.delete(role=role, by=SYSTEM, at=NOW)

    def test_was_no_standard_role(self) -> None:
        with pytest.raises(Refused, match="Org Admin is a standard role and locked"):
            role_removal.delete(role=Role.objects.get(name="Org Admin"), by=SYSTEM, at=NOW)

    def test_is_no_default_role_any_more_for_a_form_that_was_open(self) -> None:
        role = make_role("Clerk", "admin.user.read")
        role_removal.delete(role=Role.objects.get(pk=role.pk), by=SYSTEM, at=NOW)

        with pytest.raises(Refused, match="there is no role Clerk any more"):
            orgs.change(org=make_org("Left"), own_default_roles=True, default_roles=[role], by=SYSTEM, at=NOW)
