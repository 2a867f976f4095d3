"""What somebody who saves, orders or deletes LDAP servers may not bring about: grants beyond what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from directory.actions import servers
from directory.input_errors import Invalid, Refused
from directory.models import LdapServer
from directory.org_scope import orgs_in_scope
from directory.servers import setting_powers
from directory.servers.setting_questions import Confirmed
from orgs.actions import orgs
from orgs.models import AuditEntry, Org, Role
from orgs.permissions import SERVER_ADMINISTRATOR, SYSADMIN, Permission
from orgs.rules.actors import SYSTEM, Actor, person
from tests.makers import make_role
from tests.worlds import NOON, ldap_server, org, user

pytestmark = pytest.mark.django_db

SERVER_ADMIN_ROLES = ("PROe User", "Desktop User", "Remote File Selection")
GREEDY = "function (entry) { return ['All Org Admin'] }"
URL = "ldap://127.0.0.1:1"


@pytest.fixture
def bob() -> Actor:
    """A Server Administrator of the top of the tree, whose permissions reach every org."""
    return person(user("bob", org_name="ADMIN", roles=[SERVER_ADMINISTRATOR]))


@pytest.fixture
def sam() -> Actor:
    """A Server Administrator of an org below the top."""
    return person(user("sam", org_name="Lyon", roles=[SERVER_ADMINISTRATOR]))


@pytest.fixture
def ada() -> Actor:
    return person(user("ada", org_name="ADMIN", roles=[SYSADMIN]))


def roles(*names: str) -> list[Role]:
    found = list(Role.objects.filter(name__in=names))
    assert len(found) == len(names)
    return found


def granted(server: LdapServer) -> set[str]:
    return set(server.grantable_roles.values_list("name", flat=True))


def new_server(by: Actor, **options: Any) -> LdapServer:
    values = {"name": "Mine", "urls": ["ldaps://ldap.invalid"], "search_base": "dc=example,dc=com"}
    return servers.save(server=None, values=values, by=by, at=NOON, **options)


class TestANewServer:
    def test_may_grant_by_default_only_what_its_maker_holds(self, bob: Actor) -> None:
        found = granted(new_server(bob))

        assert set(SERVER_ADMIN_ROLES) <= found
        assert found.isdisjoint({SYSADMIN, SERVER_ADMINISTRATOR, "All Org Admin", "Help Desk", "Org Admin"})

    def test_of_somebody_whose_permissions_reach_one_org_grants_none_that_count_in_others(self, sam: Actor) -> None:
        found = granted(new_server(sam))

        assert {"PROe User", "Desktop User"} <= found
        assert found.isdisjoint({"Admin Restore", "Push Restore", "Remote File Selection"})

    def test_of_a_sysadmin_or_the_command_line_may_grant_all_but_the_servers_own_administrators(
        self, ada: Actor
    ) -> None:
        everything = set(Role.objects.values_list("name", flat=True)) - {SYSADMIN, SERVER_ADMINISTRATOR}

        assert granted(new_server(ada)) == everything
        assert {role.name for role in setting_powers.default_grantable_roles(SYSTEM)} == everything

    def test_is_refused_where_it_shall_grant_more(self, bob: Actor) -> None:
        with pytest.raises(Invalid, match="only a SYSADMIN may let a server grant All Org Admin"):
            new_server(bob, grantable_roles=roles("All Org Admin", "PROe User"))
        assert not LdapServer.objects.exists()


class TestAServerThatMayGrantMore:
    @pytest.fixture
    def server(self) -> LdapServer:
        return ldap_server(URL, grantable_roles=["All Org Admin", "PROe User"])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("role_name_script", GREEDY),
            ("active_script", "function (entry) { return false }"),
            ("org_name_script", "function (entry) { return 'ADMIN' }"),
            ("search_filter", "(uid=bob)"),
            ("search_base", "dc=mine,dc=example"),
            ("username_attribute", "description"),
            ("urls", ["ldaps://mine.invalid"]),
            ("verify_certificates", False),
        ],
    )
    def test_is_not_changed_in_what_decides_who_gets_it(
        self, server: LdapServer, bob: Actor, name: str, value: Any
    ) -> None:
        with pytest.raises(Invalid, match=r"only a SYSADMIN may change .* that may grant All Org Admin"):
            servers.save(server=server, values={name: value}, by=bob, at=NOON)

    def test_is_changed_once_it_may_no_more(self, server: LdapServer, bob: Actor) -> None:
        saved = servers.save(
            server=server,
            values={"role_name_script": GREEDY},
            by=bob,
            at=NOON,
            grantable_roles=roles("PROe User"),
        )

        assert saved.role_name_script == GREEDY

    def test_keeps_what_a_sysadmin_allowed_and_takes_settings_that_grant_nothing(
        self, server: LdapServer, bob: Actor
    ) -> None:
        servers.save(
            server=server,
            values={"name": "Headquarters", "sync_interval_hours": 5},
            by=bob,
            at=NOON,
            grantable_roles=roles("All Org Admin", "PROe User"),
        )

        assert granted(server) == {"All Org Admin", "PROe User"}

    def test_is_changed_by_a_sysadmin(self, server: LdapServer, ada: Actor) -> None:
        saved = servers.save(server=server, values={"role_name_script": GREEDY}, by=ada, at=NOON)

        assert saved.role_name_script == GREEDY

    def test_counts_by_permissions_not_by_the_name_of_the_role(self, bob: Actor) -> None:
        make_role("Innocent", Permission.ALL_USER, Permission.ACCOUNT_UPDATE)
        server = ldap_server(URL, grantable_roles=["Innocent"])

        with pytest.raises(Invalid, match="Innocent"):
            servers.save(server=server, values={"role_name_script": GREEDY}, by=bob, at=NOON)


class TestWhichServerDecides:
    """A server that a SYSADMIN let grant more says who gets it of those whom it is asked about, and of nobody else."""

    @pytest.fixture
    def rich(self) -> LdapServer:
        return ldap_server(URL, name="Rich", orgs=("IT",), grantable_roles=["All Org Admin"])

    @pytest.fixture
    def poor(self) -> LdapServer:
        return ldap_server(URL, name="Poor", orgs=("Default",), grantable_roles=["PROe User"])

    def test_is_not_changed_by_an_org_that_shall_ask_it(self, rich: LdapServer, poor: LdapServer, bob: Actor) -> None:
        with pytest.raises(Invalid, match=r"Rich would decide about users .* All Org Admin"):
            servers.save(server=rich, values={}, orgs=[org("IT"), org("Default")], by=bob, at=NOON)
        assert orgs_in_scope()[org("Default").pk].servers == (poor.pk,)

    def test_is_not_changed_by_enabling_it(self, rich: LdapServer, bob: Actor) -> None:
        servers.save(server=rich, values={"enabled": False}, by=SYSTEM, at=NOON)

        with pytest.raises(Invalid, match="Rich would decide"):
            servers.save(server=rich, values={"enabled": True}, by=bob, at=NOON)

    @pytest.mark.parametrize("act", ["delete", "disable", "take the org", "reorder"])
    def test_is_not_changed_by_what_happens_to_the_one_before_it(self, bob: Actor, act: str) -> None:
        poor = ldap_server(URL, name="Poor", grantable_roles=["PROe User"])
        rich = ldap_server(URL, name="Rich", grantable_roles=["All Org Admin"])
        assert orgs_in_scope()[org("Default").pk].servers == (poor.pk, rich.pk)

        acts: dict[str, Callable[[], object]] = {
            "delete": lambda: servers.delete(server=poor, by=bob, at=NOON),
            "disable": lambda: servers.save(server=poor, values={"enabled": False}, by=bob, at=NOON),
            "take the org": lambda: servers.save(server=poor, values={}, orgs=[], by=bob, at=NOON),
            "reorder": lambda: servers.reorder(ids=[rich.pk, poor.pk], by=bob, at=NOON),
        }

        with pytest.raises((Invalid, Refused), match="Rich would decide"):
            acts[act]()

        assert orgs_in_scope()[org("Default").pk].servers == (poor.pk, rich.pk)

    def test_is_not_changed_by_an_own_list_that_ends(self, bob: Actor) -> None:
        ldap_server(URL, name="Rich", grantable_roles=["All Org Admin"])
        poor = ldap_server(URL, name="Poor", orgs=("IT",), grantable_roles=["PROe User"])

        with pytest.raises(Refused, match="Rich would decide"):
            servers.delete(server=poor, by=bob, at=NOON)

    def test_may_change_to_one_that_grants_no_more_than_they_hold(self, poor: LdapServer, bob: Actor) -> None:
        other = ldap_server(URL, name="Other", orgs=("IT",), grantable_roles=["PROe User"])

        servers.save(server=poor, values={}, orgs=[org("IT"), org("Default")], by=bob, at=NOON)
        servers.delete(server=other, by=bob, at=NOON)

        assert orgs_in_scope()[org("IT").pk].servers == (poor.pk,)


class TestDefaultRolesOfAnOrg:
    """A script may put anybody into any org, and an empty list of role names asks for the default roles there."""

    @pytest.fixture(autouse=True)
    def support(self) -> None:
        role = Role.objects.get(name="Help Desk")
        orgs.change(org=org("Support"), own_default_roles=True, default_roles=[role], by=SYSTEM, at=NOON)

    def test_beyond_what_an_administrator_holds_keep_them_from_the_scripts(self, bob: Actor, ada: Actor) -> None:
        server = ldap_server(URL, grantable_roles=["PROe User"])
        values = {"org_name_script": "function (entry) { return 'Support' }"}

        with pytest.raises(Invalid, match=r"Help Desk \(default role of Support\)"):
            servers.save(server=server, values=values, by=bob, at=NOON)

        servers.save(server=server, values=values, by=ada, at=NOON)

    def test_keep_them_from_new_servers_for_orgs(self, bob: Actor) -> None:
        with pytest.raises(Invalid, match=r"Help Desk \(default role of Support\)"):
            new_server(bob, orgs=[org("Default")])

    def test_that_hold_admin_need_the_servers_leave_anyway(self, bob: Actor) -> None:
        role = Role.objects.get(name=SYSADMIN)
        orgs.change(org=org("Support"), own_default_roles=True, default_roles=[role], by=SYSTEM, at=NOON)
        server = ldap_server(URL, grantable_roles=["PROe User"])

        servers.save(server=server, values={"role_name_script": "function (entry) { return [] }"}, by=bob, at=NOON)


class TestTheOrder:
    def test_is_that_of_every_list_and_leaves_a_row_for_each_org(self) -> None:
        first, second = ldap_server(URL, name="First"), ldap_server(URL, name="Second")
        third = ldap_server(URL, name="Third", orgs=("IT",))

        servers.reorder(ids=[third.pk, second.pk], by=SYSTEM, at=NOON)

        assert list(LdapServer.objects.in_order()) == [third, second, first]
        assert orgs_in_scope()[org("Default").pk].servers == (second.pk, first.pk)
        trail = AuditEntry.objects.get(action="LDAP servers reordered")
        assert (trail.before, trail.after) == (
            {"order": ["First", "Second", "Third"]},
            {"order": ["Third", "Second", "First"]},
        )
        changed = AuditEntry.objects.filter(action="LDAP servers of org changed").latest("pk")
        assert (changed.object_id, changed.after) == (org("Default").pk, {"ldap_servers": ["Second", "First"]})

    def test_that_is_the_same_leaves_no_row(self) -> None:
        server = ldap_server(URL)

        servers.reorder(ids=[server.pk], by=SYSTEM, at=NOON)

        assert not AuditEntry.objects.filter(action="LDAP servers reordered").exists()


class TestAnOrgThatIsTakenFromItsLastServer:
    def test_inherits_again_as_it_did_before(self) -> None:
        corp = ldap_server(URL)
        branch = ldap_server(URL, name="Branch", orgs=("Lyon",))
        assert Org.objects.get(name="Lyon").directory_service == ""

        servers.save(server=branch, values={}, orgs=[], by=SYSTEM, at=NOON)

        assert orgs_in_scope()[org("Lyon").pk].servers == (corp.pk,)

    def test_gets_the_directory_service_back_that_it_had(self) -> None:
        corp = ldap_server(URL, orgs=("Lyon",))
        assert Org.objects.get(name="Lyon").directory_service == "ldap"

        servers.save(server=corp, values={}, orgs=[], by=SYSTEM, at=NOON)

        assert Org.objects.get(name="Lyon").directory_service == ""

    def test_keeps_the_inherited_servers_where_that_is_wanted(self) -> None:
        corp, lyon = ldap_server(URL), org("Lyon")
        branch = ldap_server(URL, name="Branch", orgs=())

        servers.save(
            server=branch,
            values={},
            orgs=[lyon],
            by=SYSTEM,
            at=NOON,
            confirmed=Confirmed(keep_inherited=frozenset({lyon.pk})),
        )

        assert orgs_in_scope()[lyon.pk].servers == (corp.pk, branch.pk)
